//! A listed vat's prekeys, and calls that come by its record. (RDV-33)
//!
//! A record is for everybody who knows the VatId, so its prekey answers more than once, within its epoch, and nothing is said before the
//! handshake has proven both sides.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::early::CannotCall;
use super::epoch::Epoch;
use super::record::{Issue, Listing, Record};
use super::splice::{Opening, Splice};
use super::ticket::{Spot, Terms};
use crate::crypto::aead::Backend;
use crate::crypto::dh::Scalar;
use crate::crypto::rng::Rng;
use crate::crypto::sign::SigningKey;
use crate::directory::Wall;
use crate::id::VatId;
use crate::vattp::initiator::{self, CannotDial, ExpectIam};
use crate::vattp::pipe::CELL_LEN;
use crate::vattp::responder::Hosted;
use crate::vattp::target::Wanted;
use crate::vattp::{Local, Offers, Use};

/// A call by a record that is under way: flight 1 is written, IAM is awaited.
pub struct Dialled {
    /// Where to JOIN.
    pub spot: Spot,
    /// The handshake.
    pub expect: ExpectIam,
    /// The seal over its flights. Flight 1 has not gone through it yet.
    pub splice: Splice,
}

/// The prekeys of the epochs that count, of one vat, in memory only.
#[derive(Default)]
pub struct Listed {
    keys: BTreeMap<Epoch, Zeroizing<[u8; 32]>>,
    revision: u64,
}

impl Listed {
    /// A record of this epoch to be published now, newer than all before. `None` if the epoch does not count now.
    #[must_use]
    pub fn record(
        &mut self,
        key: &SigningKey,
        (spot, terms): (Spot, Terms),
        epoch: Epoch,
        now: Wall,
        rng: &mut Rng,
    ) -> Option<Record> {
        self.forget(now);
        if !epoch.counts(now) {
            return None;
        }
        // The clock rises over restarts, the count where the clock does not.
        self.revision = now.0.max(self.revision.saturating_add(1));
        let secret = self.keys.entry(epoch).or_insert_with(|| rng.draw());
        let listing = Listing {
            spot,
            terms,
            prekey: Scalar::from_bytes(secret.clone()).public(),
        };
        let issue = Issue {
            epoch,
            revision: self.revision,
            salt: *rng.draw(),
        };
        Record::sign(key, &issue, &listing)
    }

    /// Forgets the prekeys of epochs that count no more: what was recorded of those handshakes stays closed.
    pub fn forget(&mut self, now: Wall) {
        self.keys.retain(|epoch, _| epoch.counts(now));
    }

    /// Whether the first cell of a flight that came to the park at `spot` is a call by one of the records that count.
    #[must_use]
    pub fn meet(
        &self,
        cell: &[u8; CELL_LEN],
        spot: &Spot,
        now: Wall,
        backend: Backend,
    ) -> Option<Looked> {
        let (opening, place) = (Opening::of(cell), spot.place());
        let counting = self.keys.iter().filter(|(epoch, _)| epoch.counts(now));
        counting.rev().find_map(|(_, secret)| {
            let dh = Scalar::from_bytes(secret.clone()).agree(&opening.x_i)?;
            let mut splice = Splice::of_callee(&dh, None, &opening, &place, backend);
            let mut first = Box::new(*cell);
            let plain = splice.open(&mut first).ok()?.to_vec();
            Some(Looked {
                secret: secret.clone(),
                place,
                splice,
                first: plain,
            })
        })
    }

    /// How many prekeys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A call by a record, of which the first cell has opened.
pub struct Looked {
    secret: Zeroizing<[u8; 32]>,
    place: [u8; 32],
    /// The seal over the flights, behind the first cell.
    pub splice: Splice,
    /// What the first cell holds.
    pub first: Vec<u8>,
}

impl Looked {
    /// What the responder of this handshake is set up with.
    #[must_use]
    pub fn hosted(&self, local: Local) -> Hosted {
        Hosted {
            local,
            prekey: Scalar::from_bytes(self.secret.clone()),
            for_use: Use::Vat,
            places: vec![self.place.to_vec()],
            offers: Offers::of_tickets(),
        }
    }
}

/// Calls by a location record: writes IWANT to `flight`. (RDV-33)
///
/// # Errors
/// If the handshake cannot begin.
pub fn call_listed(
    vat: &VatId,
    listing: &Listing,
    local: Local,
    entropy: initiator::Entropy,
    rng: &mut Rng,
    flight: &mut Vec<u8>,
) -> Result<Dialled, CannotCall> {
    let place = listing.spot.place();
    let wanted = Wanted {
        key: *vat.public_key(),
        prekey: listing.prekey,
        for_use: Use::Vat,
        place: place.to_vec(),
    };
    let (backend, offers) = (local.backend, Offers::of_tickets());
    let x_i = Scalar::from_bytes(entropy.x_i.clone());
    let dh = x_i.agree(&listing.prekey).ok_or(CannotDial::Prekey)?;
    let opening = Opening {
        selector: *rng.draw(),
        x_i: x_i.public(),
    };
    let expect = initiator::start(wanted, local, offers, entropy, flight)?;
    Ok(Dialled {
        spot: listing.spot,
        expect,
        splice: Splice::of_caller(&dh, None, &opening, &place, backend),
    })
}
