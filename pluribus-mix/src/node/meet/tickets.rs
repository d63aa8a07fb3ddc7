//! What vats give each other so that they can meet again, and what they hand on. (RDV-34 to RDV-36)
//!
//! Each side of a connection with a vat that hides keeps some introductions to the other: to dial with when the splice is gone, and to hand on when it
//! introduces the other to somebody. It asks for what it lacks; who is asked gives what its quota allows.

use super::super::conn::{Dial, Where};
use super::super::link::State;
use super::super::pairs::PairKey;
use super::super::{ConnId, LinkId, Node};
use crate::id::{RelayId, VatId};
use crate::locator::{Hints, Locator};
use crate::netlayer::{CloseReason, ConnectError, Introductions};
use crate::rendezvous::issued::{CannotIssue, Wish};
use crate::rendezvous::wallet::Wallet;
use crate::rendezvous::{Bearer, Introduction, Promised, Refused, Terms};
use crate::vattp::tickets::{Heard, Purpose};
use thiserror::Error;

/// Introductions of each purpose that are kept for a peer.
const KEPT: usize = 2;
/// Seconds that a ticket counts which was given to a peer.
const LIFE: u64 = 3600;

/// Why nobody can be told where this vat is to be met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CannotTell {
    /// It keeps no park: it does not hide, or there is no consensus yet.
    #[error("this vat keeps no park yet, so nobody can meet it")]
    NoPark,
    /// The ticket could not be issued.
    #[error(transparent)]
    Issue(#[from] CannotIssue),
}

impl Node {
    /// Issues a ticket for this vat: whoever `bearer` allows can call with it once within `life` seconds, and a named bearer can hand it on. (RDV-7)
    ///
    /// # Errors
    /// See [`CannotTell`].
    pub fn issue_ticket(&mut self, bearer: Bearer, life: u64) -> Result<Introduction, CannotTell> {
        self.issue(bearer, life, None)
    }

    /// This vat's locator with a ticket in its hints. (RDV-6)
    ///
    /// # Errors
    /// See [`CannotTell`].
    pub fn ticket_locator(&mut self, bearer: Bearer, life: u64) -> Result<Locator, CannotTell> {
        let ticket = self.issue_ticket(bearer, life)?;
        let all = ticket.to_hints();
        let locator = Locator::new(self.vat_id());
        let told = all.iter().try_fold(locator, |locator, (name, value)| {
            locator.with_hint(name, value)
        });
        told.map_err(|_| CannotTell::NoPark)
    }

    fn issue(
        &mut self,
        bearer: Bearer,
        life: u64,
        donor: Option<(VatId, Purpose)>,
    ) -> Result<Introduction, CannotTell> {
        let consensus = self.consensus.clone().ok_or(CannotTell::NoPark)?;
        let now = self.moment().ok_or(CannotTell::NoPark)?;
        let (spot, until) = self.draw_park(donor).ok_or(CannotTell::NoPark)?;
        let class = self.mix.as_ref().map(|mix| mix.class()).unwrap_or_default();
        let wish = Wish {
            spot,
            terms: Terms {
                class,
                network: consensus.network(),
            },
            bearer,
            life: life.min(until.since(now.wall)),
            donor: donor.map(|(peer, _)| peer),
            introduces: donor.is_some_and(|(_, purpose)| purpose == Purpose::HandOn),
        };
        let key = self.hosted.local.key.clone();
        let ticket = self
            .meet
            .issued
            .issue(&key, &wish, now, &mut self.meet.rng)?;
        Ok(ticket.into())
    }

    /// Looks for an introduction in a locator, and keeps it. (RDV-2, RDV-5)
    ///
    /// # Errors
    /// There is one and it cannot be used, or no consensus by which that could be told. (RDV-38)
    pub(in crate::node) fn take_introduction(&mut self, to: &Locator) -> Result<(), CloseReason> {
        let Some(consensus) = &self.consensus else {
            return Err(CloseReason::Unreachable);
        };
        let promised = Promised {
            vat: to.vat(),
            network: consensus.network(),
            now: self.wall(),
        };
        match Introduction::from_hints(to.hints(), &promised) {
            Ok(Some(found)) if found.is_for(&self.vat_id()) => {
                self.meet.wallet.put(Purpose::Dial, found);
                Ok(())
            }
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(CloseReason::Refused),
            Err(Refused::Expired) => Err(CloseReason::Expired),
            Err(Refused::OtherNetwork) => Err(CloseReason::WrongNetwork),
            Err(_) => Err(CloseReason::Refused),
        }
    }

    /// Whether there is an introduction to dial this vat with.
    pub(in crate::node) fn is_introduced(&self, vat: &VatId) -> bool {
        self.meet.wallet.count(vat, Purpose::Dial, self.wall()) > 0
    }

    /// An introduction to dial with, rather one to a relay that a circuit leads to: it is used up. (RDV-34)
    pub(in crate::node) fn introduction(&mut self, vat: &VatId) -> Option<Introduction> {
        let (now, mix) = (self.wall(), self.mix.as_ref());
        let leads = |relay: &RelayId| mix.is_some_and(|mix| mix.leads_to(relay));
        let wallet = &mut self.meet.wallet;
        wallet.take_rather(vat, Purpose::Dial, now, leads)
    }

    /// A call has come where nobody waited: what it was made with is as good as before.
    pub(in crate::node) fn was_alone(&mut self, call: LinkId) {
        let Some(link) = self.links.get_mut(&call) else {
            return;
        };
        let by = link.by.take();
        if let (Some(by), State::Dialling(key, _)) = (by, &link.state) {
            let peer = key.peer;
            return self.is_as_good(&peer, &by);
        }
        if let Some(with) = link.with.take() {
            self.put_back(with);
        }
    }

    /// An introduction with which nobody was called after all is kept, to be tried when others have been, unless its relay is gone. (RDV-34)
    pub(in crate::node) fn put_back(&mut self, with: Box<Introduction>) {
        let consensus = self.consensus.as_ref();
        let relay = &with.ticket().spot().relay;
        if consensus.is_some_and(|all| all.relay(relay).is_some()) {
            self.meet.wallet.put(Purpose::Dial, *with);
        }
    }

    /// From now on the peer of this pair is called with tickets, when there are some, and asked for those that are missing.
    pub(super) fn want_tickets(&mut self, key: PairKey) {
        let (now, peer) = (self.wall(), key.peer);
        let local = self.hosted.local.clone();
        let missing = [Purpose::Dial, Purpose::HandOn].map(|purpose| {
            let count = self.meet.wallet.count(&peer, purpose, now);
            (purpose, KEPT.saturating_sub(count))
        });
        if key.throwaway().is_some() || !key.is_known() {
            return;
        }
        let Some((conn, it)) = self.conn_of(key) else {
            return;
        };
        it.dial.get_or_insert(Dial {
            at: Where::Meeting,
            local,
        });
        for (purpose, count) in missing {
            if let Ok(count @ 1..) = u8::try_from(count) {
                it.talk.want_tickets(purpose, count);
            }
        }
        self.wake_conn(conn);
    }

    /// Gives and takes what the peer of a connection has said of tickets.
    pub(in crate::node) fn hear_tickets(&mut self, conn: ConnId) {
        while let Some(it) = self.conns.get_mut(&conn)
            && let Some(heard) = it.talk.take_tickets()
        {
            let peer = it.key.peer;
            match heard {
                Heard::Want(purpose, count) => self.give_tickets(conn, peer, purpose, count),
                Heard::Give(purpose, bytes) => self.given_ticket(peer, purpose, &bytes),
            }
        }
    }

    fn give_tickets(&mut self, conn: ConnId, peer: VatId, purpose: Purpose, count: u8) {
        for _ in 0..count.min(u8::try_from(KEPT).unwrap_or(u8::MAX)) {
            // Who asks for more than there may be is given nothing.
            let Ok(ticket) = self.issue(Bearer::Vat(peer), LIFE, Some((peer, purpose))) else {
                break;
            };
            if let Some(it) = self.conns.get_mut(&conn) {
                it.talk.give_ticket(purpose, ticket.to_bytes().to_vec());
            }
        }
        self.wake_conn(conn);
    }

    /// A ticket of the peer's own, for us; what is none is as if it had not come.
    fn given_ticket(&mut self, peer: VatId, purpose: Purpose, bytes: &[u8]) {
        let Some(consensus) = &self.consensus else {
            return;
        };
        let promised = Promised {
            vat: peer,
            network: consensus.network(),
            now: self.wall(),
        };
        if let Ok(ticket) = Introduction::parse(bytes, &promised)
            && ticket.is_for(&self.vat_id())
        {
            self.meet.wallet.put(purpose, ticket);
            self.dial(PairKey::with(peer, None));
        }
    }

    /// Begins a connection with a vat that hides, if something leads to it, or can be found that does. (RDV-34, RDV-42)
    ///
    /// # Errors
    /// There are too many connections.
    pub(in crate::node) fn connect_hidden(&mut self, to: &Locator) -> Result<ConnId, ConnectError> {
        let peer = to.vat();
        let taken = self.take_introduction(to);
        let known = PairKey::with(peer, None);
        if let Some((conn, _)) = self.conn_of(known) {
            self.dial(known);
            return Ok(conn);
        }
        let local = self.hosted.local.clone();
        let at = Where::Meeting;
        let is_introduced = self.is_introduced(&peer);
        self.look_anew(&peer);
        let (conn, _) = self.add_conn(peer, false, Dial { at, local })?;
        match taken {
            Err(reason) if !is_introduced => self.break_off(known, reason),
            _ => self.dial(known),
        }
        Ok(conn)
    }
}

impl Node {
    /// Takes an introduction to this vat that was given for handing on, and asks for another. (RDV-35)
    pub fn introduction_to(&mut self, vat: VatId) -> Option<Introduction> {
        let now = self.wall();
        let taken = self.meet.wallet.take(&vat, Purpose::HandOn, now);
        self.want_tickets(PairKey::with(vat, None));
        taken
    }
}

impl Introductions for Node {
    fn offer(&mut self, target: &Locator, receiver: VatId) -> Hints {
        let taken = self.introduction_to(target.vat());
        let key = self.hosted.local.key.clone();
        let handed = taken.and_then(|mut introduction| {
            let expiry = introduction.expiry();
            introduction.delegate(&key, receiver, expiry).ok()?;
            introduction.hints().ok()
        });
        handed.unwrap_or_else(|| target.hints().clone())
    }

    fn expect(&mut self, target: &Locator) {
        // What cannot be used is said where it is dialled.
        let _ = self.take_introduction(target);
    }
}

const _: () = assert!(KEPT <= Wallet::EACH);
