//! The side that is dialled. The mirror of [`super::initiator`], in the same order.
//!
//! [`ExpectIWant`] takes flight 1 and answers only who asks for this very vat, here, for this use, for the first time;
//! [`ExpectGiveInfo`] and [`ExpectGo`] take I's proof, [`Accepted`] makes the pipe whose first record is GOTOO.
//! Nothing is remembered of I before its proof (VTP-12).

use super::flight::{IAm, IWant, Info};
use super::initiator::Established;
use super::introduced::Introduced;
use super::pair::PairFields;
use super::pipe::{Carried, Opener, Sealer};
use super::schedule::{Finish, HandshakeSecret, begin};
use super::seen::Seen;
use super::target::Asked;
use super::transcript::Transcript;
use super::{Hints, Local, Offers, Peer, Use, Violation};
use crate::ablation::check;
use crate::crypto::aead::{open_item, seal_item};
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::{Label, Secret, same};
use crate::crypto::kem::EncapsulationKey;
use crate::crypto::rng::Rng;
use crate::crypto::sign::PublicKey;
use crate::time::Instant;
use crate::wire::{Put, Reader};
use zeroize::Zeroizing;

/// The random bytes of one answer; never used twice.
pub struct Entropy {
    /// The secret of x_r.
    pub x_r: Zeroizing<[u8; 32]>,
    /// m of the encapsulation.
    pub m: Zeroizing<[u8; 32]>,
}

impl Entropy {
    /// Drawn from a generator.
    pub fn draw(rng: &mut Rng) -> Self {
        Self {
            x_r: rng.draw(),
            m: rng.draw(),
        }
    }
}

/// A vat (or relay) that can be asked for.
pub struct Hosted {
    /// Who it is.
    pub local: Local,
    /// The secret of B. (VTP-4)
    pub prekey: Scalar,
    /// What it can be asked for here.
    pub for_use: Use,
    /// The places it answers at, as they enter the target.
    pub places: Vec<Vec<u8>>,
    /// What it speaks, in the order of its preference.
    pub offers: Offers,
}

/// A link stands; IWANT is awaited.
pub struct ExpectIWant;

impl ExpectIWant {
    /// Takes IWANT; if it asks for `hosted`, writes IAM and REPLYINFO to `out`. (VTP-4, VTP-5)
    pub fn handle(
        self,
        item: &[u8],
        hosted: &Hosted,
        seen: &mut Seen,
        now: Instant,
        entropy: impl FnOnce() -> Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectGiveInfo, Violation> {
        let (asking, _) = self.take(item, hosted, None, seen, now)?;
        asking.answer(None, None, entropy(), out)
    }

    /// Takes IWANT; it must ask for `hosted`, with the secret of a ticket if there is one. Nothing is said yet; and
    /// X25519(x_i, B).
    pub(super) fn take(
        self,
        item: &[u8],
        hosted: &Hosted,
        secret: Option<&Secret>,
        seen: &mut Seen,
        now: Instant,
    ) -> Result<(Asking, Zeroizing<[u8; 32]>), Violation> {
        let iwant = IWant::decode(item)?;
        let dh = hosted.prekey.agree(&iwant.x_i).ok_or(Violation::LowOrder)?;
        let asking = hosted.door().take(&iwant, item, &dh, secret, seen, now)?;
        Ok((asking, dh))
    }
}

impl Hosted {
    fn door(&self) -> Door<'_> {
        Door {
            local: &self.local,
            for_use: self.for_use,
            places: &self.places,
            offers: &self.offers,
        }
    }
}

/// A vat that is asked for, where X25519(x_i, B) is known already.
pub struct Door<'a> {
    /// Who it is.
    pub local: &'a Local,
    /// What it can be asked for here.
    pub for_use: Use,
    /// The places it answers at, as they enter the target.
    pub places: &'a [Vec<u8>],
    /// What it speaks, in the order of its preference.
    pub offers: &'a Offers,
}

impl Door<'_> {
    /// Takes an IWANT that must ask for this vat. (VTP-4, VTP-5)
    pub(super) fn take(
        &self,
        iwant: &IWant,
        item: &[u8],
        dh: &[u8; 32],
        secret: Option<&Secret>,
        seen: &mut Seen,
        now: Instant,
    ) -> Result<Asking, Violation> {
        if !check!(Target, self.is_wanted(iwant, dh, secret)) {
            return Err(Violation::NotForUs);
        }
        let fresh = seen.is_new(now, &iwant.x_i);
        if !check!(Fresh, fresh) {
            return Err(Violation::Replayed);
        }
        let chosen = self.offers.choose(&iwant.offers)?;
        let ek_i = EncapsulationKey::from_bytes(&iwant.ek_i).ok_or(Violation::KemKey)?;
        Ok(Asking {
            local: self.local.clone(),
            chosen,
            x_i: iwant.x_i,
            ek_i,
            h: begin(self.for_use, item),
        })
    }

    /// Whether the target is that of this vat, this use and one of these places. (VTP-4)
    fn is_wanted(&self, iwant: &IWant, dh: &[u8; 32], secret: Option<&Secret>) -> bool {
        let asked = Asked {
            offers: &iwant.offers,
            x_i: &iwant.x_i,
            ek_i: &*iwant.ek_i,
        };
        let vat = self.local.key.public();
        let targets = self.places.iter();
        let targets = targets.map(|place| asked.target(dh, secret, &vat, self.for_use, place));
        targets.fold(false, |found, target| found | same(&target, &iwant.target))
    }
}

/// IWANT is in and asks for us; nothing has been said.
pub(super) struct Asking {
    local: Local,
    /// The version and the suite.
    chosen: (u8, u16),
    x_i: [u8; 32],
    ek_i: EncapsulationKey,
    h: Transcript,
}

impl Asking {
    /// The transcript so far.
    pub(super) const fn h(&mut self) -> &mut Transcript {
        &mut self.h
    }

    /// Writes IAM and REPLYINFO to `out`; and ANSWER with this content, where there is one.
    pub(super) fn answer(
        self,
        introduced: Option<&Introduced>,
        content: Option<&[u8]>,
        entropy: Entropy,
        out: &mut Vec<u8>,
    ) -> Result<ExpectGiveInfo, Violation> {
        let x = Scalar::from_bytes(entropy.x_r);
        let dh = x.agree(&self.x_i).ok_or(Violation::LowOrder)?;
        let (ct, kem) = self.ek_i.seal(entropy.m);
        let (version, suite) = self.chosen;
        let iam = IAm {
            version,
            suite,
            x_r: x.public(),
            ct,
        };
        let mut item = Vec::new();
        iam.encode(&mut item);
        out.put_lp(&item);
        let mut h = self.h;
        h.absorb(&item);
        let hs = HandshakeSecret::new(&h, &dh, &kem, introduced);
        ExpectGiveInfo::reply(h, hs, self.local, content, out)
    }
}

/// REPLYINFO is out; GIVEINFO is awaited.
pub struct ExpectGiveInfo {
    local: Local,
    h: Transcript,
    hs: HandshakeSecret,
    theirs: Finish,
}

impl ExpectGiveInfo {
    /// Writes REPLYINFO to `out`: who we are, proven. ANSWER with this content behind it, where there is one. (VTP-9, RDV-14)
    fn reply(
        mut h: Transcript,
        hs: HandshakeSecret,
        local: Local,
        content: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) -> Result<Self, Violation> {
        let ours = hs.responder(&h, local.backend);
        let vat = local.key.public();
        let head = Info::head(vat.as_bytes(), local.incarnation, &local.hints);
        let said = [Label::RESPONDER.as_bytes(), h.as_bytes(), &head].concat();
        let mut info = Zeroizing::new([&head[..], &local.key.sign(&said)].concat());
        let fin = ours.mac.mac(&[h.as_bytes(), &info]);
        info.put(&fin);
        for (counter, item) in (0..).zip([Some(&info[..]), content].into_iter().flatten()) {
            let sealed = seal_item(&ours.seal, counter, item).map_err(|_| Violation::Length)?;
            h.absorb(&sealed);
            out.put_lp(&sealed);
        }
        let theirs = hs.initiator(&h, local.backend);
        Ok(Self {
            local,
            h,
            hs,
            theirs,
        })
    }

    /// Takes GIVEINFO: who I says it is, and its signature. Nothing is believed before GO. (VTP-12)
    pub fn handle(mut self, sealed: &[u8]) -> Result<ExpectGo, Violation> {
        let item = open_item(&self.theirs.seal, 0, sealed).map_err(|_| Violation::Unsealed)?;
        let mut reader = Reader::new(&item);
        let info = Info::decode(&mut reader)?;
        reader.finish("sig_i")?;
        let key = PublicKey::from_bytes(&info.vat).map_err(|_| Violation::InitiatorUnproven)?;
        let ours = self.local.key.public();
        if !check!(NotSelf, key != ours) {
            return Err(Violation::Oneself);
        }
        let (head, _) = item.split_at_checked(Info::HEAD).unwrap_or_default();
        let (label, h) = (Label::INITIATOR.as_bytes(), self.h.as_bytes());
        let said = [label, h, ours.as_bytes(), head].concat();
        if !check!(SigI, key.verify_strict(&said, &info.sig)) {
            return Err(Violation::InitiatorUnproven);
        }
        let hints = Hints::decode(&info.hints)?;
        if info.incarnation == 0 && !hints.as_bytes().is_empty() {
            return Err(Violation::Incarnation);
        }
        self.h.absorb(sealed);
        Ok(ExpectGo {
            claimed: Peer {
                key,
                incarnation: info.incarnation,
                hints,
            },
            local: self.local,
            h: self.h,
            hs: self.hs,
            theirs: self.theirs,
        })
    }
}

/// GIVEINFO is in; GO is awaited.
pub struct ExpectGo {
    claimed: Peer,
    local: Local,
    h: Transcript,
    hs: HandshakeSecret,
    theirs: Finish,
}

impl ExpectGo {
    /// Who I says it is.
    pub(super) const fn claimed(&self) -> &Peer {
        &self.claimed
    }

    /// Takes GO; with it I is proven. (VTP-12)
    pub fn handle(mut self, sealed: &[u8]) -> Result<Accepted, Violation> {
        let item = open_item(&self.theirs.seal, 1, sealed).map_err(|_| Violation::Unsealed)?;
        let mut reader = Reader::new(&item);
        let fields = reader.bytes(PairFields::LEN, "pair fields")?;
        let fin = reader.array::<32>("fin_i")?;
        reader.finish("fin_i")?;
        let expected = self.theirs.mac.mac(&[self.h.as_bytes(), fields]);
        if !check!(FinI, same(&expected, &fin)) {
            return Err(Violation::InitiatorUnproven);
        }
        let fields = PairFields::decode(fields)?;
        self.h.absorb(sealed);
        Ok(Accepted {
            peer: self.claimed,
            fields,
            local: self.local,
            h: self.h,
            hs: self.hs,
        })
    }
}

/// I is proven; GOTOO has not been said yet.
pub struct Accepted {
    peer: Peer,
    fields: PairFields,
    local: Local,
    h: Transcript,
    hs: HandshakeSecret,
}

impl Accepted {
    /// Who dialled.
    pub const fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What GO says of the pair.
    pub const fn fields(&self) -> &PairFields {
        &self.fields
    }

    /// Makes the pipe for what the handshake is `carried` on; `pair` is the head of its first record. (VTP-15)
    pub fn go_too(self, pair: &PairFields, carried: Carried) -> (Established, Sealer) {
        let (established, mut sealer) = self.pipe(carried);
        sealer.say_first(pair);
        (established, sealer)
    }

    /// Makes the pipe; its first record is as any other.
    pub(super) fn pipe(self, carried: Carried) -> (Established, Sealer) {
        let traffic = self.hs.traffic(&self.h);
        let backend = self.local.backend;
        let established = Established {
            peer: self.peer,
            opener: Opener::new(traffic.i_to_r, carried.i_to_r(), backend),
            exporter: traffic.exporter,
        };
        (
            established,
            Sealer::new(traffic.r_to_i, carried.r_to_i(), backend),
        )
    }
}
