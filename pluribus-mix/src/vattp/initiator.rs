//! The side that dials. The mirror of [`super::responder`], in the same order.
//!
//! [`start`] writes IWANT; [`ExpectIam`] and [`ExpectReplyInfo`] take R's flight, [`Proven`] writes GIVEINFO and GO, and
//! [`ExpectGoToo`] takes R's first record. Nothing of ours is said before R has proven to be the vat wanted (VTP-10).

use super::flight::{IAm, IWant, Info};
use super::introduced::Introduced;
use super::pair::{PairFields, Side};
use super::pipe::{Carried, GO_TOO, Opener, Sealer};
use super::schedule::{Exporter, Finish, HandshakeSecret, begin};
use super::target::{Asked, Wanted};
use super::transcript::Transcript;
use super::{Hints, Local, Offers, Peer, Violation};
use crate::ablation::check;
use crate::crypto::aead::{open_item, seal_item};
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::{Label, Secret, same};
use crate::crypto::kem::DecapsulationKey;
use crate::crypto::rng::Rng;
use crate::wire::{DecodeError, Fault, Put, Reader};
use zeroize::Zeroizing;

/// The random bytes of one attempt; never used twice. (VTP-5)
pub struct Entropy {
    /// The secret of x_i.
    pub x_i: Zeroizing<[u8; 32]>,
    /// d ‖ z of the KEM key.
    pub kem: Zeroizing<[u8; 64]>,
}

impl Entropy {
    /// Drawn from a generator.
    pub fn draw(rng: &mut Rng) -> Self {
        Self {
            x_i: rng.draw(),
            kem: rng.draw(),
        }
    }
}

/// Why a dial cannot begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotDial {
    /// The vat wanted is the one that dials. (VTP-10)
    #[error("a vat does not dial itself")]
    Oneself,
    /// The prekey is of low order. (VTP-6)
    #[error("the key under which the vat is to be asked for is of low order")]
    Prekey,
}

/// Writes IWANT to `out`.
///
/// # Errors
/// If the vat wanted is our own, or its prekey useless.
pub fn start(
    wanted: Wanted,
    local: Local,
    offers: Offers,
    entropy: Entropy,
    out: &mut Vec<u8>,
) -> Result<ExpectIam, CannotDial> {
    ask(wanted, None, local, offers, entropy, out).map(|(next, _)| next)
}

/// The same, with the secret of a ticket if there is one; and X25519(x_i, B).
pub(super) fn ask(
    wanted: Wanted,
    secret: Option<&Secret>,
    local: Local,
    offers: Offers,
    entropy: Entropy,
    out: &mut Vec<u8>,
) -> Result<(ExpectIam, Zeroizing<[u8; 32]>), CannotDial> {
    if !check!(NotOwn, wanted.key != local.key.public()) {
        return Err(CannotDial::Oneself);
    }
    let x = Scalar::from_bytes(entropy.x_i);
    let (kem, ek_i) = DecapsulationKey::generate(entropy.kem);
    let x_i = x.public();
    let asked = Asked {
        offers: &offers,
        x_i: &x_i,
        ek_i: &*ek_i,
    };
    let dh = x.agree(&wanted.prekey).ok_or(CannotDial::Prekey)?;
    let target = asked.by_initiator(&dh, secret, &wanted);
    let iwant = IWant {
        offers,
        x_i,
        ek_i,
        target,
    };
    let mut item = Vec::new();
    iwant.encode(&mut item);
    out.put_lp(&item);
    let h = begin(wanted.for_use, &item);
    let next = ExpectIam {
        wanted,
        local,
        offers: iwant.offers,
        x,
        kem,
        h,
    };
    Ok((next, dh))
}

/// IWANT is out; IAM is awaited.
pub struct ExpectIam {
    wanted: Wanted,
    local: Local,
    offers: Offers,
    x: Scalar,
    kem: DecapsulationKey,
    h: Transcript,
}

impl ExpectIam {
    /// The transcript so far.
    pub(super) const fn h(&mut self) -> &mut Transcript {
        &mut self.h
    }

    /// The public key of this attempt.
    pub(super) fn x_i(&self) -> [u8; 32] {
        self.x.public()
    }

    /// Takes IAM: what R chose, and its half of the secrets.
    pub fn handle(self, item: &[u8]) -> Result<ExpectReplyInfo, Violation> {
        self.take(item, None)
    }

    /// The same, with what a ticket adds if there is one.
    pub(super) fn take(
        mut self,
        item: &[u8],
        introduced: Option<&Introduced>,
    ) -> Result<ExpectReplyInfo, Violation> {
        let iam = IAm::decode(item)?;
        let offered = self.offers.include(iam.version, iam.suite);
        if !check!(Offered, offered) {
            return Err(Violation::NotOffered);
        }
        let dh = self.x.agree(&iam.x_r).ok_or(Violation::LowOrder)?;
        let kem = self.kem.open(&iam.ct);
        self.h.absorb(item);
        let hs = HandshakeSecret::new(&self.h, &dh, &kem, introduced);
        let theirs = hs.responder(&self.h, self.local.backend);
        Ok(ExpectReplyInfo {
            wanted: self.wanted,
            local: self.local,
            h: self.h,
            hs,
            theirs,
        })
    }
}

/// IAM is in; the proof is awaited.
pub struct ExpectReplyInfo {
    wanted: Wanted,
    local: Local,
    h: Transcript,
    hs: HandshakeSecret,
    theirs: Finish,
}

impl ExpectReplyInfo {
    /// Takes REPLYINFO: R must prove to be the vat wanted. (VTP-9)
    pub fn handle(self, sealed: &[u8]) -> Result<Proven, Violation> {
        self.take(sealed).map(|(proven, _)| proven)
    }

    /// The same; and the keys of R's flight, in which an item may follow.
    pub(super) fn take(mut self, sealed: &[u8]) -> Result<(Proven, Finish), Violation> {
        let item = open_item(&self.theirs.seal, 0, sealed).map_err(|_| Violation::Unsealed)?;
        let mut reader = Reader::new(&item);
        let info = Info::decode(&mut reader)?;
        let fin = reader.array::<32>("fin_r")?;
        reader.finish("fin_r")?;
        if !self.proves(&item, &info, &fin) {
            return Err(Violation::ResponderUnproven);
        }
        if info.incarnation == 0 {
            return Err(Violation::Incarnation);
        }
        let peer = Peer {
            key: self.wanted.key,
            incarnation: info.incarnation,
            hints: Hints::decode(&info.hints)?,
        };
        self.h.absorb(sealed);
        let proven = Proven {
            local: self.local,
            peer,
            h: self.h,
            hs: self.hs,
        };
        Ok((proven, self.theirs))
    }

    /// The three checks of VTP-9, all made always, one verdict.
    fn proves(&self, item: &[u8], info: &Info, fin: &[u8; 32]) -> bool {
        let h = self.h.as_bytes();
        let (head, _) = item.split_at_checked(Info::HEAD).unwrap_or_default();
        let (before_fin, _) = item.split_at_checked(Info::HEAD + 64).unwrap_or_default();
        let said = [Label::RESPONDER.as_bytes(), h, head].concat();
        let signed = check!(SigR, self.wanted.key.verify_strict(&said, &info.sig));
        let finished = check!(FinR, same(&self.theirs.mac.mac(&[h, before_fin]), fin));
        let wanted = check!(Wanted, same(&info.vat, self.wanted.key.as_bytes()));
        signed & finished & wanted
    }
}

/// R is proven; we have not said who we are yet.
pub struct Proven {
    local: Local,
    peer: Peer,
    h: Transcript,
    hs: HandshakeSecret,
}

impl Proven {
    /// The vat wanted.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The transcript so far.
    pub(super) const fn h(&mut self) -> &mut Transcript {
        &mut self.h
    }

    /// Our side of the pair. (VTP-19)
    pub fn side(&self) -> Side {
        let (ours, incarnation) = (self.local.key.public(), self.local.incarnation);
        Side::of_initiator(&ours, incarnation, &self.peer.key)
    }

    /// Writes GIVEINFO and GO to `out`. Records may follow at once, sealed by what is returned for what the handshake is
    /// `carried` on. (VTP-12, VTP-15)
    pub fn go(
        mut self,
        pair: &PairFields,
        carried: Carried,
        out: &mut Vec<u8>,
    ) -> Result<(ExpectGoToo, Sealer), Violation> {
        let ours = self.hs.initiator(&self.h, self.local.backend);
        let vat = self.local.key.public();
        let head = Info::head(vat.as_bytes(), self.local.incarnation, &self.local.hints);
        let (label, h) = (Label::INITIATOR.as_bytes(), self.h.as_bytes());
        let said = [label, h, self.peer.key.as_bytes(), &head].concat();
        let give_info = [&head[..], &self.local.key.sign(&said)].concat();
        self.say(&ours, 0, &give_info, out)?;

        let mut go = Vec::new();
        pair.encode(&mut go);
        go.put(&ours.mac.mac(&[self.h.as_bytes(), &go]));
        self.say(&ours, 1, &go, out)?;

        let traffic = self.hs.traffic(&self.h);
        let backend = self.local.backend;
        let next = ExpectGoToo(Established {
            peer: self.peer,
            opener: Opener::new(traffic.r_to_i, carried.r_to_i(), backend),
            exporter: traffic.exporter,
        });
        let sealer = Sealer::new(traffic.i_to_r, carried.i_to_r(), backend);
        Ok((next, sealer))
    }

    fn say(
        &mut self,
        ours: &Finish,
        counter: u64,
        item: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        let sealed = seal_item(&ours.seal, counter, item).map_err(|_| Violation::Length)?;
        self.h.absorb(&sealed);
        out.put_lp(&sealed);
        Ok(())
    }
}

/// GO is out and our records may follow it; R's first record is awaited.
pub struct ExpectGoToo(Established);

/// What both roles end with, besides the [`Sealer`] of their direction.
pub struct Established {
    /// The proven peer.
    pub peer: Peer,
    /// Their direction.
    pub opener: Opener,
    /// The channel binding.
    pub exporter: Exporter,
}

/// What a cell was to who waits for GOTOO. (VTP-44)
pub enum GoToo<'c> {
    /// As if lost: GOTOO is still awaited.
    Waits(ExpectGoToo),
    /// R's record 0: what the handshake ends with, the pair fields, and the frames behind them.
    Came(Established, PairFields, &'c [u8]),
}

impl ExpectGoToo {
    /// Awaits GOTOO on what a handshake made; the test vectors begin so.
    pub const fn of(established: Established) -> Self {
        Self(established)
    }

    /// What the handshake ends with, where R has said in its flight what GOTOO would say. (RDV-14)
    pub(super) fn needs_none(self) -> Established {
        self.0
    }

    /// On cells: R's flight came up to the cell with this index, so only those behind it can be records. (VTP-43)
    pub fn flight_came(&mut self, last: u64) {
        self.0.opener.flight_came(last);
    }

    /// Takes R's record 0 from a stream: GOTOO, and the frames behind it. (VTP-15)
    pub fn handle(self, record: &mut [u8]) -> Result<(Established, PairFields, &[u8]), Violation> {
        let Self(mut established) = self;
        let plain = established.opener.open(record)?;
        let (fields, frames) = go_too(plain)?;
        Ok((established, fields, frames))
    }

    /// Takes the cell with this index, which is R's record 0 if it opens and says so. (VTP-15, VTP-44)
    pub fn handle_cell(self, index: u64, cell: &mut [u8]) -> Result<GoToo<'_>, Violation> {
        let Self(mut established) = self;
        let plain = established.opener.open_cell(index, cell);
        let Some((&GO_TOO, plain)) = plain.and_then(<[u8]>::split_first) else {
            return Ok(GoToo::Waits(Self(established)));
        };
        let (fields, frames) = go_too(plain)?;
        Ok(GoToo::Came(established, fields, frames))
    }
}

/// The pair fields of GOTOO, and the frames behind them.
pub(super) fn go_too(plain: &[u8]) -> Result<(PairFields, &[u8]), Violation> {
    let Some((fields, frames)) = plain.split_at_checked(PairFields::LEN) else {
        return Err(DecodeError::new("pair fields", Fault::Truncated).into());
    };
    Ok((PairFields::decode(fields)?, frames))
}
