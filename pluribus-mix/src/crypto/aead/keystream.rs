//! What AES-256-GCM XORs onto a text, one block at a time.

use aes_gcm::aes::{
    Aes256Enc, Block,
    cipher::{BlockCipherEncrypt, KeyInit},
};

use super::nonce;

/// The keystream of [`super::Key`] under one key: whoever knows the key can say what a few bytes of a text will be under it
/// without sealing all of it. Wiped when dropped.
pub struct Keystream(Box<Aes256Enc>);

impl Keystream {
    /// The blocks that are made in one go.
    const BATCH: usize = 8;

    /// The keystream under `key`.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(Aes256Enc::new(key.into())))
    }

    /// Bytes that [`Keystream::fill`] makes: as many as the block cipher takes in one go where it is widest.
    pub const BLOCKS: usize = 1024;

    /// Fills `out` with the keystream of counter 0 under a key that is used for nothing else, and keeps nothing. For each byte this costs a fraction of what
    /// a few blocks cost.
    pub fn fill(key: &[u8; 32], out: &mut [u8; Self::BLOCKS]) {
        let mut blocks = [Block::default(); Self::BLOCKS / 16];
        for (at, block) in (0..).zip(&mut blocks) {
            *block = input(0, at).into();
        }
        Aes256Enc::new(key.into()).encrypt_blocks(&mut blocks);
        let made = out.as_chunks_mut::<16>().0.iter_mut().zip(blocks);
        made.for_each(|(to, block)| *to = block.into());
    }

    /// XORs the keystream of `counter` onto `text`, which begins `first` blocks of 16 bytes behind the start of what is sealed.
    pub fn apply(&self, counter: u64, first: u32, text: &mut [u8]) {
        let mut at = first;
        for part in text.chunks_mut(16 * Self::BATCH) {
            let mut blocks = [Block::default(); Self::BATCH];
            let used = part.len().div_ceil(16);
            let blocks = blocks.split_at_mut(used).0;
            for block in blocks.iter_mut() {
                *block = input(counter, at).into();
                at += 1;
            }
            self.0.encrypt_blocks(blocks);
            let stream = blocks.iter().flatten();
            part.iter_mut().zip(stream).for_each(|(t, s)| *t ^= s);
        }
    }
}

#[cfg(test)]
impl Keystream {
    /// Bytes that the schedule takes.
    pub(crate) fn heap(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// GCM's block counter begins at 1, and that block hides the tag: the text begins at 2.
fn input(counter: u64, block: u32) -> [u8; 16] {
    let mut input = [0; 16];
    let (head, tail) = input.split_at_mut(12);
    head.copy_from_slice(&nonce(counter));
    tail.copy_from_slice(&(block + 2).to_be_bytes());
    input
}

#[cfg(test)]
mod tests {
    use super::super::{Aead, Backend, Key};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// WIR-4: sealing zeros shows the keystream; from any block on it is the same.
        #[test]
        fn it_is_what_sealing_zeros_gives(key: [u8; 32], counter: u64, len in 0..400usize, first in 0..20u32) {
            let skipped = 16 * first as usize;
            for backend in Backend::ALL {
                let mut sealed = vec![0; skipped + len];
                Key::new(*backend, &key).seal(counter, b"", &mut sealed).unwrap();
                let mut text = vec![0; len];
                Keystream::new(&key).apply(counter, first, &mut text);
                prop_assert_eq!(&text[..], &sealed[skipped..]);
            }
        }

        /// WIR-4: and so it is when it is made in one go.
        #[test]
        fn much_at_once_is_the_same(key: [u8; 32]) {
            let (mut once, mut text) = ([7; Keystream::BLOCKS], [0; Keystream::BLOCKS]);
            Keystream::fill(&key, &mut once);
            Keystream::new(&key).apply(0, 0, &mut text);
            prop_assert_eq!(once, text);
        }
    }
}
