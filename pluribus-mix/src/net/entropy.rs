//! The one source of randomness. Everything below the driver forks a seed; here it is drawn from the machine.

use std::net::Ipv4Addr;

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

/// An address of this machine that is most likely nobody else's: of 127.0.0.0/8, where Linux has all. For networks on one machine, in
/// which an address shall mean somebody.
///
/// # Errors
/// [`BindError::Entropy`].
pub fn loopback_address() -> Result<Ipv4Addr, BindError> {
    let [a, b, c] = *draw()?;
    // 127.0.0.0/16 is left to whoever types addresses.
    Ok(Ipv4Addr::new(127, a.max(1), b, c.clamp(1, 254)))
}

/// A secret of 32 bytes.
pub(super) fn fresh_secret() -> Result<Zeroizing<[u8; 32]>, BindError> {
    draw()
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
