//! Three-party handoff: Alice, who holds Carol, sends Bob a reference to her.
//!
//! ```text
//!   gifter Alice ── deposit-gift id, Carol ──► exporter (Carol's vat)
//!        │                                          ▲
//!        └── give{receiver, where, id} ──► receiver Bob ── withdraw-gift receive{give} ──┘
//! ```
//!
//! The two messages to the exporter come by two ways, so either may be first; each waits for the other, for a bounded time. A gift
//! belongs to the session over which it was deposited and to the receiver that the gifter named, and outlives both that session
//! and the gifter's interest until it is withdrawn or its time is over.
//!
//! Who is to blame? The receiver can check nothing of what the gifter signed. So what is wrong with a give breaks the wish and
//! nothing else; what is wrong with a wish was the peer's own doing and ends the session.

use std::collections::BTreeMap;
use std::rc::Rc;

use pluribus_mix::time::{Duration, Instant};

use super::certificate::{
    HandoffGive, HandoffReceive, PublicId, PublicKey, SessionId, SignedGive, SignedReceive,
};
use super::comms::Comms;
use super::link::{Args, Link, SessionNo, gone};
use super::misdeed::Misdeed;
use super::op::{Desc, Position, Target};
use super::session::{Gift, Live};
use super::share::Share;
use crate::value::Value;
use crate::vat::{Problem, Ref, Resolver, Turn};

/// How long a gift waits for its receiver, and a wish for its gift.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The most gifts and wishes that wait.
pub const MOST_GIFTS: usize = 4096;
/// The most gifts that wait of one gifter.
pub const MOST_GIFTS_OF_ONE: usize = 1024;
/// The most exporters that are dialled at a time for gifts of one peer.
pub const MOST_DIALS: usize = 32;

/// Which gift: the session that it was deposited over, and its id.
type GiftKey = (SessionId, Vec<u8>);

/// Gifts that wait for their receivers, and receivers that wait for their gifts.
#[derive(Default)]
pub(super) struct Gifts {
    deposited: BTreeMap<GiftKey, (Ref, Instant)>,
    wished: BTreeMap<GiftKey, (Resolver, Instant)>,
    /// Who the gifters were of sessions that are over, as long as a gift of theirs may be here.
    gifters: BTreeMap<SessionId, (PublicKey, PublicId, Instant)>,
}

impl Gifts {
    pub(super) fn len(&self) -> usize {
        self.deposited.len() + self.wished.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deposited = self.deposited.values().map(|(_, until)| *until);
        let wished = self.wished.values().map(|(_, until)| *until);
        let gifters = self.gifters.values().map(|(_, _, until)| *until);
        deposited.chain(wished).chain(gifters).min()
    }

    pub(super) fn expire(&mut self, turn: &mut Turn<'_>, now: Instant) {
        self.deposited.retain(|_, (_, until)| *until > now);
        self.gifters.retain(|_, (_, _, until)| *until > now);
        let due = self.wished.iter().filter(|(_, (_, until))| *until <= now);
        let due: Vec<_> = due.map(|(key, _)| key.clone()).collect();
        let late = due.into_iter().filter_map(|key| self.wished.remove(&key));
        for (resolver, _) in late {
            turn.resolve(resolver, Err("the gift was not deposited in time".into()));
        }
    }

    /// Remembers who the peer was, for gifts of its that wait.
    /// What was not deposited over it will not be.
    pub(super) fn session_ended(&mut self, turn: &mut Turn<'_>, live: &Live, now: Instant) {
        let of_it = |(session, _): &&GiftKey| *session == live.id;
        let wished: Vec<_> = self.wished.keys().filter(of_it).cloned().collect();
        let wished = wished.iter().filter_map(|key| self.wished.remove(key));
        for (resolver, _) in wished {
            turn.resolve(resolver, Err(gone()));
        }
        if self.deposited.keys().any(|key| of_it(&key)) {
            let gifter = (live.their_key, live.their_side, now + PATIENCE);
            self.gifters.insert(live.id, gifter);
        }
    }

    fn deposit(
        &mut self,
        turn: &mut Turn<'_>,
        key: GiftKey,
        gift: Ref,
        until: Instant,
    ) -> Result<(), Problem> {
        if let Some((resolver, _)) = self.wished.remove(&key) {
            turn.resolve(resolver, Ok(gift.into()));
            return Ok(());
        }
        let of_one = self
            .deposited
            .keys()
            .filter(|(session, _)| *session == key.0);
        if self.len() >= MOST_GIFTS || of_one.count() >= MOST_GIFTS_OF_ONE {
            return Err("too many gifts wait here".into());
        }
        if self.deposited.contains_key(&key) {
            return Err("there is a gift of this id already".into());
        }
        self.deposited.insert(key, (gift, until));
        Ok(())
    }

    fn withdraw(&mut self, turn: &mut Turn<'_>, key: GiftKey, resolver: Resolver, until: Instant) {
        if let Some((gift, _)) = self.deposited.remove(&key) {
            return turn.resolve(resolver, Ok(gift.into()));
        }
        if self.gifters.contains_key(&key.0) {
            return turn.resolve(resolver, Err(gone()));
        }
        if self.len() >= MOST_GIFTS || self.wished.contains_key(&key) {
            let problem = "the gift is withdrawn already, or too many are waited for";
            return turn.resolve(resolver, Err(problem.into()));
        }
        self.wished.insert(key, (resolver, until));
    }
}

/// As gifter.
impl Comms {
    /// Gives `gift`, which is at `position` of another session, to the peer of session `no`.
    pub(super) fn give_away(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        (link, position): (&Rc<Link>, Position),
        gift: &Ref,
    ) -> Option<SignedGive> {
        let receiver = self.sessions.get(&no)?;
        let receiver_key = receiver.live()?.their_key;
        let receiver = receiver.peer.as_ref()?;
        let exporter = self.sessions.get(&link.session)?;
        let live = exporter.live()?;
        let gift_id = (self.entropy)().to_vec();
        let give = HandoffGive {
            receiver_key,
            exporter_location: self.introducer.offer(exporter.peer.as_ref()?, receiver),
            session: live.id,
            gifter_side: live.our_side,
            gift_id: gift_id.clone(),
        };
        let give = give.sign(&exporter.key, exporter.dialect.keys());
        self.was_given(no, &gift_id, gift);
        let deposit = vec![
            Value::symbol("deposit-gift"),
            Value::Bytes(gift_id),
            Value::Ref(Desc::Target(Target::Export(position))),
        ];
        let cause = turn.sent();
        link.deliver(turn, Target::Export(0), Args::Wired(deposit), None, cause);
        Some(give)
    }
}

/// As receiver.
impl Comms {
    /// A gift stands where a reference could: goes to fetch it, and gives a promise of it meanwhile.
    pub(super) fn take_gift(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        give: SignedGive,
    ) -> Result<Ref, Misdeed> {
        let Some(session) = self.sessions.get(&no) else {
            return Err(Misdeed::NotStarted);
        };
        if give.give.receiver_key != session.key.public() {
            return Err(Misdeed::NotTheReceiver);
        }
        let receiver = Rc::clone(&session.key);
        let share = Share::of(&session.left, &self.left, self.bytes)?;
        let exporter = give.give.exporter_location.clone();
        let (promise, resolver) = turn.promise();
        if exporter == self.location {
            let problem = "a gift of this vat's own objects is not given by a third";
            turn.resolve(resolver, Err(problem.into()));
            return Ok(promise);
        }
        if self.dials_for(no) >= MOST_DIALS {
            let problem = "too many exporters are dialled for gifts of this vat's peer";
            turn.resolve(resolver, Err(problem.into()));
            return Ok(promise);
        }
        self.introducer.expect(&exporter);
        match self.session_with(&exporter) {
            Ok(session) => {
                if session.live().is_none() {
                    session.for_gift_of.get_or_insert(no);
                }
                let (gifter, no) = (no, session.no);
                let gift = Gift {
                    give,
                    gifter,
                    receiver,
                    resolver,
                    _share: share,
                };
                if session.live().is_some() {
                    self.withdraw(turn, no, gift);
                } else if session.gifts.len() < MOST_GIFTS_OF_ONE {
                    session.gifts.push(gift);
                } else {
                    let problem = "too many gifts are waited for";
                    turn.resolve(gift.resolver, Err(problem.into()));
                }
            }
            Err(problem) => turn.resolve(resolver, Err(problem)),
        }
        Ok(promise)
    }

    fn dials_for(&self, no: SessionNo) -> usize {
        let begun = self.begun.values().filter_map(|no| self.sessions.get(no));
        begun
            .filter(|session| session.for_gift_of == Some(no))
            .count()
    }

    /// Asks the exporter for a gift.
    pub(super) fn withdraw(&mut self, turn: &mut Turn<'_>, no: SessionNo, gift: Gift) {
        let Gift {
            give,
            receiver,
            resolver,
            ..
        } = gift;
        let Some(session) = self.sessions.get_mut(&no) else {
            return turn.resolve(resolver, Err(gone()));
        };
        let Some(live) = session.live() else {
            return turn.resolve(resolver, Err(gone()));
        };
        let receive = HandoffReceive {
            receiving_session: live.id,
            receiving_side: live.our_side,
            handoff_count: session.next_count,
            signed_give: give,
        };
        session.next_count += 1;
        let receive = receive.sign(&receiver, session.dialect.keys());
        let args = vec![
            Value::symbol("withdraw-gift"),
            Value::Ref(Desc::Receive(Box::new(receive))),
        ];
        let link = Rc::clone(&session.link);
        let (cause, args) = (turn.sent(), Args::Wired(args));
        link.deliver(turn, Target::Export(0), args, Some(resolver), cause);
    }
}

/// As exporter.
impl Comms {
    /// `deposit-gift`
    pub(super) fn deposit_gift(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        id: Vec<u8>,
        gift: Value,
    ) -> Result<Value, Problem> {
        let session = self.sessions.get(&no).ok_or_else(gone)?;
        let live = session.live().ok_or_else(gone)?;
        let Value::Ref(gift) = gift else {
            return Err("a gift is an object".into());
        };
        let key = (live.id, id);
        let until = self.now + PATIENCE;
        self.gifts.deposit(turn, key, gift, until)?;
        Ok(Value::Undefined)
    }

    /// `withdraw-gift`. What the peer itself did wrong is a misdeed; what the gifter did wrong breaks the wish.
    pub(super) fn withdraw_gift(
        &mut self,
        turn: &mut Turn<'_>,
        no: SessionNo,
        signed: &SignedReceive,
        resolver: Resolver,
    ) -> Result<(), Misdeed> {
        let key = match self.check_wish(no, signed) {
            Ok(Ok(key)) => key,
            Ok(Err(problem)) => {
                turn.resolve(resolver, Err(problem));
                return Ok(());
            }
            Err(misdeed) => {
                turn.resolve(resolver, Err(Problem::new(misdeed.to_string())));
                return Err(misdeed);
            }
        };
        let until = self.now + PATIENCE;
        self.gifts.withdraw(turn, key, resolver, until);
        Ok(())
    }

    fn check_wish(
        &mut self,
        no: SessionNo,
        signed: &SignedReceive,
    ) -> Result<Result<GiftKey, Problem>, Misdeed> {
        let session = self.sessions.get_mut(&no).ok_or(Misdeed::NotStarted)?;
        let form = session.dialect.keys();
        let live = session.live().ok_or(Misdeed::NotStarted)?;
        let receive = &signed.receive;
        if receive.receiving_session != live.id {
            return Err(Misdeed::WrongSession);
        }
        if receive.receiving_side != live.their_side {
            return Err(Misdeed::WrongSide);
        }
        signed.verify(form).map_err(|_| Misdeed::ForgedWish)?;
        // Before anything that waits: a wish that waits for its gift has used its count too.
        session.counts.take(receive.handoff_count)?;
        let give = &receive.signed_give;
        let gifters = self.sessions.values().filter_map(|session| session.live());
        let gifter = gifters
            .filter(|live| live.id == give.give.session)
            .map(|live| (live.their_key, live.their_side))
            .next()
            .or_else(|| {
                let gone = self.gifts.gifters.get(&give.give.session);
                gone.map(|(key, side, _)| (*key, *side))
            });
        let Some((key, side)) = gifter else {
            return Ok(Err("the gifter has no session with this vat".into()));
        };
        if give.give.gifter_side != side || give.verify(&key, form).is_err() {
            return Ok(Err("the gift is not signed by its gifter".into()));
        }
        if give.give.exporter_location != self.location {
            return Ok(Err("the gift is with another exporter".into()));
        }
        Ok(Ok((give.give.session, give.give.gift_id.clone())))
    }
}
