//! Somebody calls us, over a park of ours. The mirror of [`super::caller`].
//!
//! Nothing is said and nothing is kept before EARLY has shown who calls, by whose leave; then the ticket is spent and the rule of pairs decides. The answer
//! waits a moment for what the runtime says to what it has just heard. (RDV-11, RDV-14)
//!
//! A listed vat is called by its record as well. From the first cell on that is a handshake like any other, and no more of it is here. (RDV-33)

use super::super::ends::Standing;
use super::super::link::{Answering, Dialler, Link, State};
use super::super::pairs::PairKey;
use super::super::{LinkId, Node, Source, Trace};
use super::FIRST_WORDS;
use crate::id::RelayId;
use crate::netlayer::CloseReason;
use crate::rendezvous::Spot;
use crate::rendezvous::early::{Asked, Held, Met, Owed, Ruling};
use crate::rendezvous::splice::Opening;
use crate::time::Instant;
use crate::vattp::cells::{Incoming, Place};
use crate::vattp::flight::{EARLY_LEN, GIVEINFO_LEN, GO_LEN, IWANT_LEN};
use crate::vattp::introduced::responder::{Accepted, ExpectGiveInfo, ExpectGo};
use crate::vattp::pair::{Answer, PairFields, Proof, TransportId, Word};
use crate::vattp::pipe::{CELL_LEN, Carrier};
use crate::vattp::responder::Entropy;
use crate::vattp::sending::Sending;
use crate::vattp::{Hints, Peer, Violation};
use core::mem;
use core::ops::RangeInclusive;

/// Cells of one call that are tried with the keys of our records: flight 1, and once more. (RDV-33)
const MOST_TRIED: u32 = 16;

/// How far a call has come that we are to answer.
///
/// ```text
/// Opening ─a ticket of ours─► IWant ─► Early ─good: spent, decided─► Owed ─flight 2─► GiveInfo ─► Go ─► (live)
///    └─────our record───────► (answering)
/// ```
pub(in crate::node) enum Calling {
    /// Nothing has come yet that names a ticket of this park, or is meant by our record; and how many cells were tried for that.
    Opening(Spot, u32),
    IWant(Box<Met>),
    Early(Box<Asked>),
    /// It is decided; flight 2 is to be written.
    Owed(Box<Debt>),
    GiveInfo(ExpectGiveInfo, Ruled),
    Go(ExpectGo, Ruled),
    /// Somebody broke a rule: nothing is said any more. (VTP-17)
    Silent(Option<PairKey>),
}

/// What is owed, and by when.
pub(in crate::node) struct Debt {
    owed: Owed,
    ruled: Ruled,
    word: Word,
    at: Instant,
}

/// What the rule has decided.
#[derive(Clone, Copy)]
pub(in crate::node) struct Ruled {
    key: PairKey,
    /// The caller's object, and ours.
    yours: u64,
    mine: u64,
}

impl Calling {
    fn lengths(&self) -> RangeInclusive<usize> {
        match self {
            Self::Early(_) => EARLY_LEN,
            Self::GiveInfo(..) => GIVEINFO_LEN,
            Self::Go(..) => GO_LEN,
            _ => IWANT_LEN,
        }
    }

    fn place(&self) -> Place {
        match self {
            Self::IWant(_) | Self::GiveInfo(..) => Place::Before,
            _ => Place::Last,
        }
    }

    /// The pair that it was found to belong to.
    pub(in crate::node) fn key(&self) -> Option<PairKey> {
        match self {
            Self::Owed(debt) => Some(debt.ruled.key),
            Self::GiveInfo(_, ruled) | Self::Go(_, ruled) => Some(ruled.key),
            Self::Silent(key) => *key,
            Self::Opening(..) | Self::IWant(_) | Self::Early(_) => None,
        }
    }

    /// When it is to be answered at the latest.
    pub(in crate::node) fn answer_at(&self) -> Option<Instant> {
        match self {
            Self::Owed(debt) => Some(debt.at),
            _ => None,
        }
    }
}

impl Node {
    /// Somebody has joined the park of this cookie at this relay: the end of a circuit to it, on which a call may come. (RDV-22)
    pub(in crate::node) fn joined(&mut self, relay: RelayId, cookie: [u8; 16]) -> LinkId {
        let (now, id) = (self.clock, self.fresh_link());
        let Some(spot) = self.park_at(relay, cookie) else {
            return id;
        };
        let mut link = Link::new(State::Called(Box::new(Calling::Opening(spot, 0))));
        link.is_end = true;
        link.set_paced(self.is_paced);
        link.carries(Carrier::Cells);
        link.deadline = Some(now + self.flight_deadline);
        self.links.insert(id, link);
        self.arm(id);
        // All who come by one park count as one.
        let source = Source(cookie);
        if let Some(gives_way) = self.half_open.admit(id.0, source, &mut self.rng) {
            self.violated(LinkId(gives_way), Violation::GaveWay);
            self.hang_up(LinkId(gives_way));
        }
        id
    }

    /// A cell of a flight that a caller says.
    pub(in crate::node) fn called_cell(
        &mut self,
        id: LinkId,
        index: u64,
        cell: &mut [u8; CELL_LEN],
    ) {
        if let Some(mut first) = self.meet_opening(id, cell) {
            return self.flight_items(id, Incoming::opened(index, &mut first));
        }
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let State::Called(calling) = &mut link.state else {
            return;
        };
        let plain = match (&mut **calling, &mut link.splice) {
            (Calling::Opening(..) | Calling::Silent(_) | Calling::Owed(_), _) => return,
            (Calling::IWant(met), _) => met.splice.open(cell),
            (_, Some(splice)) => splice.open(cell),
            (_, None) => return,
        };
        let mut incoming = match plain {
            Ok(plain) => Incoming::opened(index, plain),
            Err(violation) => return self.fail(id, violation),
        };
        while let Some(link) = self.links.get_mut(&id) {
            let State::Called(calling) = &link.state else {
                return;
            };
            let (lengths, place) = (calling.lengths(), calling.place());
            let super::super::link::Items::Cells(cells) = &mut link.items else {
                return;
            };
            match cells.next(&mut incoming, &lengths, place) {
                Ok(Some(mut item)) => self.called_item(id, &mut item),
                Ok(None) => return,
                Err(violation) => return self.fail(id, violation),
            }
        }
    }

    /// The first cell names a ticket of this park, or is meant by our record, or is nothing: a cell that the relay passed on from the middle of a
    /// flight is neither, and the flight comes again. Gives what it holds that is meant by our record. (RDV-24, RDV-33)
    fn meet_opening(&mut self, id: LinkId, cell: &[u8; CELL_LEN]) -> Option<Vec<u8>> {
        let (wall, local) = (self.wall(), &self.hosted.local);
        let link = self.links.get_mut(&id)?;
        let State::Called(calling) = &mut link.state else {
            return None;
        };
        let Calling::Opening(spot, tried) = &mut **calling else {
            return None;
        };
        let (issued, backend) = (&self.meet.issued, local.backend);
        if let Some(met) = issued.meet(&Opening::of(cell), spot, backend) {
            **calling = Calling::IWant(Box::new(met));
            return None;
        }
        // Each costs a multiplication for each prekey.
        *tried = tried.saturating_add(1);
        let listed = Some(&self.meet.publishing.listed).filter(|_| *tried <= MOST_TRIED);
        let looked = listed?.meet(cell, spot, wall, backend)?;
        let hosted = Box::new(looked.hosted(local.clone()));
        link.splice = Some(Box::new(looked.splice));
        link.state = State::Answering(Box::new(Answering::Looked(hosted)));
        Some(looked.first)
    }

    fn called_item(&mut self, id: LinkId, item: &mut [u8]) {
        let (now, wall) = (self.clock, self.wall());
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let State::Called(calling) = &mut link.state else {
            return;
        };
        let key = calling.key();
        let next = match mem::replace(&mut **calling, Calling::Silent(key)) {
            Calling::IWant(met) => {
                let asked = met.asked(item, &self.hosted.local, &mut self.seen, now);
                asked.map(|(asked, splice)| {
                    link.splice = Some(Box::new(splice));
                    Calling::Early(Box::new(asked))
                })
            }
            Calling::Early(asked) => {
                // A ticket that does not fit is as if there were none.
                let early = asked.early(item, wall).map_err(|_| Violation::NotForUs);
                let held = early.and_then(|early| {
                    let spent = self.meet.issued.spend(early);
                    spent.map_err(|_| Violation::Replayed)
                });
                return match held {
                    Ok(held) => self.rule(id, held),
                    Err(violation) => self.fail(id, violation),
                };
            }
            Calling::GiveInfo(state, ruled) => {
                let next = state.handle(item);
                next.map(|next| Calling::Go(next, ruled))
            }
            Calling::Go(state, ruled) => {
                return match state.handle(item) {
                    Ok(accepted) => self.proven_caller(id, ruled, accepted),
                    Err(violation) => self.fail(id, violation),
                };
            }
            other => Ok(other),
        };
        match next {
            Ok(next) => **calling = next,
            Err(violation) => self.fail(id, violation),
        }
    }

    /// Who calls is known, and the ticket is spent: the rule decides. (RDV-11)
    fn rule(&mut self, id: LinkId, held: Held) {
        let claim = *held.claim();
        let peer = Peer {
            key: *claim.vat.public_key(),
            incarnation: claim.incarnation,
            hints: Hints::default(),
        };
        let key = PairKey::of_dialler(&peer);
        self.is_answered(id);
        if !self.has_room_for(key) {
            self.note(Trace::TurnedAway { link: id });
            return;
        }
        let mut effects = Vec::new();
        self.begin_pair(key);
        let Some(entry) = self.pairs.get_mut(&key) else {
            return;
        };
        let (pair, ids) = entry.with_numbers(&mut self.ids);
        let (on, word) = (TransportId(id.0), &claim.fields.word);
        let answer = pair.asked(on, Proof::of(&peer), word, ids, &mut effects);
        self.apply(key, effects, CloseReason::Gone);
        match answer {
            Ok(Answer::Live(word)) => self.rule_live(id, key, word, held),
            Ok(Answer::Refuse(word)) => {
                let (_, owed) = held.decide(Ruling::Not);
                self.refuse_call(id, word, owed);
                self.rest(key);
            }
            Ok(Answer::Close) => {
                self.hang_up(id);
                self.rest(key);
            }
            Err(violation) => {
                self.fail(id, violation);
                self.rest(key);
            }
        }
    }

    /// The transport is the pair's: first words are heard, and the answer waits for ours.
    fn rule_live(&mut self, id: LinkId, key: PairKey, word: Word, held: Held) {
        let now = self.clock;
        let claim = *held.claim();
        let (frames, owed) = held.decide(Ruling::Live);
        let Some((_, conn)) = self.conn_of(key) else {
            return self.hang_up(id);
        };
        conn.link = Some(id);
        conn.talk.begin(Carrier::Cells);
        conn.talk.go_live();
        let heard = super::super::shake::confirm(&mut conn.talk, &claim.fields);
        let heard = heard.and_then(|()| {
            let frames = frames.as_deref().map_or(&[][..], |frames| &frames[..]);
            conn.talk.hear_in_flight(now, frames)
        });
        if let Err(violation) = heard {
            return self.blame(id, key, violation);
        }
        let ruled = Ruled {
            key,
            yours: claim.fields.word.mine,
            mine: word.mine,
        };
        if let Some(link) = self.links.get_mut(&id) {
            let at = now + Self::answer_within();
            let debt = Debt {
                owed,
                ruled,
                word,
                at,
            };
            link.state = State::Called(Box::new(Calling::Owed(Box::new(debt))));
            link.deadline = Some(now + self.flight_deadline);
        }
        self.heard_in_flight(key);
        self.arm(id);
    }

    /// Writes flight 2 if it is owed, and there is something to say or no more time to wait for it. (RDV-14)
    pub(in crate::node) fn answer_call(&mut self, id: LinkId) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let State::Called(calling) = &mut link.state else {
            return;
        };
        let Calling::Owed(debt) = &**calling else {
            return;
        };
        let key = debt.ruled.key;
        let conn = self.pairs.get(&key).and_then(|entry| entry.conn);
        let Some(conn) = conn.and_then(|conn| self.conns.get_mut(&conn)) else {
            return;
        };
        if now < debt.at && !conn.talk.has_frame() {
            return;
        }
        let Calling::Owed(debt) = mem::replace(&mut **calling, Calling::Silent(Some(key))) else {
            return;
        };
        let said = PairFields {
            word: debt.word,
            expect: conn.talk.expect(),
            first: conn.talk.first(),
        };
        let (mut frames, mut flight) = (Vec::new(), Vec::new());
        conn.talk.say_in_flight(now, FIRST_WORDS, &mut frames);
        let entropy = Entropy::draw(&mut self.rng);
        let answered = debt.owed.answer(&said, &frames, entropy, &mut flight);
        let sealed = answered.and_then(|next| {
            let splice = link.splice.as_mut().ok_or(Violation::Late)?;
            splice.seal(&flight, &mut link.out)?;
            Ok(next)
        });
        match sealed {
            Ok(next) => {
                **calling = Calling::GiveInfo(next, debt.ruled);
                link.deadline = Some(now + self.flight_deadline);
                self.arm(id);
            }
            Err(violation) => self.fail(id, violation),
        }
    }

    /// Flight 2 that grants nothing, and the end of the link behind it.
    fn refuse_call(&mut self, id: LinkId, word: Word, owed: Owed) {
        let said = PairFields {
            word,
            expect: 1,
            first: 1,
        };
        let entropy = Entropy::draw(&mut self.rng);
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let mut flight = Vec::new();
        let answered = owed.answer(&said, &[], entropy, &mut flight);
        let sealed = answered.and_then(|_| {
            let splice = link.splice.as_mut().ok_or(Violation::Late)?;
            splice.seal(&flight, &mut link.out)
        });
        match sealed {
            Ok(()) => self.closing(id),
            Err(_) => self.hang_up(id),
        }
    }

    /// Flight 3 has proven what EARLY claimed: records may follow. (RDV-15)
    fn proven_caller(&mut self, id: LinkId, ruled: Ruled, accepted: Accepted) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let (carried, last) = (link.carried(Dialler::Them), link.last_came());
        let (mut established, sealer) = accepted.pipe(carried);
        if let Some(last) = last {
            established.opener.flight_came(last);
        }
        let standing = Standing {
            mine: ruled.mine,
            yours: ruled.yours,
            sending: Sending::new(sealer, self.tuning, self.clock),
            established,
            frames: &[],
        };
        if let Err(violation) = self.stand(id, ruled.key, standing) {
            self.fail(id, violation);
        }
        self.want_tickets(ruled.key);
    }
}
