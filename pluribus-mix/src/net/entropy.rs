//! The one source of randomness. Everything below the driver forks a seed; here it is drawn from the machine.

use zeroize::Zeroizing;

use crate::crypto::rng::Seed;
use crate::crypto::sign::SigningKey;

use super::error::BindError;

/// A signing key that nobody else has: a new vat.
///
/// # Errors
/// [`BindError::Entropy`].
pub fn fresh_key() -> Result<SigningKey, BindError> {
    Ok(SigningKey::from_seed(&*draw()?))
}

/// Where a vat's counter of incarnations begins: somewhere below 2⁶², and not at 0, which means anonymous.
pub(super) fn first_incarnation() -> Result<u64, BindError> {
    Ok((u64::from_be_bytes(*draw()?) >> 2).max(1))
}

pub(super) fn fresh_seed() -> Result<Seed, BindError> {
    Ok(Seed::from_bytes(*draw()?))
}

fn draw<const N: usize>() -> Result<Zeroizing<[u8; N]>, BindError> {
    let mut bytes = Zeroizing::new([0; N]);
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver draws the seed that cores fork"
    )]
    getrandom::fill(&mut *bytes).map_err(|_| BindError::Entropy)?;
    Ok(bytes)
}
