//! crypto.json, group by group.

fn run(group: &str) {
    super::run("crypto", group);
}

/// WIR-3: every label and its hash.
#[test]
fn the_labels_are_those_of_the_table() {
    run("label");
}

/// WIR-3: Extract.
#[test]
fn extract_is_that_of_hkdf() {
    run("extract");
}

/// WIR-3: Expand, with and without a label.
#[test]
fn expand_gives_one_block() {
    run("expand");
}

/// WIR-3: HMAC.
#[test]
fn hmac_takes_keys_of_any_length() {
    run("hmac");
}

/// WIR-3: SHA-256.
#[test]
fn the_hash_is_sha_256() {
    run("hash");
}

/// WIR-4: AES-256-GCM by counter.
#[test]
fn records_are_sealed_and_opened() {
    run("aead");
}

/// WIR-4: what does not open.
#[test]
fn what_was_changed_does_not_open() {
    run("aead refused");
}

/// WIR-5: X25519.
#[test]
fn x25519_agrees() {
    run("x25519");
}

/// WIR-5: every point that gives zero.
#[test]
fn a_shared_secret_of_zero_is_refused() {
    run("x25519 zero");
}

/// WIR-6: ML-KEM-768 from its random bytes, and wrong ciphertexts.
#[test]
fn ml_kem_encapsulates_and_rejects_implicitly() {
    run("kem");
}

/// WIR-6: encapsulation keys that fail the modulus check.
#[test]
fn an_unreduced_key_is_refused() {
    run("bad ek");
}

/// WIR-7: signatures, good, malleable and of small order.
#[test]
fn signatures_are_verified_strictly() {
    run("ed25519");
}
