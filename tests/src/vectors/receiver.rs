//! The receiver of one direction, in the state that a case of records.json starts from.

use super::flights::giveinfo_go;
use super::records::any_setup;
use super::{Fields, Wrong, good, some};
use pluribus_mix::crypto::aead::Backend;
use pluribus_mix::crypto::rng::Seed;
use pluribus_mix::time::Instant;
use pluribus_mix::vattp::Violation;
use pluribus_mix::vattp::connection::Connection;
use pluribus_mix::vattp::frame::{Ending, Frame, Frames};
use pluribus_mix::vattp::inbound::Taken;
use pluribus_mix::vattp::initiator::Established;
use pluribus_mix::vattp::pair::Side;
use pluribus_mix::vattp::pipe::{Carried, Carrier, Opener, RECORD_LEN, Sealer};
use pluribus_mix::vattp::sending::Sending;
use pluribus_mix::vattp::split::Splitter;
use pluribus_mix::vattp::transport::{Said, Transport, Tuning};

/// The secret of the direction back, in which answers travel.
const BACK: [u8; 32] = [7; 32];
/// Nothing here takes time.
const NOW: Instant = Instant::ZERO;

/// A transport with its connection, and what the runtime has heard.
pub struct Receiver {
    transport: Transport,
    conn: Connection,
    back: Opener,
    messages: Vec<Vec<u8>>,
    ended: bool,
    closed: bool,
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
    /// If it gives none.
    pub fn new(fields: &Fields<'_>, backend: Backend) -> Result<Self, Wrong> {
        let established = Established {
            opener: Opener::from_secret(fields.array("traffic_secret")?, backend),
            ..established(backend)?
        };
        let sealer = Sealer::from_secret(BACK, backend);
        let sending = Sending::new(sealer, Tuning::default(), NOW);
        let (own, peer) = (fields.u64("own_mine")?, fields.u64("peer_mine")?);
        let mut transport = Transport::new(sending, established, own, peer, NOW);
        for token in fields.u64s("pings")? {
            transport.asked(NOW, token);
        }
        Ok(Self {
            transport,
            conn: sent(fields.number("sent")?)?,
            back: Opener::from_secret(BACK, backend),
            messages: Vec::new(),
            ended: false,
            closed: false,
        })
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
        self.closed |= said == Said::Close(Ending::Done);
        while let Some(taken) = self.conn.take(NOW) {
            match taken {
                Taken::Message(message) => self.messages.push(message),
                Taken::End => self.ended = true,
            }
        }
        Ok(())
    }

    /// The tokens of the PONGs that are sent now; none when the connection is closed.
    ///
    /// # Errors
    /// If what is sent cannot be read.
    pub fn answers(&mut self) -> Result<Vec<u64>, Wrong> {
        let (mut wires, mut tokens) = (Vec::new(), Vec::new());
        if self.closed {
            return Ok(tokens);
        }
        let filled = self.transport.fill(NOW, &mut self.conn, &mut wires);
        good("our own record", filled)?;
        let mut rest = &mut wires[..];
        let mut splitter = Splitter::default();
        while let Some(mut record) = good("the length", splitter.next(&mut rest, &RECORD_LEN))? {
            let mut frames = Frames::perhaps(good("our record", self.back.open(&mut record))?);
            while let Some(frame) = good("our frame", frames.next())? {
                if let Frame::Pong(token) = frame {
                    tokens.push(token);
                }
            }
        }
        Ok(tokens)
    }

    /// The whole messages so far.
    pub fn messages(&self) -> &[Vec<u8>] {
        &self.messages
    }

    /// Whether the direction has ended.
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the peer has closed the connection.
    pub const fn has_closed(&self) -> bool {
        self.closed
    }
}

/// What some handshake made: a receiver needs a proven peer.
fn established(backend: Backend) -> Result<Established, Wrong> {
    let setup = any_setup(backend)?;
    let (expect, mut flight1) = setup.initiator()?;
    let (answering, mut flight2) = setup.answer(&mut flight1)?;
    let mut gone = setup.go(expect, &mut flight2)?;
    let taken = giveinfo_go(answering, &setup.responder_key()?, &mut gone.flight3);
    let (accepted, _) = some("the base was refused", taken.ok())?;
    let said = setup.gotoo(&accepted)?;
    Ok(accepted.go_too(&said, Carried::Stream).0)
}

/// A connection that has sent so many numbered frames.
fn sent(count: usize) -> Result<Connection, Wrong> {
    let chance = Seed::from_bytes([8; 32]).fork("connection");
    let mut conn = Connection::new(Side::Slave, chance);
    conn.begin(Carrier::Stream);
    for _ in 0..count {
        good("a message", conn.send(vec![0]))?;
    }
    let sealer = Sealer::from_secret(BACK, Backend::default());
    let mut sending = Sending::new(sealer, Tuning::default(), NOW);
    let filled = sending.fill(NOW, &mut conn, &mut Vec::new());
    good("our own record", filled)?;
    Ok(conn)
}
