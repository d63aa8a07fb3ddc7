//! AES-256-GCM by counter, from either of two libraries. (WIR-4)
//!
//! Both give the same bytes. When opening fails the buffer must not be looked at: `ring` has overwritten it by then. So [`Key::open`]
//! hands the plaintext back as a slice, and only when the tag was right.

use zeroize::Zeroizing;

mod keystream;

pub use keystream::Keystream;

/// Bytes of a tag.
pub const TAG_LEN: usize = 16;

/// Which library does the work. The bytes are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// RustCrypto's `aes-gcm`: wipes its keys when dropped.
    AesGcm,
    /// `ring`: about twice as fast at record sizes; keeps its key schedule unwiped.
    #[cfg(feature = "ring")]
    Ring,
}

impl Backend {
    /// All that this build has.
    pub const ALL: &'static [Self] = &[
        Self::AesGcm,
        #[cfg(feature = "ring")]
        Self::Ring,
    ];

    /// The library's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aes-gcm",
            #[cfg(feature = "ring")]
            Self::Ring => "ring",
        }
    }
}

impl Default for Backend {
    /// `ring` where the build has it.
    fn default() -> Self {
        #[cfg(feature = "ring")]
        return Self::Ring;
        #[cfg(not(feature = "ring"))]
        return Self::AesGcm;
    }
}

/// What failed to open, or was too long to seal. Says no more, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// One key of AES-256-GCM, used with each counter once.
pub trait Aead {
    /// Encrypts `buffer` in place and returns the tag. Refuses only what is longer than GCM allows (64 GiB).
    fn seal(&self, counter: u64, aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_LEN], Refused>;

    /// Decrypts `buffer` = ciphertext ‖ tag in place and returns the plaintext. On refusal the buffer's content is undefined.
    fn open<'b>(
        &self,
        counter: u64,
        aad: &[u8],
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Refused>;
}

/// [`Aead`] with the tag apart from the ciphertext, as a cell bears it.
pub trait Detached: Aead {
    /// Decrypts `buffer` in place if `tag` is right. On refusal the buffer's content is undefined.
    fn open_detached(
        &self,
        counter: u64,
        aad: &[u8],
        tag: &[u8; TAG_LEN],
        buffer: &mut [u8],
    ) -> Result<(), Refused>;
}

/// A key in the backend that was chosen for it.
pub struct Key(Inner);

enum Inner {
    AesGcm(Box<soft::Key>),
    #[cfg(feature = "ring")]
    Ring(Box<fast::Key>),
}

impl Key {
    /// The key, scheduled in `backend`.
    pub fn new(backend: Backend, key: &[u8; 32]) -> Self {
        Self(match backend {
            Backend::AesGcm => Inner::AesGcm(Box::new(soft::Key::new(key))),
            #[cfg(feature = "ring")]
            Backend::Ring => Inner::Ring(Box::new(fast::Key::new(key))),
        })
    }

    /// The backend this key is scheduled in.
    pub const fn backend(&self) -> Backend {
        match self.0 {
            Inner::AesGcm(_) => Backend::AesGcm,
            #[cfg(feature = "ring")]
            Inner::Ring(_) => Backend::Ring,
        }
    }
}

#[cfg(test)]
impl Key {
    /// Bytes that the schedule takes.
    pub(crate) fn heap(&self) -> usize {
        match &self.0 {
            Inner::AesGcm(key) => size_of_val(&**key),
            #[cfg(feature = "ring")]
            Inner::Ring(key) => size_of_val(&**key),
        }
    }
}

impl Aead for Key {
    fn seal(&self, counter: u64, aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_LEN], Refused> {
        match &self.0 {
            Inner::AesGcm(key) => key.seal(counter, aad, buffer),
            #[cfg(feature = "ring")]
            Inner::Ring(key) => key.seal(counter, aad, buffer),
        }
    }

    fn open<'b>(
        &self,
        counter: u64,
        aad: &[u8],
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Refused> {
        match &self.0 {
            Inner::AesGcm(key) => key.open(counter, aad, buffer),
            #[cfg(feature = "ring")]
            Inner::Ring(key) => key.open(counter, aad, buffer),
        }
    }
}

impl Detached for Key {
    fn open_detached(
        &self,
        counter: u64,
        aad: &[u8],
        tag: &[u8; TAG_LEN],
        buffer: &mut [u8],
    ) -> Result<(), Refused> {
        match &self.0 {
            Inner::AesGcm(key) => key.open_detached(counter, aad, tag, buffer),
            #[cfg(feature = "ring")]
            Inner::Ring(key) => key.open_detached(counter, aad, tag, buffer),
        }
    }
}

/// Nonce = 0 (4) ‖ counter (8). (WIR-4)
fn nonce(counter: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce
        .iter_mut()
        .skip(4)
        .zip(counter.to_be_bytes())
        .for_each(|(byte, c)| *byte = c);
    nonce
}

mod soft {
    use super::{Aead, Detached, Refused, TAG_LEN, nonce};
    use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};

    pub(super) struct Key(Aes256Gcm);

    impl Key {
        pub(super) fn new(key: &[u8; 32]) -> Self {
            Self(Aes256Gcm::new(key.into()))
        }
    }

    impl Aead for Key {
        fn seal(
            &self,
            counter: u64,
            aad: &[u8],
            buffer: &mut [u8],
        ) -> Result<[u8; TAG_LEN], Refused> {
            self.0
                .encrypt_inout_detached(&nonce(counter).into(), aad, buffer.into())
                .map(Into::into)
                .map_err(|_| Refused)
        }

        fn open<'b>(
            &self,
            counter: u64,
            aad: &[u8],
            buffer: &'b mut [u8],
        ) -> Result<&'b mut [u8], Refused> {
            let Some((text, tag)) = buffer.split_last_chunk_mut::<TAG_LEN>() else {
                return Err(Refused);
            };
            self.open_detached(counter, aad, tag, text)?;
            Ok(text)
        }
    }

    impl Detached for Key {
        fn open_detached(
            &self,
            counter: u64,
            aad: &[u8],
            tag: &[u8; TAG_LEN],
            buffer: &mut [u8],
        ) -> Result<(), Refused> {
            let (nonce, tag) = (nonce(counter).into(), (*tag).into());
            self.0
                .decrypt_inout_detached(&nonce, aad, buffer.into(), &tag)
                .map_err(|_| Refused)
        }
    }
}

#[cfg(feature = "ring")]
mod fast {
    use super::{Aead, Detached, Refused, TAG_LEN, nonce};
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    pub(super) struct Key(LessSafeKey);

    impl Key {
        #[expect(
            clippy::expect_used,
            reason = "ring refuses only keys of another length"
        )]
        pub(super) fn new(key: &[u8; 32]) -> Self {
            let key = UnboundKey::new(&AES_256_GCM, key).expect("32 bytes are an AES-256 key");
            Self(LessSafeKey::new(key))
        }
    }

    impl Aead for Key {
        fn seal(
            &self,
            counter: u64,
            aad: &[u8],
            buffer: &mut [u8],
        ) -> Result<[u8; TAG_LEN], Refused> {
            let nonce = Nonce::assume_unique_for_key(nonce(counter));
            let tag = self
                .0
                .seal_in_place_separate_tag(nonce, Aad::from(aad), buffer)
                .map_err(|_| Refused)?;
            tag.as_ref().try_into().map_err(|_| Refused)
        }

        fn open<'b>(
            &self,
            counter: u64,
            aad: &[u8],
            buffer: &'b mut [u8],
        ) -> Result<&'b mut [u8], Refused> {
            let nonce = Nonce::assume_unique_for_key(nonce(counter));
            self.0
                .open_in_place(nonce, Aad::from(aad), buffer)
                .map_err(|_| Refused)
        }
    }

    impl Detached for Key {
        fn open_detached(
            &self,
            counter: u64,
            aad: &[u8],
            tag: &[u8; TAG_LEN],
            buffer: &mut [u8],
        ) -> Result<(), Refused> {
            let nonce = Nonce::assume_unique_for_key(nonce(counter));
            self.0
                .open_in_place_separate_tag(nonce, Aad::from(aad), (*tag).into(), buffer, 0..)
                .map(drop)
                .map_err(|_| Refused)
        }
    }
}

/// Seals a short secret item of a handshake: ciphertext ‖ tag in a new buffer. (VTP-8)
pub fn seal_item(key: &Key, counter: u64, item: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut sealed = Vec::with_capacity(item.len() + TAG_LEN);
    sealed.extend_from_slice(item);
    let tag = key.seal(counter, b"", &mut sealed)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal_item`] made; wiped when the caller drops it. (VTP-8)
pub fn open_item(key: &Key, counter: u64, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Refused> {
    let mut item = Zeroizing::new(sealed.to_vec());
    let len = key.open(counter, b"", &mut item)?.len();
    item.truncate(len);
    Ok(item)
}

#[cfg(test)]
mod tests;
