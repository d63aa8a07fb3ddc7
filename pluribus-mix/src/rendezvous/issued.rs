//! The callee's tickets that are out. (RDV-7)
//!
//! For each of them the callee keeps what makes it work, in memory and nowhere else: a restart voids them all. What is kept of a ticket
//! goes when it is spent, revoked, or expired, and with it the secret that could read what was sent.

use std::collections::{BTreeMap, BTreeSet};

use super::delegation::Root;
use super::early::{Early, Held, Met};
use super::quota::{Quota, TooMany};
use super::splice::{Opening, Splice};
use super::ticket::{Bearer, Draft, Spot, Terms, Ticket, TicketId};
use crate::ablation::check;
use crate::crypto::aead::Backend;
use crate::crypto::dh::Scalar;
use crate::crypto::kdf::Secret;
use crate::crypto::rng::Rng;
use crate::crypto::sign::SigningKey;
use crate::directory::Wall;
use crate::id::{RelayId, VatId};
use crate::time::Instant;
use crate::vattp::introduced::Introduced;

/// The most tickets that are out at one time, of one vat.
pub const MOST: usize = 4096;
/// The most of them that were given to one donor.
pub const MOST_A_DONOR: usize = 64;
/// The most seconds that a ticket counts.
pub const LONGEST_LIFE: u64 = 24 * 3600;

/// The time, by both clocks: quotas go by the one that never jumps, expiries by that of the world.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Since the driver's origin.
    pub at: Instant,
    /// Of the world.
    pub wall: Wall,
}

/// What a ticket is to be.
#[derive(Clone, Copy)]
pub struct Wish {
    /// The park to which it leads.
    pub spot: Spot,
    /// How it may be used.
    pub terms: Terms,
    /// Who may use it.
    pub bearer: Bearer,
    /// Seconds that it counts, at most [`LONGEST_LIFE`].
    pub life: u64,
    /// Whom it is given to, and who answers for it; `None` if the owner of the vat wants it.
    pub donor: Option<VatId>,
    /// Whether the donor is to hand it on: of these there are so many in an hour. (RDV-8)
    pub introduces: bool,
}

/// Why no ticket was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotIssue {
    /// The donor, or all donors together, had as many as there are in an hour. (RDV-8)
    #[error(transparent)]
    TooMany(#[from] TooMany),
    /// As many are out as there may be, in all or with this donor. (RDV-7)
    #[error("too many tickets are out")]
    Full,
    /// It would count for longer than tickets do, or not at all. (RDV-7)
    #[error("a ticket counts for 1 s to 24 h")]
    Life,
}

/// It was spent, revoked or forgotten before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ticket was spent before")]
pub struct Spent;

struct Entry {
    prekey: Scalar,
    secret: Secret,
    root: Root,
    spot: Spot,
    donor: Option<VatId>,
    introduces: bool,
}

/// The tickets of one vat that are out.
#[derive(Default)]
pub struct Issued {
    entries: BTreeMap<TicketId, Entry>,
    by_expiry: BTreeSet<(Wall, TicketId)>,
    by_donor: BTreeMap<VatId, usize>,
    quota: Quota,
}

impl Issued {
    /// Makes a ticket for the vat with this key and remembers what makes it work. (RDV-7, RDV-8)
    ///
    /// # Errors
    /// If there are too many; then nothing has changed but that expired ones are forgotten.
    pub fn issue(
        &mut self,
        key: &SigningKey,
        wish: &Wish,
        now: Moment,
        rng: &mut Rng,
    ) -> Result<Ticket, CannotIssue> {
        self.forget(now.wall);
        if !(1..=LONGEST_LIFE).contains(&wish.life) {
            return Err(CannotIssue::Life);
        }
        self.room(wish.donor)?;
        if let Some(donor) = wish.donor.as_ref().filter(|_| wish.introduces) {
            self.quota.take(now.at, donor)?;
        }
        let prekey = Scalar::from_bytes(rng.draw());
        let secret = rng.draw();
        let ticket = Ticket::sign(
            key,
            Draft {
                spot: wish.spot,
                terms: wish.terms,
                prekey: prekey.public(),
                secret: Secret::from(*secret),
                bearer: wish.bearer,
                expiry: now.wall.plus(wish.life),
                id: TicketId::draw(rng),
            },
        );
        self.enter(&ticket, prekey, (wish.donor, wish.introduces));
        Ok(ticket)
    }

    fn enter(
        &mut self,
        ticket: &Ticket,
        prekey: Scalar,
        (donor, introduces): (Option<VatId>, bool),
    ) {
        let entry = Entry {
            prekey,
            secret: Secret::from(*ticket.secret().as_bytes()),
            root: Root::from(ticket),
            spot: *ticket.spot(),
            donor,
            introduces,
        };
        if let Some(donor) = donor {
            *self.by_donor.entry(donor).or_default() += 1;
        }
        self.by_expiry.insert((ticket.expiry(), ticket.id()));
        self.entries.insert(ticket.id(), entry);
    }

    /// Remembers a ticket that was signed elsewhere, with the secret of its B_t; the test vectors begin so.
    ///
    /// # Errors
    /// If there is no room.
    pub fn remember(&mut self, ticket: &Ticket, prekey: Scalar) -> Result<(), CannotIssue> {
        self.room(None)?;
        self.enter(ticket, prekey, (None, false));
        Ok(())
    }

    fn room(&self, donor: Option<VatId>) -> Result<(), CannotIssue> {
        let of_donor = donor.and_then(|donor| self.by_donor.get(&donor));
        let full = of_donor.is_some_and(|count| *count >= MOST_A_DONOR);
        if self.entries.len() >= MOST || full {
            return Err(CannotIssue::Full);
        }
        Ok(())
    }

    /// What the first cell of a flight leads to that came to the park at `spot`: `None` if it names no ticket for that park, or has
    /// a key of low order. (RDV-9)
    #[must_use]
    pub fn meet(&self, opening: &Opening, spot: &Spot, backend: Backend) -> Option<Met> {
        let entry = self.entries.get(&TicketId::from(opening.selector))?;
        if entry.spot.place() != spot.place() {
            return None;
        }
        let introduced = Introduced::new(&entry.prekey, &opening.x_i, &entry.secret)?;
        let (dh, secret) = (&introduced.dh, Some(introduced.secret.as_bytes()));
        let place = spot.place();
        let splice = Splice::of_callee(dh, secret, opening, &place, backend);
        Some(Met {
            root: entry.root,
            introduced,
            opening: *opening,
            place,
            splice,
        })
    }

    /// Spends the ticket that `early` uses: it works no more, and its secrets are gone. (RDV-11)
    ///
    /// # Errors
    /// If it was spent, revoked or forgotten since it was met.
    pub fn spend(&mut self, early: Early) -> Result<Held, Spent> {
        let known = self.remove(&early.ticket());
        if !check!(SpentOnce, known) {
            return Err(Spent);
        }
        Ok(early.held())
    }

    /// Takes a ticket back; false if there is none of this name.
    pub fn revoke(&mut self, ticket: &TicketId) -> bool {
        self.remove(ticket)
    }

    /// Takes back all that were given to this donor.
    pub fn revoke_all(&mut self, donor: &VatId) {
        let of_donor =
            |(id, entry): (&TicketId, &Entry)| (entry.donor == Some(*donor)).then_some(*id);
        let ids: Vec<_> = self.entries.iter().filter_map(of_donor).collect();
        for id in ids {
            self.remove(&id);
        }
    }

    /// Forgets those whose time is over.
    pub fn forget(&mut self, now: Wall) {
        while let Some((expiry, id)) = self.by_expiry.first().copied()
            && expiry <= now
        {
            self.remove(&id);
            // Also where there was none.
            self.by_expiry.remove(&(expiry, id));
        }
    }

    /// How many are out for this relay that this donor was given, to dial with or to hand on. (RDV-36)
    #[must_use]
    pub fn out_at(&self, relay: &RelayId, donor: &VatId, introduces: bool) -> usize {
        let is_one = |entry: &&Entry| {
            entry.spot.relay == *relay
                && entry.donor == Some(*donor)
                && entry.introduces == introduces
        };
        self.entries.values().filter(is_one).count()
    }

    /// How many are out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn remove(&mut self, id: &TicketId) -> bool {
        let Some(entry) = self.entries.remove(id) else {
            return false;
        };
        self.by_expiry.remove(&(entry.root.expiry, *id));
        if let Some(donor) = entry.donor
            && let Some(count) = self.by_donor.get_mut(&donor)
        {
            *count -= 1;
            if *count == 0 {
                self.by_donor.remove(&donor);
            }
        }
        true
    }
}
