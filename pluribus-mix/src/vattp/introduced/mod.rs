//! The handshake of somebody who holds a ticket. Spec chapter 6, section 6.3.
//!
//! A ticket brings two things that an ordinary dial lacks: a key of R for this one use, and a secret. So the first flight can
//! say something that only R reads, EARLY, and R, which knows from it who dials, can say something back at once, ANSWER:
//!
//! ```text
//! I: start ─IWANT─► Early ─EARLY─► ExpectIam ─► ExpectReplyInfo ─► ExpectAnswer ─► Answered ─GIVEINFO,GO─► pipe
//! R: ExpectIWant ─► ExpectEarly ─► Asked ─IAM,REPLYINFO,ANSWER─► ExpectGiveInfo ─► ExpectGo ─► Accepted ─► pipe
//! ```
//!
//! What stands in EARLY is sealed and opened by whoever calls: here it is bytes that enter the transcript, and what the
//! caller says it has read in them is held against flight 3. All else is the handshake of
//! [`initiator`](super::initiator) and [`responder`](super::responder), whose states these states hold.

pub mod initiator;
pub mod responder;

use crate::crypto::dh::Scalar;
use crate::crypto::kdf::Secret;
use zeroize::Zeroizing;

/// What a ticket adds to the secrets of a handshake. (RDV-12)
pub struct Introduced {
    /// X25519(x_i, B_t).
    pub dh: Zeroizing<[u8; 32]>,
    /// s_t.
    pub secret: Secret,
}

impl Introduced {
    /// From the secret of one X25519 key and the other's public one, and s_t. `None` if the shared secret would be zero.
    pub fn new(ours: &Scalar, theirs: &[u8; 32], secret: &Secret) -> Option<Self> {
        Some(Self {
            dh: ours.agree(theirs)?,
            secret: Secret::from(*secret.as_bytes()),
        })
    }
}
