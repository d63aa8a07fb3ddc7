//! The side that is dialled with a ticket of its own. The mirror of [`super::initiator`], in the same order.
//!
//! Nothing that can fail for the peer's fault lies between [`Asked`] and the second flight: whoever has a ticket spent
//! because EARLY was good spends it for a handshake that goes on.

use super::Introduced;
use crate::ablation::{check, defend};
use crate::crypto::kdf::{Secret, same};
use crate::crypto::sign::PublicKey;
use crate::time::Instant;
use crate::vattp::flight::{ANSWER_LEN, EARLY_LEN, IWant};
use crate::vattp::initiator::Established;
use crate::vattp::pair::PairFields;
use crate::vattp::pipe::{Carried, Sealer};
use crate::vattp::responder::{self, Asking, Door, Entropy, Hosted};
use crate::vattp::seen::Seen;
use crate::vattp::{Peer, Violation};
use zeroize::Zeroizing;

/// A carrier stands, and the ticket is known; IWANT is awaited.
pub struct ExpectIWant;

impl ExpectIWant {
    /// Takes IWANT, which must ask for `hosted`: the vat with the prekey and the place of the ticket whose `secret` this is. Nothing is
    /// said. (RDV-12)
    ///
    /// # Errors
    /// As without a ticket.
    pub fn handle(
        self,
        item: &[u8],
        hosted: &Hosted,
        secret: Secret,
        seen: &mut Seen,
        now: Instant,
    ) -> Result<ExpectEarly, Violation> {
        let state = responder::ExpectIWant;
        let (asking, dh) = state.take(item, hosted, Some(&secret), seen, now)?;
        Ok(ExpectEarly {
            asking,
            introduced: Introduced { dh, secret },
        })
    }

    /// The same for a vat that has agreed with x_i already, which was told in clear: IWANT has to have the same.
    ///
    /// # Errors
    /// As without a ticket.
    pub fn handle_met(
        self,
        item: &[u8],
        door: &Door<'_>,
        x_i: &[u8; 32],
        introduced: Introduced,
        seen: &mut Seen,
        now: Instant,
    ) -> Result<ExpectEarly, Violation> {
        let iwant = IWant::decode(item)?;
        if !same(iwant.x_i(), x_i) {
            return Err(Violation::NotForUs);
        }
        let (dh, secret) = (&introduced.dh, Some(&introduced.secret));
        let asking = door.take(&iwant, item, dh, secret, seen, now)?;
        Ok(ExpectEarly { asking, introduced })
    }
}

/// IWANT is in; EARLY is awaited.
pub struct ExpectEarly {
    asking: Asking,
    introduced: Introduced,
}

impl ExpectEarly {
    /// Takes EARLY as it was sent. To open and to judge it is the caller's. (RDV-10, RDV-11)
    ///
    /// # Errors
    /// If it has a length that it cannot have.
    pub fn handle(mut self, item: &[u8]) -> Result<Asked, Violation> {
        if !EARLY_LEN.contains(&item.len()) {
            return Err(Violation::Length);
        }
        let h = *self.asking.h().as_bytes();
        defend!(EarlyHeard, self.asking.h().absorb(item));
        Ok(Asked {
            asking: self.asking,
            introduced: self.introduced,
            h,
        })
    }
}

/// Flight 1 is in; it is to be judged, and then answered or met with silence.
pub struct Asked {
    asking: Asking,
    introduced: Introduced,
    h: [u8; 32],
}

/// What EARLY said, once its signature was found good.
pub struct Claim {
    /// Who signed it.
    pub key: PublicKey,
    /// How often it has been started.
    pub incarnation: u64,
    /// Its pair fields.
    pub fields: PairFields,
}

impl Asked {
    /// h after IWANT, which EARLY must be sealed and signed for. (RDV-10)
    pub const fn h(&self) -> &[u8; 32] {
        &self.h
    }

    /// What EARLY is opened with.
    pub const fn introduced(&self) -> &Introduced {
        &self.introduced
    }

    /// EARLY was good and said this: writes IAM, REPLYINFO and ANSWER to `out`, the last with `said` and `frames`. (RDV-14)
    ///
    /// # Errors
    /// If there are more than 4096 bytes of frames.
    pub fn answer(
        self,
        claim: Claim,
        said: &PairFields,
        frames: &[u8],
        entropy: Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectGiveInfo, Violation> {
        if frames.len() > ANSWER_LEN.end() - ANSWER_LEN.start() {
            return Err(Violation::Length);
        }
        let mut content = Zeroizing::new(Vec::with_capacity(PairFields::LEN + frames.len()));
        said.encode(&mut content);
        content.extend_from_slice(frames);
        let (introduced, content) = (Some(&self.introduced), Some(&content[..]));
        let state = self.asking.answer(introduced, content, entropy, out)?;
        Ok(ExpectGiveInfo { state, claim })
    }
}

/// ANSWER is out; GIVEINFO is awaited.
pub struct ExpectGiveInfo {
    state: responder::ExpectGiveInfo,
    claim: Claim,
}

impl ExpectGiveInfo {
    /// Takes GIVEINFO, which must be of the vat and the incarnation that EARLY was of. (RDV-15)
    ///
    /// # Errors
    /// If it is not, or as without a ticket.
    pub fn handle(self, sealed: &[u8]) -> Result<ExpectGo, Violation> {
        let Self { state, claim } = self;
        let state = state.handle(sealed)?;
        let Peer {
            key, incarnation, ..
        } = state.claimed();
        let is_same = *key == claim.key && *incarnation == claim.incarnation;
        if !check!(SameBearer, is_same) {
            return Err(Violation::OtherBearer);
        }
        Ok(ExpectGo {
            state,
            fields: claim.fields,
        })
    }
}

/// GIVEINFO is in; GO is awaited.
pub struct ExpectGo {
    state: responder::ExpectGo,
    fields: PairFields,
}

impl ExpectGo {
    /// Takes GO, which must say the pair fields of EARLY; with it I is proven. (VTP-12, RDV-15)
    ///
    /// # Errors
    /// If it does not, or as without a ticket.
    pub fn handle(self, sealed: &[u8]) -> Result<Accepted, Violation> {
        let accepted = self.state.handle(sealed)?;
        if !check!(SameFields, *accepted.fields() == self.fields) {
            return Err(Violation::OtherFields);
        }
        Ok(Accepted(accepted))
    }
}

/// I is proven.
pub struct Accepted(responder::Accepted);

impl Accepted {
    /// Who dialled.
    pub const fn peer(&self) -> &Peer {
        self.0.peer()
    }

    /// Makes the pipe for what the handshake is `carried` on. Its first record is as any other: what GOTOO says was said in ANSWER.
    /// (RDV-14)
    pub fn pipe(self, carried: Carried) -> (Established, Sealer) {
        self.0.pipe(carried)
    }
}
