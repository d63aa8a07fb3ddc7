//! One of those who sign the list (DIR-12 to DIR-15).
//!
//! Time is cut into slots, and each slot is the turn of one authority. It takes the descriptors that it holds, and from
//! those, the parameters and the slot follows exactly one text; so it need not send that text, only what it follows from.
//! Every other authority makes the same text from that, looks whether the proposer signed the very same, and signs it
//! too. Nobody has to be believed: each descriptor is signed by its relay.
//!
//! ```text
//! propose ─proposal─► consider ─signature─► add_signature … m of them ─consensus─► adopt, everywhere
//! ```
//!
//! An authority signs once a slot. What it signed last must outlive its restart, so whoever drives this value writes
//! [`Authority::last_signed`] down before anything that [`Authority::propose`] or [`Authority::consider`] gave leaves the machine.

use std::collections::BTreeMap;

use serde_json::Value;

use super::canonical::{self, Fields};
use super::consensus::{Body, WHAT as CONSENSUS};
use super::ledger::{Entry, FRAME, Ledger};
use super::{Authorities, Consensus, Params, Refused, Wall};
use crate::ablation::check;
use crate::crypto::sign::SigningKey;
use crate::id::RelayId;

const PROPOSAL: &str = "proposal";
const SIGNATURE: &str = "signature";

/// An authority of a network.
pub struct Authority {
    key: SigningKey,
    authorities: Authorities,
    params: Params,
    /// How many relays the first consensus waits for.
    min_relays: usize,
    ledger: Ledger,
    /// The beginning of the last slot for which anything was signed.
    last_signed: Option<Wall>,
    /// What this authority has proposed and others are still to sign.
    open: Option<Open>,
    current: Option<Consensus>,
}

/// What came of an authority's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// For every other authority: they answer with signatures.
    Proposal(Vec<u8>),
    /// There is no other authority: the signed consensus.
    Consensus(Vec<u8>),
}

/// A consensus that lacks signatures.
struct Open {
    slot: Wall,
    inner: Value,
    signatures: BTreeMap<RelayId, [u8; 64]>,
}

impl Authority {
    /// How many bytes a proposal may have. (DIR-13)
    pub const PROPOSAL: usize = 17 << 20;
    /// How many bytes a signature may have. (DIR-15)
    pub const SIGNATURE: usize = 512;

    /// An authority with this key; `last_signed` is what the same authority last gave as [`Self::last_signed`].
    ///
    /// # Errors
    /// [`Refused::Stranger`] if the key is not one of the network's.
    pub fn new(
        key: SigningKey,
        authorities: Authorities,
        params: Params,
        min_relays: usize,
        last_signed: Option<Wall>,
    ) -> Result<Self, Refused> {
        let by = RelayId::from(key.public());
        if !authorities.keys().contains(&by) {
            return Err(Refused::Stranger { by });
        }
        Ok(Self {
            key,
            authorities,
            params,
            min_relays,
            ledger: Ledger::default(),
            last_signed,
            open: None,
            current: None,
        })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> RelayId {
        self.key.public().into()
    }

    /// The beginning of the last slot for which it signed anything: to be stored before what was signed is sent. (DIR-14)
    #[must_use]
    pub fn last_signed(&self) -> Option<Wall> {
        self.last_signed
    }

    /// The newest consensus that it knows.
    #[must_use]
    pub fn current(&self) -> Option<&Consensus> {
        self.current.as_ref()
    }

    /// How many relays it holds descriptors of.
    #[must_use]
    pub fn relays(&self) -> usize {
        self.ledger.len()
    }

    /// Takes a signed descriptor. (DIR-12)
    ///
    /// # Errors
    /// Why it is refused; what was held stays.
    pub fn publish(&mut self, now: Wall, signed: &[u8]) -> Result<(), Refused> {
        self.ledger.forget_stale(now, &self.params);
        self.ledger
            .take(Entry::read(&self.params, now, now, signed)?)
    }

    /// When its next turn begins, or now if it has one and has not used it. (DIR-13)
    #[must_use]
    pub fn next_turn(&self, now: Wall) -> Wall {
        let interval = self.params.interval();
        let slots = (0..=Authorities::MOST).map(|k| {
            let ahead = interval.saturating_mul(u64::try_from(k).unwrap_or(0));
            self.slot(now).plus(ahead)
        });
        let mut mine = slots.filter(|slot| self.is_free(*slot) && self.turn(*slot) == self.id());
        mine.next().map_or(now.plus(interval), |slot| slot.max(now))
    }

    /// Takes its turn, if it has one and anything to say. (DIR-13)
    pub fn propose(&mut self, now: Wall) -> Option<Proposed> {
        let slot = self.slot(now);
        self.ledger.forget_stale(now, &self.params);
        if !self.is_free(slot) || self.turn(slot) != self.id() || !self.has_enough(now) {
            return None;
        }
        let held = self.ledger.entries().map(|entry| &entry.descriptor);
        let inner =
            Body::of(&self.authorities, &self.params, slot, held).write(self.authorities.network());
        let signature = self.sign(slot, &inner);
        if self.authorities.keys().len() == 1 {
            let signatures = BTreeMap::from([(self.id(), signature)]);
            return Some(Proposed::Consensus(write_signed(inner, &signatures)));
        }
        self.open = Some(Open {
            slot,
            inner,
            signatures: BTreeMap::from([(self.id(), signature)]),
        });
        Some(Proposed::Proposal(self.write_proposal(slot, &signature)))
    }

    /// Looks at another authority's proposal, and signs what follows from it. (DIR-14)
    ///
    /// # Errors
    /// Why it does not sign; nothing has changed then.
    pub fn consider(&mut self, now: Wall, proposal: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut fields = canonical::read(PROPOSAL, proposal, Self::PROPOSAL)?;
        let (by, slot) = (fields.name("by")?, fields.time("valid_after")?);
        self.check_slot(now, by, slot)?;
        if Params::read(PROPOSAL, &fields.take("params")?)? != self.params {
            return Err(Refused::OtherParams);
        }
        let signature = fields.signature()?;
        let entries = self.read_entries(slot, &mut fields)?;
        fields.end()?;
        let descriptors = entries.iter().map(|entry| &entry.descriptor);
        let inner = Body::of(&self.authorities, &self.params, slot, descriptors)
            .write(self.authorities.network());
        let message = self.authorities.signed_bytes(&inner);
        let (bytes, most) = (message.len() + FRAME, Consensus::MOST);
        if bytes > most {
            let what = CONSENSUS;
            return Err(Refused::TooLong { what, bytes, most });
        }
        if !by.public_key().verify_strict(&message, &signature) {
            return Err(Refused::Signature { what: PROPOSAL, by });
        }
        entries
            .into_iter()
            .for_each(|entry| self.ledger.settle(entry));
        let signature = self.sign(slot, &inner);
        Ok(self.write_signature(slot, &signature))
    }

    /// Adds another authority's signature to what this one proposed; the signed consensus as soon as there are enough. (DIR-15)
    ///
    /// # Errors
    /// Why the signature does not count.
    pub fn add_signature(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, Refused> {
        let mut fields = canonical::read(SIGNATURE, message, Self::SIGNATURE)?;
        let (by, slot) = (fields.name("by")?, fields.time("valid_after")?);
        let signature = fields.signature()?;
        fields.end()?;
        if !self.authorities.keys().contains(&by) {
            return Err(Refused::Stranger { by });
        }
        let open = self.open.as_mut().filter(|open| open.slot == slot);
        let open = open.ok_or(Refused::NothingProposed { slot })?;
        let message = self.authorities.signed_bytes(&open.inner);
        if !by.public_key().verify_strict(&message, &signature) {
            let what = SIGNATURE;
            return Err(Refused::Signature { what, by });
        }
        open.signatures.insert(by, signature);
        if open.signatures.len() < self.authorities.threshold() {
            return Ok(None);
        }
        let done = self.open.take();
        Ok(done.map(|open| write_signed(open.inner, &open.signatures)))
    }

    /// Takes a signed consensus as the current one, its own or another's. (DIR-9 to DIR-11)
    ///
    /// # Errors
    /// Why it is refused; the one it had stays.
    pub fn adopt(&mut self, now: Wall, signed: &[u8]) -> Result<&Consensus, Refused> {
        let floor = self.current.as_ref().map(Consensus::floor);
        let new = self.authorities.verify(now, signed, floor.as_ref())?;
        Ok(self.current.insert(new))
    }

    fn slot(&self, now: Wall) -> Wall {
        let into = now.0.checked_rem(self.params.interval()).unwrap_or(0);
        now.minus(into)
    }

    fn turn(&self, slot: Wall) -> RelayId {
        let turn = self.authorities.turn(slot, &self.params);
        turn.copied().unwrap_or_else(|| self.id())
    }

    /// Whether nothing was signed for this slot or a later one.
    fn is_free(&self, slot: Wall) -> bool {
        check!(OncePerSlot, self.last_signed.is_none_or(|last| slot > last))
    }

    fn has_enough(&self, now: Wall) -> bool {
        let current = self.current.as_ref();
        let is_first = current.is_none_or(|current| current.valid_at(now).is_err());
        self.ledger.len() >= if is_first { self.min_relays.max(1) } else { 1 }
    }

    fn sign(&mut self, slot: Wall, inner: &Value) -> [u8; 64] {
        self.last_signed = Some(slot);
        self.key.sign(&self.authorities.signed_bytes(inner))
    }

    fn check_slot(&self, now: Wall, by: RelayId, slot: Wall) -> Result<(), Refused> {
        let interval = self.params.interval();
        let tolerance = (interval / 4).clamp(1, 30);
        let is_now = slot.minus(tolerance) <= now && now < slot.plus(interval + tolerance);
        if self.slot(slot) != slot || !is_now {
            return Err(Refused::NotNow { slot, now });
        }
        let turn = self.turn(slot);
        if by != turn || by == self.id() {
            return Err(Refused::NotItsTurn { by, turn });
        }
        match self.last_signed {
            Some(last) if !self.is_free(slot) => Err(Refused::SignedAlready { slot, last }),
            _ => Ok(()),
        }
    }

    /// The descriptors of a proposal, each of which could be listed in its slot. (DIR-14)
    fn read_entries(&self, slot: Wall, fields: &mut Fields) -> Result<Vec<Entry>, Refused> {
        let list = fields.list("descriptors")?;
        if !(1..=Consensus::RELAYS).contains(&list.len()) {
            return Err(fields.bad("descriptors", "1 to 8192"));
        }
        let entries = list.iter().map(|signed| {
            let end = slot.plus(self.params.interval());
            let entry = Entry::read(&self.params, slot, end, &canonical::write(signed))?;
            self.ledger.admits(&entry).map(|()| entry)
        });
        let entries: Vec<Entry> = entries.collect::<Result<_, _>>()?;
        if !entries.is_sorted_by(|a, b| a.descriptor.id() < b.descriptor.id()) {
            return Err(fields.bad("descriptors", "in the order of their relays, none twice"));
        }
        Ok(entries)
    }

    fn write_proposal(&self, slot: Wall, signature: &[u8; 64]) -> Vec<u8> {
        let descriptors = self.ledger.entries().map(|entry| entry.document());
        canonical::write(&canonical::object([
            ("by", canonical::name(&self.id())),
            ("descriptors", descriptors.collect()),
            ("params", self.params.write()),
            ("signature", canonical::bytes(signature)),
            ("valid_after", slot.0.into()),
        ]))
    }

    fn write_signature(&self, slot: Wall, signature: &[u8; 64]) -> Vec<u8> {
        canonical::write(&canonical::object([
            ("by", canonical::name(&self.id())),
            ("signature", canonical::bytes(signature)),
            ("valid_after", slot.0.into()),
        ]))
    }
}

/// The signed document. (DIR-6)
fn write_signed(inner: Value, signatures: &BTreeMap<RelayId, [u8; 64]>) -> Vec<u8> {
    let signatures = signatures.iter().map(|(by, signature)| {
        canonical::object([
            ("by", canonical::name(by)),
            ("signature", canonical::bytes(signature)),
        ])
    });
    canonical::write(&canonical::object([
        (CONSENSUS, inner),
        ("signatures", signatures.collect()),
    ]))
}
