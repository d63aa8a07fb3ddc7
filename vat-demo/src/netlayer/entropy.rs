//! Where a vat's randomness comes from, for vats that are real.

/// 32 random bytes of the operating system. If it has none the process ends: a key that is not random would be worse.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "where a vat's randomness comes from"
)]
pub fn system() -> [u8; 32] {
    let mut bytes = [0; 32];
    if getrandom::fill(&mut bytes).is_err() {
        eprintln!("the operating system gives no random bytes");
        std::process::exit(1);
    }
    bytes
}
