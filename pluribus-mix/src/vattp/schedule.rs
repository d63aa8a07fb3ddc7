//! From shared secrets to keys. (VTP-7, VTP-8, VTP-14)

use super::Use;
use super::introduced::Introduced;
use super::transcript::Transcript;
use crate::ablation::{check, defend};
use crate::crypto::aead::{Backend, Key};
use crate::crypto::kdf::{Label, Secret};

/// hs: what both sides know after IAM.
pub(super) struct HandshakeSecret(Secret);

impl HandshakeSecret {
    /// From X25519(x_i, x_r) and the KEM's secret, and what a ticket adds, salted with h after IAM. (VTP-7, RDV-12)
    pub(super) fn new(
        after_iam: &Transcript,
        dh: &[u8; 32],
        kem: &[u8; 32],
        introduced: Option<&Introduced>,
    ) -> Self {
        let len = 32_u16.to_be_bytes();
        let mut parts: Vec<&[u8]> = vec![&len, dh, &len, kem];
        if let Some(it) = introduced {
            parts.extend([&len, &it.dh[..], &len, it.secret.as_bytes()]);
        }
        Self(Secret::extract(after_iam.as_bytes(), &parts))
    }

    /// k_rh and f_r. (VTP-8)
    pub(super) fn responder(&self, after_iam: &Transcript, backend: Backend) -> Finish {
        Finish::new(&self.0, Label::R_HS, Label::R_FIN, after_iam, backend)
    }

    /// k_ih and f_i. (VTP-8)
    pub(super) fn initiator(&self, after_reply: &Transcript, backend: Backend) -> Finish {
        Finish::new(&self.0, Label::I_HS, Label::I_FIN, after_reply, backend)
    }

    /// The traffic secrets; the handshake's own is spent. (VTP-14)
    pub(super) fn traffic(self, after_go: &Transcript) -> Traffic {
        let derived = self.0.expand(Label::DERIVED, b"");
        let ms = Secret::extract(after_go.as_bytes(), &[derived.as_bytes()]);
        Traffic {
            i_to_r: ms.expand(Label::I_TO_R, b""),
            r_to_i: ms.expand(Label::R_TO_I, b""),
            exporter: Exporter(ms.expand(Label::EXPORTER, b"")),
        }
    }
}

/// One side's handshake keys: one to seal, one to finish.
pub(super) struct Finish {
    /// k_rh or k_ih.
    pub(super) seal: Key,
    /// f_r or f_i.
    pub(super) mac: Secret,
}

impl Finish {
    fn new(hs: &Secret, seal: Label, mac: Label, h: &Transcript, backend: Backend) -> Self {
        let key = hs.expand(seal, h.as_bytes());
        Self {
            seal: Key::new(backend, key.as_bytes()),
            mac: hs.expand(mac, h.as_bytes()),
        }
    }
}

/// What the pipe starts from.
pub(super) struct Traffic {
    pub(super) i_to_r: Secret,
    pub(super) r_to_i: Secret,
    pub(super) exporter: Exporter,
}

/// The channel binding: 32 bytes that both ends of this pipe know and nobody else. (VTP-14)
pub struct Exporter(Secret);

impl Exporter {
    /// These bytes.
    #[cfg(test)]
    pub(super) fn of(bytes: [u8; 32]) -> Self {
        Self(Secret::from(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }
}

/// The start of a transcript, for both roles.
pub(super) fn begin(for_use: Use, iwant: &[u8]) -> Transcript {
    let mut h = Transcript::new(for_use);
    defend!(Heard, h.absorb(iwant));
    h
}
