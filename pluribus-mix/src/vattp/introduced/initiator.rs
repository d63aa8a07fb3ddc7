//! The side that dials with a ticket. The mirror of [`super::responder`], in the same order.

use super::Introduced;
use crate::ablation::{check, defend};
use crate::crypto::aead::open_item;
use crate::crypto::kdf::Secret;
use crate::vattp::flight::EARLY_LEN;
use crate::vattp::initiator::{self, CannotDial, Entropy, Established, Proven, go_too};
use crate::vattp::pair::{PairFields, Side};
use crate::vattp::pipe::{Carried, Sealer};
use crate::vattp::schedule::Finish;
use crate::vattp::target::Wanted;
use crate::vattp::{Local, Offers, Peer, Violation};
use crate::wire::Put;
use core::mem;
use zeroize::Zeroizing;

/// Writes IWANT to `out`, for the vat that a ticket leads to: `wanted` has the ticket's prekey and place, `secret` is its
/// secret. EARLY is to follow.
///
/// # Errors
/// If the vat wanted is our own, or the prekey useless.
pub fn start(
    wanted: Wanted,
    secret: Secret,
    local: Local,
    offers: Offers,
    entropy: Entropy,
    out: &mut Vec<u8>,
) -> Result<Early, CannotDial> {
    let (mut next, dh) = initiator::ask(wanted, Some(&secret), local, offers, entropy, out)?;
    Ok(Early {
        h: *next.h().as_bytes(),
        next,
        introduced: Introduced { dh, secret },
    })
}

/// IWANT is out; EARLY is to be said.
pub struct Early {
    next: initiator::ExpectIam,
    introduced: Introduced,
    h: [u8; 32],
}

impl Early {
    /// h after IWANT, which EARLY is sealed and signed for. (RDV-10)
    pub const fn h(&self) -> &[u8; 32] {
        &self.h
    }

    /// x_i of this attempt.
    pub fn x_i(&self) -> [u8; 32] {
        self.next.x_i()
    }

    /// What EARLY is sealed with.
    pub const fn introduced(&self) -> &Introduced {
        &self.introduced
    }

    /// Writes EARLY to `out`; `fields` are the pair fields in it, which GO will say again. (RDV-10, RDV-15)
    ///
    /// # Errors
    /// If EARLY has a length that it cannot have.
    pub fn say(
        mut self,
        early: &[u8],
        fields: &PairFields,
        out: &mut Vec<u8>,
    ) -> Result<ExpectIam, Violation> {
        if !EARLY_LEN.contains(&early.len()) {
            return Err(Violation::Length);
        }
        defend!(EarlyHeard, self.next.h().absorb(early));
        out.put_lp(early);
        Ok(ExpectIam {
            state: self.next,
            introduced: self.introduced,
            fields: *fields,
        })
    }
}

/// EARLY is out; IAM is awaited.
pub struct ExpectIam {
    state: initiator::ExpectIam,
    introduced: Introduced,
    fields: PairFields,
}

impl ExpectIam {
    /// Takes IAM: what R chose, and its half of the secrets.
    ///
    /// # Errors
    /// As without a ticket.
    pub fn handle(self, item: &[u8]) -> Result<ExpectReplyInfo, Violation> {
        Ok(ExpectReplyInfo {
            state: self.state.take(item, Some(&self.introduced))?,
            fields: self.fields,
        })
    }
}

/// IAM is in; the proof is awaited.
pub struct ExpectReplyInfo {
    state: initiator::ExpectReplyInfo,
    fields: PairFields,
}

impl ExpectReplyInfo {
    /// Takes REPLYINFO: R must prove to be the vat wanted. (VTP-9)
    ///
    /// # Errors
    /// As without a ticket.
    pub fn handle(self, sealed: &[u8]) -> Result<ExpectAnswer, Violation> {
        let (proven, theirs) = self.state.take(sealed)?;
        Ok(ExpectAnswer {
            proven,
            theirs,
            fields: self.fields,
        })
    }
}

/// R is proven; ANSWER is awaited.
pub struct ExpectAnswer {
    proven: Proven,
    theirs: Finish,
    fields: PairFields,
}

impl ExpectAnswer {
    /// The vat wanted.
    pub const fn peer(&self) -> &Peer {
        self.proven.peer()
    }

    /// Takes ANSWER: what GOTOO would say, and R's first words. (RDV-14)
    ///
    /// # Errors
    /// If it does not open, or has no pair fields.
    pub fn handle(mut self, sealed: &[u8]) -> Result<Answered, Violation> {
        let content = open_item(&self.theirs.seal, 1, sealed).map_err(|_| Violation::Unsealed)?;
        let (said, frames) = go_too(&content)?;
        self.proven.h().absorb(sealed);
        Ok(Answered {
            proven: self.proven,
            fields: self.fields,
            said,
            frames: Zeroizing::new(frames.to_vec()),
        })
    }
}

/// R has answered; we have not proven who we are yet.
pub struct Answered {
    proven: Proven,
    fields: PairFields,
    said: PairFields,
    frames: Zeroizing<Vec<u8>>,
}

impl Answered {
    /// The vat wanted.
    pub const fn peer(&self) -> &Peer {
        self.proven.peer()
    }

    /// Our side of the pair. (VTP-19)
    pub fn side(&self) -> Side {
        self.proven.side()
    }

    /// What R says of the pair; to be checked as in GOTOO. (VTP-19)
    pub const fn said(&self) -> &PairFields {
        &self.said
    }

    /// Takes the frames that R says with it. (RDV-16)
    pub fn take_frames(&mut self) -> Zeroizing<Vec<u8>> {
        mem::take(&mut self.frames)
    }

    /// Writes GIVEINFO and GO to `out`, the latter with the pair fields of EARLY, and makes the pipe for what the handshake is
    /// `carried` on. R's first record has no GOTOO. (RDV-14, RDV-15)
    ///
    /// # Errors
    /// If the items cannot be sealed.
    pub fn go(
        self,
        carried: Carried,
        out: &mut Vec<u8>,
    ) -> Result<(Established, Sealer), Violation> {
        let (next, sealer) = self.proven.go(&self.fields, carried, out)?;
        Ok((next.needs_none(), sealer))
    }
}
