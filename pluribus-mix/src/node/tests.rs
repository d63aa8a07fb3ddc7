//! Two nodes and nothing between them.

mod attacks;

use super::*;
use crate::netlayer::{CloseReason, Event, SendFault};
use crate::vattp::outbound::WINDOW;

/// A node that can be dialled at `at`.
pub(super) fn node(seed: u8, at: &str, change: impl FnOnce(&mut Config)) -> Node {
    let mut config = Config::new(Arc::new(SigningKey::from_seed(&[seed; 32])), 1);
    config.places.push(at.parse().unwrap());
    change(&mut config);
    Node::new(config, &Seed::from_bytes([seed; 32]))
}

/// Two nodes and one link between them; bytes pass as soon as they are written.
pub(super) struct Pair {
    pub(super) now: Instant,
    pub(super) nodes: [Node; 2],
    links: [Option<LinkId>; 2],
    pub(super) events: [Vec<Event>; 2],
    /// Bytes are cut into pieces of this many.
    pub(super) chop: usize,
}

impl Pair {
    pub(super) fn new(nodes: [Node; 2]) -> Self {
        Self {
            now: Instant::ZERO,
            nodes,
            links: [None; 2],
            events: [Vec::new(), Vec::new()],
            chop: usize::MAX,
        }
    }

    /// A pair whose first node has dialled the second.
    pub(super) fn joined(nodes: [Node; 2]) -> (Self, [ConnId; 2]) {
        let mut pair = Self::new(nodes);
        let to = pair.nodes[1].locator().clone();
        let dialled = pair.nodes[0].connect(&to).unwrap();
        pair.drive();
        let [Event::Opened { conn, .. }] = pair.events[1][..] else {
            panic!("{:?}", pair.events);
        };
        (pair, [dialled, conn])
    }

    pub(super) fn drive(&mut self) {
        while self.step() {}
    }

    /// Whether anything happened.
    fn step(&mut self) -> bool {
        let mut busy = false;
        for side in 0..2 {
            while let Some(request) = self.nodes[side].poll_link(self.now) {
                busy = true;
                self.request(side, request);
            }
            let mut out = Vec::new();
            while let Some(link) = self.nodes[side].poll_transmit(self.now, &mut out) {
                busy = true;
                self.nodes[side].link_ready(link);
                if let Some(other) = self.links[1 - side] {
                    for piece in out.chunks_mut(self.chop) {
                        self.nodes[1 - side].handle_input(self.now, other, piece);
                    }
                }
                out.clear();
            }
            while let Some(event) = self.nodes[side].poll_event() {
                busy = true;
                self.events[side].push(event);
            }
        }
        busy
    }

    fn request(&mut self, side: usize, request: LinkRequest) {
        match request {
            LinkRequest::Open { link, .. } => {
                let other =
                    self.nodes[1 - side].link_accepted(self.now, Source([0; 16]), Carrier::Stream);
                self.links[side] = Some(link);
                self.links[1 - side] = Some(other);
                self.nodes[side].link_opened(self.now, link, Carrier::Stream);
            }
            LinkRequest::Close { .. } => {
                if let Some(other) = self.links[1 - side].take() {
                    self.nodes[1 - side].link_lost(self.now, other);
                }
            }
        }
    }

    /// Lets time pass in steps of the nodes' own timers.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.drive();
            let due = self.nodes.iter().filter_map(Node::poll_timeout).min();
            match due {
                Some(due) if due <= until => self.now = self.now.max(due),
                _ => break,
            }
            for node in &mut self.nodes {
                node.handle_timeout(self.now);
            }
        }
        self.now = until;
    }

    pub(super) fn bodies(&self, side: usize) -> Vec<&[u8]> {
        let mut bodies = Vec::new();
        for event in &self.events[side] {
            if let Event::Message { body, .. } = event {
                bodies.push(&body[..]);
            }
        }
        bodies
    }
}

fn pair() -> (Pair, [ConnId; 2]) {
    Pair::joined([
        node(1, "127.0.0.1:1", |_| ()),
        node(2, "127.0.0.2:2", |_| ()),
    ])
}

#[test]
fn two_nodes_meet_and_talk() {
    let (mut pair, [a, b]) = pair();
    let [alice, bob] = [pair.nodes[0].vat_id(), pair.nodes[1].vat_id()];
    assert_eq!(pair.events[0], [Event::Opened { conn: a, peer: bob }]);
    assert_eq!(
        pair.events[1],
        [Event::Opened {
            conn: b,
            peer: alice
        }]
    );
    assert_eq!(pair.nodes[0].exporter(a), pair.nodes[1].exporter(b));
    assert!(pair.nodes[0].exporter(a).is_some());
    pair.nodes[0].send(a, b"hello".to_vec()).unwrap();
    pair.nodes[1].send(b, vec![7; 1 << 20]).unwrap();
    pair.drive();
    assert_eq!(pair.bodies(1), [b"hello"]);
    assert_eq!(pair.bodies(0), [&[7; 1 << 20][..]]);
}

/// VTP-31: messages sent before the connection is open come behind `Opened`, whole, in order, once, however the bytes are
/// chopped; `Closed` comes last and once.
#[test]
fn messages_come_whole_in_order_and_once_however_bytes_are_chopped() {
    for chop in [1, 2, 7, 1000, 40_000, usize::MAX] {
        let nodes = [
            node(1, "127.0.0.1:1", |_| ()),
            node(2, "127.0.0.2:2", |_| ()),
        ];
        let mut pair = Pair::new(nodes);
        pair.chop = chop;
        let to = pair.nodes[1].locator().clone();
        let a = pair.nodes[0].connect(&to).unwrap();
        let sent: Vec<Vec<u8>> = [1, 5, 32_700, 32_752, 70_000, 2]
            .iter()
            .enumerate()
            .map(|(n, len)| vec![u8::try_from(n).unwrap(); *len])
            .collect();
        for message in &sent {
            pair.nodes[0].send(a, message.clone()).unwrap();
        }
        pair.nodes[0].finish(a);
        pair.drive();
        assert_eq!(pair.bodies(1), sent);
        let Some(Event::Opened { conn: b, .. }) = pair.events[1].first() else {
            panic!("{:?}", pair.events[1].first());
        };
        let b = *b;
        assert_eq!(pair.events[1].last(), Some(&Event::Ended { conn: b }));
        pair.nodes[1].send(b, b"still".to_vec()).unwrap();
        pair.nodes[1].finish(b);
        pair.pass(Duration::from_secs(1));
        let closed = |conn| Event::Closed {
            conn,
            reason: CloseReason::Closed,
        };
        assert_eq!(pair.events[1].last(), Some(&closed(b)));
        assert_eq!(pair.events[0].last(), Some(&closed(a)));
        assert_eq!(pair.bodies(0), [b"still"]);
        let ends = |events: &[Event]| {
            events
                .iter()
                .filter(|e| matches!(e, Event::Closed { .. }))
                .count()
        };
        assert_eq!([ends(&pair.events[0]), ends(&pair.events[1])], [1, 1]);
        assert!(
            pair.nodes
                .iter()
                .all(|node| node.links.is_empty() && node.conns.is_empty())
        );
    }
}

/// VTP-32: what is not taken is handed back with the reason, and after *full* the runtime is told once.
#[test]
fn what_is_not_taken_is_handed_back_with_the_reason() {
    let (mut pair, [a, _]) = pair();
    let mut fault = |conn, message: &[u8]| {
        let error = pair.nodes[0].send(conn, message.to_vec()).unwrap_err();
        assert_eq!(error.message, message);
        error.fault
    };
    assert_eq!(fault(a, b""), SendFault::Empty);
    assert_eq!(fault(a, &vec![0; (1 << 20) + 1]), SendFault::TooLong);
    assert_eq!(fault(ConnId(99), b"x"), SendFault::NoConnection);

    let message = vec![1; 100_000];
    let taken = (0..100)
        .take_while(|_| pair.nodes[0].send(a, message.clone()).is_ok())
        .count();
    assert_eq!(taken, WINDOW / (message.len() + 64));
    pair.drive();
    let writable = Event::Writable { conn: a };
    assert_eq!(
        pair.events[0]
            .iter()
            .filter(|event| **event == writable)
            .count(),
        1
    );
    assert_eq!(pair.bodies(1).len(), taken);

    pair.nodes[0].finish(a);
    let error = pair.nodes[0].send(a, b"late".to_vec()).unwrap_err();
    assert_eq!(
        (error.fault, &error.message[..]),
        (SendFault::Ended, &b"late"[..])
    );
}

/// VTP-26: a runtime that does not take stops its peer at the window, and taking lets it go on.
#[test]
fn a_runtime_that_does_not_take_stops_its_peer_at_the_window() {
    let (mut pair, [a, b]) = pair();
    pair.nodes[1].hold(b, true);
    let mut sent = 0;
    for _ in 0..100 {
        while sent < 1000 && pair.nodes[0].send(a, vec![3; 10_000]).is_ok() {
            sent += 1;
        }
        pair.pass(Duration::from_secs(1));
    }
    assert_eq!(sent, WINDOW / 10_064);
    assert_eq!(pair.bodies(1).len(), 0);
    pair.nodes[1].hold(b, false);
    pair.drive();
    assert_eq!(pair.bodies(1).len(), sent);
    pair.nodes[0].send(a, vec![3; 10_000]).unwrap();
    pair.drive();
    assert_eq!(pair.bodies(1).len(), sent + 1);
}

#[test]
fn a_connection_lives_through_hours_of_silence_and_rekeys() {
    let (mut pair, [a, b]) = pair();
    pair.pass(Duration::from_secs(3 * 3600));
    pair.nodes[0].send(a, b"still there".to_vec()).unwrap();
    pair.nodes[1].send(b, b"yes".to_vec()).unwrap();
    pair.drive();
    assert_eq!(
        (pair.bodies(1), pair.bodies(0)),
        (vec![&b"still there"[..]], vec![&b"yes"[..]])
    );
}

/// VTP-26: an acknowledgement that is due while the driver cannot write neither spins the node nor is forgotten.
#[test]
fn an_acknowledgement_that_cannot_be_written_yet_waits() {
    let (mut pair, [a, b]) = pair();
    pair.nodes[1]
        .send(b, b"a batch that the driver does not get rid of".to_vec())
        .unwrap();
    let link = pair.nodes[1]
        .poll_transmit(pair.now, &mut Vec::new())
        .unwrap();
    pair.nodes[0].send(a, b"hello".to_vec()).unwrap();
    pair.drive();
    assert_eq!(pair.bodies(1), [b"hello"]);
    let later = pair.now + Duration::from_secs(1);
    pair.nodes[1].handle_timeout(later);
    assert!(pair.nodes[1].poll_timeout() > Some(later));
    let mut out = Vec::new();
    assert_eq!(pair.nodes[1].poll_transmit(later, &mut out), None);
    pair.nodes[1].link_ready(link);
    assert_eq!(pair.nodes[1].poll_transmit(later, &mut out), Some(link));
}

/// VTP-26: what was taken is acknowledged within 50 ms, though there is nothing else to say, and time goes on behind it.
#[test]
fn an_acknowledgement_goes_out_by_itself_when_it_is_due() {
    let (mut pair, [a, _]) = pair();
    pair.nodes[0].send(a, b"hello".to_vec()).unwrap();
    pair.nodes[0].finish(a);
    pair.drive();
    let settled = |pair: &Pair| pair.nodes[0].conns[&a].talk.weight() == 0;
    pair.pass(Duration::from_millis(49));
    assert!(!settled(&pair), "nothing but time makes it due");
    pair.pass(Duration::from_millis(1));
    pair.drive();
    assert!(settled(&pair));
    pair.pass(Duration::from_secs(60));
    assert_eq!(pair.now, Instant::ZERO + Duration::from_millis(60_050));
}

/// THR-6: links that come and go leave nothing behind, timers included.
#[test]
fn links_that_come_and_go_leave_nothing_behind() {
    let mut node = node(1, "127.0.0.1:1", |config| config.half_open = 10);
    for n in 0..1000 {
        let now = Instant::from_nanos(n);
        let link = node.link_accepted(now, Source([0; 16]), Carrier::Stream);
        if n % 3 == 0 {
            node.link_lost(now, link);
        }
    }
    let held = (node.links.len(), node.timers.len(), node.half_open());
    assert!(held.0 <= 10 && held == (held.0, held.0, held.0), "{held:?}");
    node.handle_timeout(Instant::ZERO + Duration::from_secs(11));
    assert_eq!(
        (node.links.len(), node.timers.len(), node.half_open()),
        (0, 0, 0)
    );
}

/// VTP-40: a runtime that dials after a long quiet tells no time; its connection waits from when the driver takes the dial.
#[test]
fn a_dial_after_a_long_quiet_is_not_late_at_once() {
    let mut config = Config::new(Arc::new(SigningKey::from_seed(&[9; 32])), 1);
    config.places = vec!["127.0.0.9:9".parse().unwrap()];
    let mut node = Node::new(config, &Seed::from_bytes([9; 32]));
    let to = Locator::new(VatId::from(SigningKey::from_seed(&[8; 32]).public()));
    node.connect(&to.at("127.0.0.8:8".parse().unwrap()))
        .unwrap();
    let now = Instant::ZERO + Duration::from_secs(500);
    assert!(matches!(
        node.poll_link(now),
        Some(LinkRequest::Open { .. })
    ));
    node.handle_timeout(now);
    assert_eq!(node.poll_event(), None);
    assert!(node.poll_timeout().is_some_and(|due| due > now));
}

/// VTP-33, VTP-35: a vat that dialled us and lost its link is dialled as soon as the runtime says where it is.
#[test]
fn an_address_that_comes_later_is_dialled_at_once() {
    let (mut pair, _) = pair();
    let link = pair.links[1].unwrap();
    let to = pair.nodes[0].locator().clone();
    let now = pair.now;
    let other = &mut pair.nodes[1];
    other.link_lost(now, link);
    while other.poll_link(now).is_some() {}
    let conn = other.connect(&to).unwrap();
    assert!(matches!(
        other.poll_link(now),
        Some(LinkRequest::Open { .. })
    ));
    assert_eq!(other.connect(&to), Ok(conn), "the same connection");
}
