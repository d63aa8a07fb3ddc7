//! The receiver of one direction, in the state that a case of records.json starts from.

use super::flights::giveinfo_go;
use super::records::any_setup;
use super::{Fields, Wrong, good, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::time::Instant;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::body::FRAME_WEIGHT;
use pluribus_mix::vattp::connection::Connection;
use pluribus_mix::vattp::frame::{Ending, Frame, Frames};
use pluribus_mix::vattp::inbound::Taken;
use pluribus_mix::vattp::initiator::Established;
use pluribus_mix::vattp::pair::Side;
use pluribus_mix::vattp::pipe::{Carried, Carrier, Opener, RECORD_LEN, Sealer};
use pluribus_mix::vattp::ranges::Ranges;
use pluribus_mix::vattp::sending::Sending;
use pluribus_mix::vattp::split::Splitter;
use pluribus_mix::vattp::streams::Streams;
use pluribus_mix::vattp::tickets::Heard;
use pluribus_mix::vattp::transport::{Said, Transport, Tuning};

/// The secret of the direction back, in which answers travel.
const BACK: [u8; 32] = [7; 32];
/// Nothing here takes time.
const NOW: Instant = Instant::ZERO;

/// An acknowledgement: taken, received, ranges.
pub type Ack = (u64, u64, Ranges);

/// A transport with its connection, and what the runtime has heard.
pub struct Receiver {
    transport: Transport,
    conn: Connection,
    back: Opener,
    /// Whether its runtime takes what comes at once.
    takes: bool,
    messages: Vec<Vec<u8>>,
    tickets: Vec<Heard>,
    /// RESETs said, which the peer has not received.
    resets: usize,
    ended: bool,
    closed: Option<Ending>,
}

/// What must be taken is.
///
/// # Errors
/// If it was refused.
pub fn taken(result: Result<(), Violation>) -> Result<(), Wrong> {
    good("a record", result)
}

impl Receiver {
    /// In the state that the case gives.
    ///
    /// # Errors
    /// If it gives none; so with the methods that read what it says.
    pub fn new(fields: &Fields<'_>, backend: Backend) -> Result<Self, Wrong> {
        let opener = Opener::from_secret(fields.array("traffic_secret")?, backend);
        let objects = [fields.u64("own_mine")?, fields.u64("peer_mine")?];
        let mut receiver = Self::at(Side::Slave, opener, objects, backend)?;
        receiver.takes = fields.bool("takes")?;
        receiver.sends(fields.number("sent")?)?;
        for token in fields.u64s("pings")? {
            receiver.transport.asked(NOW, token);
        }
        Ok(receiver)
    }

    /// On `side`, with nothing said, and with the objects `own` and `peer`. Its runtime takes nothing.
    pub fn at(
        side: Side,
        opener: Opener,
        [own, peer]: [u64; 2],
        backend: Backend,
    ) -> Result<Self, Wrong> {
        let established = Established {
            opener,
            ..established(backend)?
        };
        let sealer = Sealer::from_secret(BACK, backend);
        let sending = Sending::new(sealer, Tuning::default(), NOW);
        Ok(Self {
            transport: Transport::new(sending, established, own, peer, NOW),
            conn: connection(side)?,
            back: Opener::from_secret(BACK, backend),
            takes: false,
            messages: Vec::new(),
            tickets: Vec::new(),
            resets: 0,
            ended: false,
            closed: None,
        })
    }

    /// Sends so many numbered frames.
    fn sends(&mut self, count: usize) -> Result<(), Wrong> {
        for _ in 0..count {
            good("a message", self.conn.send(vec![0]))?;
        }
        let first = self.conn.first();
        let numbers = (first..).take(count);
        let said = self.says(|frame| frame.number())?;
        let all = said.iter().copied().eq(numbers);
        some(
            "the messages are not sent as they should",
            all.then_some(()),
        )
    }

    /// Takes a record, or as much of it as there is.
    ///
    /// # Errors
    /// If it is refused.
    pub fn take(&mut self, wire: &[u8]) -> Result<(), Violation> {
        let mut input = wire.to_vec();
        let mut rest = &mut input[..];
        let Some(mut record) = Splitter::default().next(&mut rest, &RECORD_LEN)? else {
            return Ok(());
        };
        let said = self.transport.handle(NOW, &mut record, &mut self.conn)?;
        if let Said::Close(reason) = said {
            self.closed = Some(reason);
        }
        if self.takes {
            self.take_all();
        }
        Ok(())
    }

    /// Takes a cell with its index.
    ///
    /// # Errors
    /// If it is refused.
    pub fn take_cell(&mut self, index: u64, cell: &mut [u8]) -> Result<(), Violation> {
        let said = self.transport.handle_cell(NOW, index, cell, &mut self.conn);
        said.map(drop)
    }

    /// The runtime takes what is there.
    pub fn take_all(&mut self) {
        while let Some(taken) = self.conn.take(NOW) {
            match taken {
                Taken::Message(message) => self.messages.push(message),
                Taken::End => self.ended = true,
            }
        }
        let heard = std::iter::from_fn(|| self.conn.take_tickets());
        self.tickets.extend(heard);
    }

    /// What `pick` finds among the frames that are sent now.
    pub fn says<T>(&mut self, pick: impl Fn(&Frame<'_>) -> Option<T>) -> Result<Vec<T>, Wrong> {
        let (mut wires, mut found, mut done) = (Vec::new(), Vec::new(), false);
        while !done {
            let mut batch = Vec::new();
            let filled = self.transport.fill(NOW, &mut self.conn, &mut batch);
            good("our own record", filled)?;
            done = batch.is_empty();
            wires.append(&mut batch);
        }
        let mut rest = &mut wires[..];
        let mut splitter = Splitter::default();
        while let Some(mut record) = good("the length", splitter.next(&mut rest, &RECORD_LEN))? {
            let mut frames = Frames::perhaps(good("our record", self.back.open(&mut record))?);
            while let Some(frame) = good("our frame", frames.next())? {
                self.resets += usize::from(matches!(frame, Frame::Reset { .. }));
                found.extend(pick(&frame));
            }
        }
        Ok(found)
    }

    /// The tokens of the PONGs that are sent now; none when the connection is closed.
    pub fn answers(&mut self) -> Result<Vec<u64>, Wrong> {
        if self.closed.is_some() {
            return Ok(Vec::new());
        }
        self.says(|frame| match frame {
            Frame::Pong(token) => Some(*token),
            _ => None,
        })
    }

    /// The acknowledgement that is sent now.
    pub fn ack(&mut self) -> Result<Ack, Wrong> {
        let acks = self.says(|frame| match frame {
            Frame::Ack {
                taken,
                received,
                ranges,
            } => Some((*taken, *received, *ranges)),
            _ => None,
        })?;
        some("nothing is acknowledged", acks.into_iter().next())
    }

    /// Another transport is live: what is held ahead of a gap is dropped. (VTP-45)
    pub fn go_live(&mut self) {
        self.conn.go_live();
    }

    /// How many of the frames sent the peer has said to have.
    pub const fn sent_and_received(&self) -> u64 {
        self.conn.first() - 1
    }

    /// What the messages weigh that the peer has not taken, besides the RESETs that were said behind them.
    pub fn untaken(&self) -> usize {
        self.conn
            .weight()
            .saturating_sub(self.resets * FRAME_WEIGHT)
    }

    /// The number of the next frame wanted.
    pub const fn expect(&self) -> u64 {
        self.conn.expect()
    }

    /// The streams, as the runtime has them.
    pub const fn streams(&mut self) -> &mut Streams {
        self.conn.streams()
    }

    /// The datagrams that wait.
    pub fn datagrams(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.conn.take_datagram()).collect()
    }

    /// What was said of tickets and taken, so far.
    pub fn tickets(&self) -> &[Heard] {
        &self.tickets
    }

    /// The whole messages so far that were taken.
    pub fn messages(&self) -> &[Vec<u8>] {
        &self.messages
    }

    /// Whether the direction has ended, and its end was taken.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Why the peer has closed the connection, if it has.
    pub const fn closed(&self) -> Option<Ending> {
        self.closed
    }
}

/// A connection with nothing said, on a stream that is live.
///
/// # Errors
/// If there is none.
pub fn connection(side: Side) -> Result<Connection, Wrong> {
    let mut conn = Connection::new(side, Seed::from_bytes([7; 32]).fork("vectors"));
    conn.begin(Carrier::Stream);
    conn.go_live();
    good("the first frame", conn.confirm(1))?;
    Ok(conn)
}

/// What some handshake made: a receiver needs a proven peer.
pub(super) fn established(backend: Backend) -> Result<Established, Wrong> {
    let setup = any_setup(backend)?;
    let (expect, mut flight1) = setup.initiator()?;
    let (answering, mut flight2) = setup.answer(&mut flight1)?;
    let mut gone = setup.go(expect, &mut flight2)?;
    let taken = giveinfo_go(answering, &setup.responder_key()?, &mut gone.flight3);
    let (accepted, _) = some("the base was refused", taken.ok())?;
    let said = setup.gotoo(&accepted)?;
    Ok(accepted.go_too(&said, Carried::Stream).0)
}
