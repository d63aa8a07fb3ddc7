//! What the model's world is made of: vats, their connection objects, wires, messages.

use super::rule::Rule;
use pluribus_mix::vattp::pair::{Numbers, PairFields, Side, TransportId};

/// The vat with the smaller key, or without a name.
pub(crate) const SLAVE: usize = 0;
/// The one that decides.
pub(crate) const MASTER: usize = 1;

pub(crate) const fn side(vat: usize) -> Side {
    if vat == MASTER {
        Side::Master
    } else {
        Side::Slave
    }
}

/// A connection object, unmistakable: which start of its vat it is of, and its id.
pub(crate) type Name = (u64, u64);

/// Ids and go numbers, one by one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Counter(u64);

impl Counter {
    /// The counter of a vat that has been started so often. Later starts begin lower: random starts may.
    pub(crate) const fn of(incarnation: u64) -> Self {
        Self(60_u64.saturating_sub(20 * incarnation))
    }
}

impl Numbers for Counter {
    fn draw(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// What travels over a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    IWant,
    /// IAM and REPLYINFO, with the incarnation.
    Iam(u64),
    /// GIVEINFO and GO, with the incarnation.
    Go(u64, PairFields),
    GoToo(PairFields),
    /// A numbered frame of an object.
    Frame(Name, u64),
    /// All before this number were received.
    Ack(u64),
    /// CLOSE (done) of the sender's object.
    Done(u64),
    /// CLOSE (gone) of the receiver's object.
    Gone(u64),
    /// The other side has closed.
    End,
}

/// Where an end of a wire stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stand {
    /// The responder's, before GO.
    Open,
    /// The initiator's, before REPLYINFO.
    Dialled,
    /// The slave's that dialled, before GOTOO.
    Said,
    /// Live; with the master that dialled, before GOTOO too.
    Live,
    /// The slave's that has said GO on another since: only heard. (VTP-41)
    Heard,
    Closed,
}

/// A transport between the two, towards each a queue in order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Wire {
    pub(crate) dialler: usize,
    pub(crate) stands: [Stand; 2],
    /// Whether what is sent towards this vat is lost from now on.
    pub(crate) cut: [bool; 2],
    pub(crate) towards: [Vec<Message>; 2],
    /// The first frame that a slave has not said behind its GO.
    pub(crate) unsaid: u64,
}

impl Wire {
    pub(crate) fn dialled_by(dialler: usize) -> Self {
        let mut wire = Self {
            dialler,
            stands: [Stand::Open; 2],
            cut: [false; 2],
            towards: [Vec::new(), Vec::new()],
            unsaid: 0,
        };
        wire.stands[dialler] = Stand::Dialled;
        wire.put(1 - dialler, Message::IWant);
        wire
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut[SLAVE] || self.cut[MASTER]
    }

    pub(crate) fn is_closed(&self, vat: usize) -> bool {
        self.stands[vat] == Stand::Closed
    }

    /// Sends, or loses if it is cut or nobody is there.
    pub(crate) fn put(&mut self, to: usize, message: Message) {
        if self.cut[to] || self.is_closed(to) {
            return;
        }
        let queue = &mut self.towards[to];
        if let (Message::Ack(_), Some(Message::Ack(_))) = (message, queue.last()) {
            queue.pop();
        }
        queue.push(message);
    }

    /// This vat is done with it; the other hears of that if `told`.
    pub(crate) fn close(&mut self, vat: usize, told: bool) {
        if told {
            self.put(1 - vat, Message::End);
        }
        self.stands[vat] = Stand::Closed;
        self.towards[vat].clear();
        self.unsaid *= u64::from(self.dialler != vat);
    }
}

/// A connection object with its numbers. (VTP-23, VTP-45)
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Object {
    pub(crate) id: u64,
    /// The peer's that it is joined to, 0 if none.
    pub(crate) partner: u64,
    /// Whether a word of ours that could be taken has named it.
    pub(crate) shown: bool,
    /// The oldest that the peer is not known to have.
    pub(crate) kept: u64,
    /// The number of the next frame that the runtime sends.
    pub(crate) next: u64,
    /// The number of the next frame wanted.
    pub(crate) expect: u64,
}

impl Object {
    pub(crate) const fn new(id: u64) -> Self {
        Self {
            id,
            partner: 0,
            shown: false,
            kept: 1,
            next: 1,
            expect: 1,
        }
    }
}

/// One of the two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Vat<R> {
    pub(crate) incarnation: u64,
    pub(crate) ids: Counter,
    pub(crate) rule: R,
    pub(crate) object: Option<Object>,
    /// The last incarnation of the peer that was proven to this rule.
    pub(crate) known: u64,
}

impl<R: Rule> Vat<R> {
    pub(crate) fn new(incarnation: u64, rule: R) -> Self {
        Self {
            incarnation,
            ids: Counter::of(incarnation),
            rule,
            object: None,
            known: 0,
        }
    }

    /// The number of the wire that is live here.
    pub(crate) fn live(&self) -> Option<usize> {
        self.rule.live().map(number)
    }

    pub(crate) fn name(&self) -> Option<Name> {
        self.object.as_ref().map(|it| (self.incarnation, it.id))
    }
}

/// The transport that this wire is, to either vat.
pub(crate) fn transport(wire: usize) -> TransportId {
    TransportId(wire as u64)
}

pub(crate) fn number(transport: TransportId) -> usize {
    usize::try_from(transport.0).unwrap()
}

/// What may still happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Left {
    /// Dials of each vat.
    pub(crate) dials: [u8; 2],
    /// Frames that each runtime sends.
    pub(crate) sends: [u8; 2],
    /// Wires cut.
    pub(crate) cuts: u8,
    /// Starts of each vat anew.
    pub(crate) restarts: [u8; 2],
    /// Objects that each vat gives up, or its runtime closes.
    pub(crate) breaks: [u8; 2],
    /// Pairs dropped.
    pub(crate) drops: u8,
}
