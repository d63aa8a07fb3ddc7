//! A node, and a puppet at the other end of its link: what the network sees of a violation, and when.

use super::*;
use crate::netlayer::{CloseReason, Event};
use crate::vattp::frame::{Ending, Frame};
use crate::vattp::pair::{PairFields, Side, Verdict};
use crate::vattp::target::Wanted;
use crate::vattp::tests::puppet::{Answer, Ask, Claim, Held, Replied, fields, hints, lp};
use crate::wire::{DecodeError, Fault};

const AT: &str = "127.0.0.1:1";
const HERE: u8 = 2;
const DIALLER: u8 = 1;

fn key(n: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&[n; 32]))
}

/// A node, one link of it, and nobody else.
struct Scene {
    node: Node,
    link: LinkId,
    now: Instant,
}

impl Scene {
    /// A node that has been dialled.
    fn dialled() -> Self {
        let mut node = node(HERE, AT, |_| ());
        let link = node.link_accepted(Instant::ZERO, Source([1; 16]), Carrier::Stream);
        Self {
            node,
            link,
            now: Instant::ZERO,
        }
    }

    /// A node that dials the vat `HERE`, and what it has said.
    fn dials() -> (Self, ConnId, Vec<u8>) {
        let mut node = node(DIALLER, "127.0.0.2:2", |_| ());
        let to = Locator::new(VatId::from(key(HERE).public())).at(AT.parse().unwrap());
        let conn = node.connect(&to).unwrap();
        let Some(LinkRequest::Open { link, .. }) = node.poll_link(Instant::ZERO) else {
            panic!("a link is wanted");
        };
        node.link_opened(Instant::ZERO, link, Carrier::Stream);
        let mut scene = Self {
            node,
            link,
            now: Instant::ZERO,
        };
        let said = scene.says();
        (scene, conn, said)
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.node
            .handle_input(self.now, self.link, &mut bytes.to_vec());
    }

    /// All that the node writes.
    fn says(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while let Some(link) = self.node.poll_transmit(self.now, &mut out) {
            self.node.link_ready(link);
        }
        out
    }

    /// Goes to this moment as a driver would, timer by timer.
    fn at(&mut self, millis: u64) {
        let until = Instant::ZERO + Duration::from_millis(millis);
        while let Some(due) = self.node.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.node.handle_timeout(self.now);
        }
        self.now = until;
    }

    fn violation(&mut self) -> Option<Violation> {
        match self.node.poll_trace()? {
            Trace::Violation { violation, .. } => Some(violation),
            Trace::TurnedAway { .. } | Trace::Guard(_) => None,
        }
    }

    fn closes(&mut self) -> bool {
        let link = self.link;
        self.node.poll_link(self.now) == Some(LinkRequest::Close { link })
    }

    /// From a violation to the end: this violation is noted, nothing is said, whatever comes is discarded, nobody is told
    /// of a peer, and the link closes at `deadline` and not before.
    fn falls_silent(mut self, expected: Violation, deadline: u64) {
        self.is_silent_until(expected, deadline);
        let told = self.node.poll_event();
        let unreachable = |event: &Event| {
            matches!(
                event,
                Event::Closed {
                    reason: CloseReason::Unreachable,
                    ..
                }
            )
        };
        assert!(told.as_ref().is_none_or(unreachable), "{told:?}");
        assert!(self.node.links.is_empty() && self.node.half_open() == 0);
        assert_eq!(self.node.timers.len(), 0);
    }

    /// The same where the peer may have heard of the connection: its runtime is told nothing, and it is dialled again.
    fn falls_silent_and_dials_again(mut self, expected: Violation, deadline: u64) {
        self.is_silent_until(expected, deadline);
        assert_eq!(self.node.poll_event(), None);
        let next = self.node.poll_link(self.now);
        assert!(matches!(next, Some(LinkRequest::Open { .. })), "{next:?}");
    }

    fn is_silent_until(&mut self, expected: Violation, deadline: u64) {
        assert_eq!(self.violation(), Some(expected));
        assert_eq!(self.says(), b"");
        for noise in [&b"x"[..], &[0, 98], &[0; 5000], &[0xff; 70_000]] {
            self.hear(noise);
            assert_eq!(self.says(), b"");
        }
        self.at(deadline - 1);
        assert_eq!(self.says(), b"");
        let link = &self.node.links[&self.link];
        assert!(matches!(link.state, link::State::Silent(_)));
        assert_eq!(link.out.capacity(), 0, "nothing is kept for it");
        assert!(!self.closes() && self.node.poll_event().is_none());
        self.at(deadline);
        assert_eq!(self.says(), b"");
        assert!(self.closes());
        assert_eq!(self.violation(), None, "one violation and no more");
    }
}

fn asks() -> Ask {
    let key = key(HERE).public();
    Ask::honest(Wanted {
        key,
        prekey: key.mapped(),
        for_use: Use::Vat,
        place: AT.as_bytes().to_vec(),
    })
}

/// A node that waits for flight 3 since second 3.
fn asked() -> (Scene, Replied) {
    let mut scene = Scene::dialled();
    scene.at(3000);
    let (flight, asked) = asks().flight();
    scene.hear(&flight);
    let replied = asked.hear(&scene.says());
    (scene, replied)
}

fn claim() -> Claim {
    Claim::honest(&key(DIALLER), key(HERE).public())
}

/// VTP-16, VTP-17: whatever is wrong with flight 1, R is silent until the deadline of flight 1 and closes then.
#[test]
fn after_a_bad_flight_1_there_is_silence_until_its_deadline() {
    let falls_silent = |flight: &[u8], violation| {
        let mut scene = Scene::dialled();
        scene.at(4000);
        scene.hear(flight);
        scene.falls_silent(violation, 10_000);
    };
    let good = asks().flight().0;
    falls_silent(&[0, 0], Violation::Length);
    falls_silent(&[0xff; 4], Violation::Length);
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    falls_silent(&bad, Violation::NotForUs);
    bad[2] = 0;
    let versions = DecodeError::new("versions", Fault::OutOfRange);
    falls_silent(&bad, versions.into());
    let asking = |change: &dyn Fn(&mut Ask)| {
        let mut ask = asks();
        change(&mut ask);
        ask.flight().0
    };
    falls_silent(&asking(&|ask| ask.x_i = Some([0; 32])), Violation::LowOrder);
    falls_silent(&asking(&|ask| ask.unreduced = true), Violation::KemKey);
    falls_silent(
        &asking(&|ask| ask.offers = vec![1, 9, 1, 0, 1]),
        Violation::NoCommonVersion,
    );
    falls_silent(
        &asking(&|ask| ask.offers = vec![1, 1, 1, 0, 9]),
        Violation::NoCommonSuite,
    );
    falls_silent(
        &asking(&|ask| ask.wanted.for_use = Use::Link),
        Violation::NotForUs,
    );
    // Flight 3 is awaited when the violation comes; flight 2 is not written yet, and never is.
    let mut scene = Scene::dialled();
    scene.at(4000);
    scene.hear(&[&good[..], &good].concat());
    scene.falls_silent(Violation::Length, 14_000);

    let mut scene = Scene::dialled();
    scene.hear(&good);
    assert!(!scene.says().is_empty());
    let link = scene
        .node
        .link_accepted(scene.now, Source([2; 16]), Carrier::Stream);
    let mut again = Scene { link, ..scene };
    again.hear(&good);
    assert_eq!(
        (again.violation(), again.says().len()),
        (Some(Violation::Replayed), 0)
    );
}

/// VTP-12, VTP-16, VTP-17: whatever is wrong with flight 3, R is silent until 10 s after its flight 2, tells its runtime
/// nothing, and closes then.
#[test]
fn after_a_bad_flight_3_there_is_silence_until_its_deadline() {
    let falls_silent = |change: &dyn Fn(&mut Claim, &mut Vec<u8>), violation| {
        let (mut scene, replied) = asked();
        scene.at(5000);
        let mut claim = claim();
        change(&mut claim, &mut Vec::new());
        let mut flight = replied.give(&claim).0;
        change(&mut claim, &mut flight);
        scene.hear(&flight);
        scene.falls_silent(violation, 13_000);
    };
    let pair = |change: &dyn Fn(&mut PairFields)| {
        let mut pair = PairFields::decode(&claim().pair).unwrap();
        change(&mut pair);
        fields(&pair)
    };
    let unproven = Violation::InitiatorUnproven;
    falls_silent(&|claim, _| claim.bad_fin = true, unproven);
    falls_silent(&|claim, _| claim.vat = key(9).public().to_bytes(), unproven);
    let own = || Claim::honest(&key(HERE), key(HERE).public());
    falls_silent(&|claim, _| *claim = own(), Violation::Oneself);
    let bad_hints = DecodeError::new("hints", Fault::OutOfRange);
    falls_silent(&|claim, _| claim.hints = [9; 256], bad_hints.into());
    let with_hints = |claim: &mut Claim| (claim.incarnation, claim.hints) = (0, hints(b"x"));
    falls_silent(&|claim, _| with_hints(claim), Violation::Incarnation);
    let flip = |flight: &mut Vec<u8>, place: usize| {
        if let Some(byte) = flight.get_mut(place) {
            *byte ^= 1;
        }
    };
    falls_silent(&|_, flight| flip(flight, 0), Violation::Length);
    falls_silent(&|_, flight| flip(flight, 100), Violation::Unsealed);
    falls_silent(&|_, flight| flip(flight, 378), Violation::Length);
    falls_silent(&|_, flight| flip(flight, 400), Violation::Unsealed);
    for wrong in [
        pair(&|pair| pair.word.verdict = Verdict::Dup),
        pair(&|pair| pair.word.mine = 0),
        pair(&|pair| *pair = PairFields::go(pair.side().other(), 5, 6)),
    ] {
        falls_silent(
            &|claim, _| claim.pair = wrong.clone(),
            Violation::PairFields,
        );
    }
}

/// VTP-16, VTP-17: whatever is wrong with flight 2, I says nothing of itself, and its runtime hears at the deadline that
/// the vat could not be reached.
#[test]
fn after_a_bad_flight_2_there_is_silence_until_its_deadline() {
    let falls_silent = |change: &dyn Fn(&mut Answer), violation| {
        let (mut scene, _, iwant) = Scene::dials();
        scene.at(4000);
        let mut answer = Answer::honest(&key(HERE));
        change(&mut answer);
        scene.hear(&answer.to(&iwant).0);
        scene.falls_silent(violation, 10_000);
    };
    let impostor = || Answer::impostor(&key(HERE));
    falls_silent(&|answer| *answer = impostor(), Violation::ResponderUnproven);
    falls_silent(
        &|answer| answer.bad_fin = true,
        Violation::ResponderUnproven,
    );
    falls_silent(&|answer| answer.suite = 0, Violation::NotOffered);
    falls_silent(&|answer| answer.version = 2, Violation::NotOffered);
    falls_silent(&|answer| answer.x_r = Some([0; 32]), Violation::LowOrder);
    falls_silent(&|answer| answer.incarnation = 0, Violation::Incarnation);
    falls_silent(&|answer| answer.for_use = Use::Exit, Violation::Unsealed);
    let bad_hints = DecodeError::new("hints", Fault::OutOfRange);
    falls_silent(&|answer| answer.hints = [1; 256], bad_hints.into());
}

/// I that waits for GOTOO since second 3, what GO said, and the pipe.
fn went() -> (Scene, ConnId, PairFields, Held) {
    let (mut scene, conn, iwant) = Scene::dials();
    scene.at(3000);
    let (flight, puppet) = Answer::honest(&key(HERE)).to(&iwant);
    scene.hear(&flight);
    let (_, go, held) = puppet.hear(&scene.says());
    let said = PairFields::decode(&go[..50]).unwrap();
    (scene, conn, said, held)
}

/// VTP-15, VTP-16, VTP-17, VTP-19: whatever is wrong with GOTOO, I is not open, says nothing more, and gives up 10 s after its
/// flight 3.
#[test]
fn after_a_bad_gotoo_there_is_silence_until_its_deadline() {
    let falls_silent = |record: &dyn Fn(&PairFields, &mut Held) -> Vec<u8>, violation| {
        let (mut scene, conn, said, mut held) = went();
        scene.at(5000);
        scene.hear(&record(&said, &mut held));
        scene.node.send(conn, b"waits for ever".to_vec()).unwrap();
        scene.falls_silent_and_dials_again(violation, 13_000);
    };
    let go_too = |said: &PairFields| PairFields::go_too(said.side().other(), 5, 6, said);
    // R has proven itself: what only R can say is R's fault, and no silence hides that we know.
    let wrong = |change: &dyn Fn(&mut PairFields), violation| {
        let (mut scene, conn, said, mut held) = went();
        let mut pair = go_too(&said);
        change(&mut pair);
        scene.hear(&held.record(&fields(&pair)));
        assert_eq!(scene.violation(), Some(violation));
        assert!(scene.closes());
        let reason = CloseReason::Misbehaved;
        let told = scene.node.poll_event();
        assert!(matches!(
            told,
            Some(Event::Opened { .. } | Event::Closed { .. })
        ));
        let told = told
            .filter(|it| matches!(it, Event::Closed { .. }))
            .or_else(|| scene.node.poll_event());
        assert_eq!(told, Some(Event::Closed { conn, reason }));
        assert_eq!(scene.says(), b"");
    };
    wrong(&|pair| pair.word.yours ^= 1, Violation::PairFields);
    wrong(&|pair| pair.word.yours = 0, Violation::PairFields);
    wrong(&|pair| pair.expect = 2, Violation::Resume);
    wrong(&|pair| pair.first = 2, Violation::Resume);
    wrong(
        &|pair| *pair = PairFields::go_too(pair.side().other(), 5, 6, pair),
        Violation::PairFields,
    );
    falls_silent(&|_, _| vec![0, 16], Violation::Length);
    falls_silent(&|_, _| lp(&[7; 70]), Violation::Record);
    let short = DecodeError::new("pair fields", Fault::Truncated);
    falls_silent(&|_, held| held.record(&[1; 49]), short.into());
}

/// VTP-16: each flight has 10 s at the side that waits for it, from when the link stands or the own flight is written; then
/// the link closes.
#[test]
fn a_flight_that_does_not_come_is_waited_for_10_s() {
    let gives_up = |mut scene: Scene, deadline| {
        scene.at(deadline - 1);
        assert!(!scene.closes() && scene.violation().is_none());
        scene.at(deadline);
        assert!(scene.closes());
        assert_eq!(scene.violation(), Some(Violation::Late));
        assert_eq!(scene.says(), b"");
    };
    gives_up(Scene::dialled(), 10_000);
    let mut begun = Scene::dialled();
    begun.at(9000);
    begun.hear(&asks().flight().0[..600]);
    gives_up(begun, 10_000);
    gives_up(asked().0, 13_000);
    let (mut half, replied) = asked();
    half.at(9000);
    half.hear(&replied.give(&claim()).0[..378]);
    gives_up(half, 13_000);
    gives_up(Scene::dials().0, 10_000);
    let (scene, _, _, _) = went();
    gives_up(scene, 13_000);
}

/// VTP-12: who knows a vat's name does not keep it out: not by claiming it, not by a proof that stops half way, and not by a
/// recorded flight. The vat itself is let in beside all of them, twice if it likes (it may have been restarted).
#[test]
fn a_squatter_keeps_nobody_out() {
    let mut scene = Scene::dialled();
    let mut links = Vec::new();
    for n in 0..4_u8 {
        let link = scene
            .node
            .link_accepted(scene.now, Source([n; 16]), Carrier::Stream);
        scene.link = link;
        let mut ask = asks();
        ask.seed = n;
        let (flight, asked) = ask.flight();
        scene.hear(&flight);
        let replied = asked.hear(&scene.says());
        let flight = match n {
            // Claims without the key; the vat itself, but GO is missing; and the vat itself, twice.
            0 => {
                let claim = Claim {
                    vat: key(DIALLER).public().to_bytes(),
                    ..Claim::honest(&key(0x66), key(HERE).public())
                };
                replied.give(&claim).0
            }
            1 => replied.give(&claim()).0[..378].to_vec(),
            _ => {
                let mut claim = claim();
                claim.incarnation = u64::from(n);
                replied.give(&claim).0
            }
        };
        scene.hear(&flight);
        let told: Vec<_> = core::iter::from_fn(|| scene.node.poll_event()).collect();
        links.push((scene.says().is_empty(), told));
    }
    let vat = VatId::from(key(DIALLER).public());
    for (n, (silent, told)) in links.into_iter().enumerate() {
        let opens = |event: &Event| matches!(event, Event::Opened { peer, .. } if *peer == vat);
        let let_in = told.iter().any(opens);
        assert_eq!((silent, let_in), (n < 2, n >= 2), "{n}: {told:?}");
    }
    // The vat as it was started last has the one connection.
    assert_eq!(scene.node.conns.len(), 1);
}

/// VTP-21, VTP-29: after the proof a violation closes the link at once, nothing is said of it, and the runtime is told once.
#[test]
fn a_violation_after_the_proof_closes_at_once_and_says_nothing() {
    let breaks = |record: &dyn Fn(&mut Held) -> Vec<u8>, violation, reason| {
        let (mut scene, replied) = asked();
        let (flight, mut held) = replied.give(&claim());
        scene.hear(&flight);
        let Some(Event::Opened { conn, .. }) = scene.node.poll_event() else {
            panic!("open");
        };
        scene.node.send(conn, b"too late".to_vec()).unwrap();
        scene.hear(&record(&mut held));
        assert_eq!(scene.violation(), Some(violation));
        assert!(scene.closes());
        assert_eq!(scene.says(), b"");
        let closed = Event::Closed { conn, reason };
        assert_eq!(scene.node.poll_event(), Some(closed));
        assert_eq!(scene.node.poll_event(), None);
        assert!(scene.node.links.is_empty() && scene.node.conns.is_empty());
    };
    let misbehaved = CloseReason::Misbehaved;
    breaks(&|held| held.record(&[0x0e]), Violation::Frame, misbehaved);
    let mut close = Vec::new();
    Frame::Close {
        reason: Ending::Done,
        id: 99,
    }
    .encode(&mut close);
    breaks(&|held| held.record(&close), Violation::Close, misbehaved);
}

/// VTP-21, VTP-29: what anybody on the way can do to a stream ends the transport, says nothing, and breaks no connection.
#[test]
fn a_spoilt_stream_ends_its_transport_and_no_connection() {
    let spoilt = [
        (lp(&[1; 40]), Violation::Record),
        (vec![0, 16], Violation::Length),
    ];
    for (bytes, violation) in spoilt {
        let (mut scene, replied) = asked();
        scene.hear(&replied.give(&claim()).0);
        let Some(Event::Opened { conn, .. }) = scene.node.poll_event() else {
            panic!("open");
        };
        scene.hear(&bytes);
        assert_eq!(scene.violation(), Some(violation));
        assert!(scene.closes());
        assert_eq!(scene.says(), b"");
        assert_eq!(scene.node.poll_event(), None);
        assert_eq!(scene.node.send(conn, b"later".to_vec()), Ok(()));
    }
}

/// VTP-13, VTP-19, VTP-41: a node that dials anonymously shows incarnation 0, no hints, and a key that is neither its own nor that of
/// its last dial; it is slave, and is let in as such.
#[test]
fn an_anonymous_node_shows_a_new_key_at_every_dial() {
    let (mut seen, mut ids) = (Vec::new(), Vec::new());
    let mut node = node(DIALLER, "127.0.0.2:2", |config| {
        config.anonymous = true;
        config.hints = Hints::new(b"me").unwrap();
    });
    let to = Locator::new(VatId::from(key(HERE).public())).at(AT.parse().unwrap());
    for _ in 0..2 {
        node.connect(&to).unwrap();
        let Some(LinkRequest::Open { link, .. }) = node.poll_link(Instant::ZERO) else {
            panic!("a link is wanted");
        };
        node.link_opened(Instant::ZERO, link, Carrier::Stream);
        let now = Instant::ZERO;
        let mut scene = Scene { node, link, now };
        let iwant = scene.says();
        let (flight, puppet) = Answer::honest(&key(HERE)).to(&iwant);
        scene.hear(&flight);
        let (info, go, _) = puppet.hear(&scene.says());
        assert_eq!(info[32..296], [0; 264], "incarnation and hints");
        let said = PairFields::decode(&go[..50]).unwrap();
        let mut expected = PairFields::go(Side::Slave, said.word.mine, 0);
        expected.word.past = 0;
        assert_eq!(said, expected);
        seen.push(info[..32].to_vec());
        ids.push(said.word.mine);
        node = scene.node;
    }
    assert!(ids[0].abs_diff(ids[1]) > 1 << 32, "two counters");
    assert_ne!(seen[0], seen[1]);
    assert!(!seen.contains(&key(DIALLER).public().to_bytes().to_vec()));
}
