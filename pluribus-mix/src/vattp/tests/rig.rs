//! Two honest ends of one handshake; what one says goes through the test's hand before the other hears it.
//!
//! An [`End`] does with bytes what a node's link does: cut them into items, refuse impossible lengths, hand each item to
//! the state that waits for it, and after a violation say nothing more and read nothing more. Chance is fixed, so a
//! handshake can be had again up to any flight.

use super::puppet::{Held, items};
use crate::crypto::aead::Backend;
use crate::crypto::dh::Scalar;
use crate::crypto::rng::Seed;
use crate::crypto::sign::SigningKey;
use crate::time::{Duration, Instant};
use crate::vattp::connection::Connection;
use crate::vattp::flight::{GIVEINFO_LEN, GO_LEN, IAM_LEN, IWANT_LEN, REPLYINFO_LEN};
use crate::vattp::frame::{Ending, Frame, Frames};
use crate::vattp::inbound::Taken;
use crate::vattp::initiator::{self, Established, ExpectGoToo, ExpectIam, ExpectReplyInfo};
use crate::vattp::pair::{PairFields, Side, Within};
use crate::vattp::pipe::{Carried, Carrier, RECORD_LEN};
use crate::vattp::ranges::Ranges;
use crate::vattp::responder::{self, ExpectGiveInfo, ExpectGo, ExpectIWant, Hosted};
use crate::vattp::seen::Seen;
use crate::vattp::sending::Sending;
use crate::vattp::split::Splitter;
use crate::vattp::target::Wanted;
use crate::vattp::transport::{Said, Transport, Tuning};
use crate::vattp::{Hints, Local, Offers, Peer, Use, Violation};
use core::mem;
use core::ops::RangeInclusive;
use std::sync::{Arc, OnceLock};

/// The initiator's key and the responder's.
pub(super) const I: u8 = 1;
pub(super) const R: u8 = 2;
/// Where R can be asked for.
pub(super) const PLACE: &[u8] = b"127.0.0.1:1";

/// A signing key by number; made once.
pub(crate) fn key(n: u8) -> Arc<SigningKey> {
    static KEYS: [OnceLock<Arc<SigningKey>>; 256] = [const { OnceLock::new() }; 256];
    let made = KEYS[usize::from(n)].get_or_init(|| Arc::new(SigningKey::from_seed(&[n; 32])));
    Arc::clone(made)
}

pub(super) fn local(n: u8) -> Local {
    Local {
        key: key(n),
        incarnation: u64::from(n),
        hints: Hints::new(&[n; 3]).unwrap(),
        backend: Backend::default(),
    }
}

/// R, for this use; its onion key is its mapped key.
pub(super) fn hosted(for_use: Use) -> Hosted {
    Hosted {
        local: local(R),
        prekey: Scalar::from_bytes(key(R).mapped_secret()),
        for_use,
        places: vec![b"elsewhere".to_vec(), PLACE.to_vec()],
        offers: Offers::default(),
    }
}

/// R, as it is asked for.
pub(crate) fn wanted(for_use: Use) -> Wanted {
    let key = key(R).public();
    Wanted {
        key,
        prekey: key.mapped(),
        for_use,
        place: PLACE.to_vec(),
    }
}

/// How an end stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// It waits for this item.
    Waits(&'static str),
    /// It is open, with this channel binding.
    Open([u8; 32]),
    /// It broke off before the proof.
    Refused(Violation),
    /// It was open and broke off.
    Broke([u8; 32], Violation),
}

enum State {
    Iam(ExpectIam),
    ReplyInfo(ExpectReplyInfo),
    GoToo(ExpectGoToo, Sending, PairFields),
    IWant,
    GiveInfo(ExpectGiveInfo),
    Go(ExpectGo),
    Live(Box<Transport>),
    Over(Stand),
}

/// One end.
pub(super) struct End {
    state: State,
    splitter: Splitter,
    out: Vec<u8>,
    hosted: Option<Hosted>,
    seen: Seen,
    seed: u8,
    pub(super) now: Instant,
    pub(super) tuning: Tuning,
    pub(super) conn: Connection,
    pub(super) peer: Option<Peer>,
    pub(super) closed: bool,
    /// Records that both its keys have seen when it opens, as it were.
    pub(super) age: u64,
}

impl End {
    fn new(state: State, seed: u8) -> Self {
        Self {
            state,
            splitter: Splitter::default(),
            out: Vec::new(),
            hosted: None,
            seen: Seen::new(Duration::from_secs(40)),
            seed,
            now: Instant::ZERO,
            tuning: Tuning::default(),
            conn: connection(Side::Master, seed),
            peer: None,
            closed: false,
            age: 0,
        }
    }

    /// An initiator that has said IWANT; `seed` is its chance.
    pub(super) fn dials(wanted: Wanted, local: Local, offers: Offers, seed: u8) -> Self {
        let entropy = initiator::Entropy::draw(&mut Seed::from_bytes([seed; 32]).fork("i"));
        let mut out = Vec::new();
        let state = initiator::start(wanted, local, offers, entropy, &mut out).unwrap();
        let mut end = Self::new(State::Iam(state), seed);
        end.out = out;
        end.conn = connection(Side::Slave, seed);
        end.conn.send(b"from i".to_vec()).unwrap();
        end
    }

    /// A responder at a new link.
    pub(super) fn hosts(hosted: Hosted, seed: u8) -> Self {
        let mut end = Self::new(State::IWant, seed);
        end.hosted = Some(hosted);
        end.conn.send(b"from r".to_vec()).unwrap();
        end
    }

    /// The same responder at its next link: it remembers the x_i it has answered.
    pub(super) fn next_link(self) -> Self {
        let mut next = Self::hosts(self.hosted.unwrap(), self.seed + 1);
        (next.seen, next.now) = (self.seen, self.now);
        next
    }

    /// Hears bytes and, unless they broke a rule, reads on.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut rest = &mut bytes[..];
        while !matches!(self.state, State::Over(_)) {
            match self.splitter.next(&mut rest, &self.lengths()) {
                Ok(Some(mut item)) => {
                    if let Err(violation) = self.item(&mut item) {
                        self.break_off(violation);
                    }
                }
                Ok(None) => break,
                Err(violation) => self.break_off(violation),
            }
        }
    }

    fn break_off(&mut self, violation: Violation) {
        let stand = match &self.state {
            State::Live(transport) => Stand::Broke(*transport.exporter().as_bytes(), violation),
            _ => Stand::Refused(violation),
        };
        self.state = State::Over(stand);
        self.out.clear();
    }

    fn lengths(&self) -> RangeInclusive<usize> {
        match &self.state {
            State::Iam(_) => IAM_LEN,
            State::ReplyInfo(_) => REPLYINFO_LEN,
            State::IWant => IWANT_LEN,
            State::GiveInfo(_) => GIVEINFO_LEN,
            State::Go(_) => GO_LEN,
            State::GoToo(..) | State::Live(_) | State::Over(_) => RECORD_LEN,
        }
    }

    fn item(&mut self, item: &mut [u8]) -> Result<(), Violation> {
        let over = State::Over(Stand::Waits("nothing"));
        self.state = match mem::replace(&mut self.state, over) {
            State::Iam(state) => State::ReplyInfo(state.handle(item)?),
            State::ReplyInfo(state) => {
                let proven = state.handle(item)?;
                let fields = PairFields::go(proven.side(), 11, 12);
                let (next, sealer) = proven.go(&fields, Carried::Stream, &mut self.out)?;
                let sending = Sending::new(sealer, self.tuning, self.now);
                self.conn.begin(Carrier::Stream);
                State::GoToo(next, sending, fields)
            }
            State::GoToo(state, sending, said) => {
                let (established, fields, frames) = state.handle(item)?;
                fields.check(Within::GoToo, said.side().other())?;
                let frames = Frames::perhaps(frames);
                self.conn.confirm(fields.expect)?;
                return self.live(sending, established, [11, fields.word.mine], frames);
            }
            State::IWant => {
                let draw =
                    || responder::Entropy::draw(&mut Seed::from_bytes([self.seed; 32]).fork("r"));
                let (hosted, seen) = (self.hosted.as_ref().unwrap(), &mut self.seen);
                let out = &mut self.out;
                State::GiveInfo(ExpectIWant.handle(item, hosted, seen, self.now, draw, out)?)
            }
            State::GiveInfo(state) => State::Go(state.handle(item)?),
            State::Go(state) => {
                let accepted = state.handle(item)?;
                let ours = self.hosted.as_ref().unwrap().local.key.public();
                let theirs = Side::of_dialler(accepted.peer(), &ours);
                accepted.fields().check(Within::Go, theirs)?;
                self.conn.begin(Carrier::Stream);
                self.conn.confirm(accepted.fields().expect)?;
                let yours = accepted.fields().word.mine;
                let fields = PairFields::go_too(theirs.other(), 21, 22, accepted.fields());
                let (mut established, mut sealer) = accepted.go_too(&fields, Carried::Stream);
                sealer.age(self.age);
                established.opener.age(self.age);
                let sending = Sending::new(sealer, self.tuning, self.now);
                return self.live(sending, established, [21, yours], Frames::perhaps(&[]));
            }
            State::Live(mut transport) => {
                let said = transport.handle(self.now, item, &mut self.conn);
                self.state = State::Live(transport);
                self.closed |= matches!(said?, Said::Close(_));
                return Ok(());
            }
            over @ State::Over(_) => over,
        };
        Ok(())
    }

    fn live(
        &mut self,
        sending: Sending,
        established: Established,
        [mine, yours]: [u64; 2],
        frames: Frames<'_>,
    ) -> Result<(), Violation> {
        self.conn.go_live();
        self.peer = Some(established.peer.clone());
        let mut transport = Transport::new(sending, established, mine, yours, self.now);
        let said = transport.take(self.now, frames, &mut self.conn);
        self.state = State::Live(Box::new(transport));
        self.closed |= matches!(said?, Said::Close(_));
        Ok(())
    }

    /// What it has to say.
    pub(super) fn says(&mut self) -> Vec<u8> {
        let (conn, out) = (&mut self.conn, &mut self.out);
        match &mut self.state {
            State::GoToo(_, sending, _) => sending.fill(self.now, conn, out).unwrap(),
            State::Live(transport) => transport.fill(self.now, conn, out).unwrap(),
            _ => (),
        }
        mem::take(out)
    }

    /// How it stands.
    pub(super) fn stand(&self) -> Stand {
        match &self.state {
            State::Iam(_) => Stand::Waits("IAM"),
            State::ReplyInfo(_) => Stand::Waits("REPLYINFO"),
            State::GoToo(..) => Stand::Waits("GOTOO"),
            State::IWant => Stand::Waits("IWANT"),
            State::GiveInfo(_) => Stand::Waits("GIVEINFO"),
            State::Go(_) => Stand::Waits("GO"),
            State::Live(transport) => Stand::Open(*transport.exporter().as_bytes()),
            State::Over(stand) => *stand,
        }
    }

    /// Says CLOSE.
    pub(super) fn close(&mut self) -> Vec<u8> {
        let State::Live(transport) = &mut self.state else {
            panic!("{:?}", self.stand());
        };
        let mut out = Vec::new();
        transport
            .close(
                self.now,
                Ending::Done,
                transport.mine(),
                &mut self.conn,
                &mut out,
            )
            .unwrap();
        out
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, now: Instant) {
        self.now = now;
        if let State::Live(transport) = &mut self.state
            && let Err(violation) = transport.tick(now, &mut self.conn)
        {
            self.break_off(violation);
        }
    }

    /// The messages that are whole, taken; an empty one is the end.
    pub(super) fn takes(&mut self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(taken) = self.conn.take(self.now) {
            all.push(match taken {
                Taken::Message(body) => body,
                Taken::End => Vec::new(),
            });
        }
        all
    }

    pub(super) fn exporter(&self) -> [u8; 32] {
        match self.stand() {
            Stand::Open(exporter) | Stand::Broke(exporter, _) => exporter,
            other => panic!("{other:?}"),
        }
    }
}

/// An initiator that wants R.
pub(super) fn initiator(for_use: Use) -> End {
    End::dials(wanted(for_use), local(I), Offers::default(), 5)
}

/// R.
pub(super) fn responder(for_use: Use) -> End {
    End::hosts(hosted(for_use), 6)
}

/// Takes four flights from one to the other, each as `hand` gives it on; returns how the initiator and the responder stand.
pub(super) fn exchange(
    i: &mut End,
    r: &mut End,
    mut hand: impl FnMut(usize, Vec<u8>) -> Vec<u8>,
) -> [Stand; 2] {
    r.hear(&hand(1, i.says()));
    i.hear(&hand(2, r.says()));
    r.hear(&hand(3, i.says()));
    i.hear(&hand(4, r.says()));
    [i.stand(), r.stand()]
}

/// A handshake that nobody touched: its four flights, and the channel binding.
pub(super) struct Honest {
    pub(super) flights: [Vec<u8>; 4],
    pub(super) exporter: [u8; 32],
    for_use: Use,
}

impl Honest {
    pub(super) fn new(for_use: Use) -> Self {
        let mut flights = [const { Vec::new() }; 4];
        let (mut i, mut r) = (initiator(for_use), responder(for_use));
        let stands = exchange(&mut i, &mut r, |n, bytes| {
            flights[n - 1] = bytes.clone();
            bytes
        });
        let exporter = i.exporter();
        assert_eq!(stands, [Stand::Open(exporter); 2]);
        assert_eq!([i.takes(), r.takes()], [[b"from r"], [b"from i"]]);
        Self {
            flights,
            exporter,
            for_use,
        }
    }

    /// Whoever waits for flight `n`, having heard those before it.
    pub(super) fn before(&self, n: usize) -> End {
        let mut end = match n {
            1 | 3 => responder(self.for_use),
            _ => initiator(self.for_use),
        };
        if n > 2 {
            end.says();
            end.hear(&self.flights[n - 3]);
        }
        end.says();
        end
    }

    /// Where the items of flight `n` begin, with their lengths before them; and where the last ends.
    pub(super) fn bounds(&self, n: usize) -> Vec<usize> {
        let mut bounds = vec![0];
        for item in items(&self.flights[n - 1]) {
            bounds.push(bounds[bounds.len() - 1] + 2 + item.len());
        }
        bounds
    }
}

/// An open responder and a puppet initiator that may put anything into its records.
pub(super) fn open_with_puppet() -> (End, Held) {
    open_as(|_| ())
}

/// The same, with the responder as `change` makes it.
pub(super) fn open_as(change: impl FnOnce(&mut End)) -> (End, Held) {
    use super::puppet::{Ask, Claim};
    let mut r = responder(Use::Vat);
    change(&mut r);
    let (flight, asked) = Ask::honest(wanted(Use::Vat)).flight();
    r.hear(&flight);
    let replied = asked.hear(&r.says());
    let (flight, mut held) = replied.give(&Claim::honest(&key(I), key(R).public()));
    r.hear(&flight);
    assert_eq!(r.stand(), Stand::Open(held.exporter));
    held.sealer.age(r.age);
    held.opener.age(r.age);
    let first = held.open(&r.says());
    assert_eq!(&first[50..52], [1, 0], "GOTOO, and a message");
    (r, held)
}

/// A connection in which nothing was said.
pub(super) fn connection(side: Side, seed: u8) -> Connection {
    Connection::new(side, Seed::from_bytes([seed; 32]).fork("connection"))
}

/// An acknowledgement of everything up to `taken`, without gaps.
pub(super) fn ack(taken: u64) -> Frame<'static> {
    Frame::Ack {
        taken,
        received: taken,
        ranges: Ranges::default(),
    }
}

/// The frames as one record's content.
pub(super) fn plain(frames: &[Frame<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out
}
