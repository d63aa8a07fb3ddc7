//! One connection object: all that outlives a transport. (VTP-33, VTP-45)
//!
//! A [`Connection`] is what was said and may have to be said again (the [`Ledger`]), what has come and may have to be held
//! (the [`Arrival`]), and above both the messages, the streams and the datagrams. It knows no link, no key and no clock. A
//! transport asks it for frames to fill records with and hands it the frames that come:
//!
//! ```text
//! messages ─┐                                              ┌─► messages
//! streams  ─┼─► bodies ─► ledger ─► frames ══► arrival ─►──┼─► streams
//! tickets  ─┤                              ══►             ├─► tickets
//! datagrams ┴───────────────────────►      ══► ────────────┴─► datagrams
//! ```
//!
//! For every transport the calls are: [`Connection::begin`] when it starts to send, [`Connection::go_live`] when it is live,
//! [`Connection::confirm`] behind `begin` when the peer's `expect` is known. Records may be filled from `begin` on.

use super::Violation;
use super::arrival::{Arrival, Place};
use super::body::{Body, FRAME_WEIGHT};
use super::cut::{FEW_RANGES, crumb, max_frame};
use super::datagrams::Datagrams;
use super::frame::{Frame, Frames};
use super::inbound::{Inbound, Taken};
use super::ledger::{Ledger, Saying};
use super::outbound::Outbound;
use super::pair::Side;
use super::pipe::Carrier;
use super::ranges::Ranges;
use super::streams::Streams;
use super::tickets::{Heard, Purpose, Tickets};
use crate::crypto::rng::Rng;
use crate::time::Instant;

/// Messages, streams, tickets and datagrams with one peer, over however many transports.
pub struct Connection {
    outbound: Outbound,
    inbound: Inbound,
    streams: Streams,
    tickets: Tickets,
    datagrams: Datagrams,
    ledger: Ledger,
    arrival: Arrival,
    turn: Turn,
}

/// Whose turn it is to say something new. (VTP-47)
#[derive(Clone, Copy)]
enum Turn {
    Messages,
    Streams,
    Tickets,
    Datagrams,
}

impl Turn {
    const ALL: usize = 4;

    const fn next(self) -> Self {
        match self {
            Self::Messages => Self::Streams,
            Self::Streams => Self::Tickets,
            Self::Tickets => Self::Datagrams,
            Self::Datagrams => Self::Messages,
        }
    }
}

/// What the runtime does.
impl Connection {
    /// A connection in which nothing was said, at the vat on `side` of the pair. `rng` is for this connection alone.
    pub fn new(side: Side, rng: Rng) -> Self {
        Self {
            outbound: Outbound::default(),
            inbound: Inbound::default(),
            streams: Streams::new(side),
            tickets: Tickets::default(),
            datagrams: Datagrams::default(),
            ledger: Ledger::new(rng),
            arrival: Arrival::default(),
            turn: Turn::Messages,
        }
    }

    /// Queues a message of 1 to [`MAX_MESSAGE`](crate::netlayer::MAX_MESSAGE) bytes.
    ///
    /// # Errors
    /// The message, when the queue holds the weight of VTP-26.
    pub fn send(&mut self, message: Vec<u8>) -> Result<(), Vec<u8>> {
        self.outbound.push(message)
    }

    /// Ends our messages behind what is queued.
    pub fn finish(&mut self) {
        self.outbound.finish();
    }

    /// Whether our messages have been ended, said or not.
    pub fn is_finished(&self) -> bool {
        self.outbound.is_ended()
    }

    /// The streams.
    pub const fn streams(&mut self) -> &mut Streams {
        &mut self.streams
    }

    /// Asks for 1 to 8 tickets; whether that was queued. (VTP-53)
    pub fn want_tickets(&mut self, purpose: Purpose, count: u8) -> bool {
        self.tickets.want(purpose, count)
    }

    /// Gives a ticket of 1 to 400 bytes; whether that was queued. (VTP-53)
    pub fn give_ticket(&mut self, purpose: Purpose, ticket: Vec<u8>) -> bool {
        self.tickets.give(purpose, ticket)
    }

    /// Whether something was heard of tickets that was not taken.
    pub fn has_tickets(&self) -> bool {
        self.tickets.is_heard()
    }

    /// The next that was heard of tickets. All of it is to be taken in the turn in which it came, before anything is said. (VTP-54)
    pub fn take_tickets(&mut self) -> Option<Heard> {
        self.tickets.take()
    }

    /// Queues a datagram of 1 to 800 bytes for the transport of the moment; of any other length it is lost. (VTP-52)
    pub fn send_datagram(&mut self, bytes: Vec<u8>) {
        self.datagrams.send(bytes);
    }

    /// Whether a datagram came that was not taken.
    pub fn has_datagram(&self) -> bool {
        self.datagrams.is_heard()
    }

    /// The next datagram that came. (VTP-52)
    pub fn take_datagram(&mut self) -> Option<Vec<u8>> {
        self.datagrams.take()
    }

    /// The next message, or the end of the peer's; with this it is taken, and will be acknowledged.
    pub fn take(&mut self, now: Instant) -> Option<Taken> {
        let (taken, number, weight) = self.inbound.take()?;
        self.arrival.taken(now, number, weight);
        Some(taken)
    }

    /// Whether a message, or the end, waits for the runtime.
    pub fn is_ready(&self) -> bool {
        self.inbound.is_ready()
    }

    /// Whether somebody whose message was handed back can come again; says so once.
    pub fn poll_writable(&mut self) -> bool {
        self.outbound.poll_writable()
    }

    /// Weight of all that waits to be said, or to be received or taken by the peer.
    pub fn weight(&self) -> usize {
        let others = self.streams.weight() + self.tickets.weight();
        self.outbound.weight() + self.ledger.other_weight() + others
    }

    /// Whether the messages of both directions have ended, all is received and taken, and no stream is left. (VTP-29)
    pub fn is_done(&self) -> bool {
        self.outbound.is_settled()
            && self.ledger.is_empty()
            && self.inbound.is_settled()
            && self.streams.is_empty()
            && !self.streams.has_body()
            && !self.tickets.has_body()
    }

    /// Whether the messages of both directions have ended.
    pub fn has_ended(&self) -> bool {
        self.outbound.is_ended() && self.inbound.is_ended()
    }
}

/// What a transport does.
impl Connection {
    /// The number of the first frame that a new transport will say.
    pub const fn first(&self) -> u64 {
        self.ledger.first()
    }

    /// The number of the next frame wanted.
    pub const fn expect(&self) -> u64 {
        self.arrival.expect()
    }

    /// A transport starts to send, live or not: all that is not known to have come is said again on it.
    pub fn begin(&mut self, carrier: Carrier) {
        self.ledger.begin(carrier);
        self.datagrams.begin();
    }

    /// In a session: frames of either side keep their numbers. (VTP-45)
    pub const fn keep_numbers(&mut self) {
        self.ledger.keep_numbers();
    }

    /// A transport starts to send while the one before it, of cells too, is live: what was said there is on its way. Whether that can be;
    /// else it is to [`begin`](Connection::begin).
    pub fn move_on(&mut self) -> bool {
        self.ledger.move_on()
    }

    /// A transport is live.
    pub fn go_live(&mut self) {
        if self.ledger.keeps_numbers() {
            self.arrival.stay();
        } else {
            self.arrival.drop_ahead();
        }
    }

    /// The peer wants `expect` next on the transport that has begun.
    ///
    /// # Errors
    /// If it is below what was acknowledged or beyond what was sent. (VTP-45)
    pub fn confirm(&mut self, expect: u64) -> Result<(), Violation> {
        let from = self.ledger.confirm(expect)?;
        self.outbound.unnumber(from);
        self.tickets.received(expect - 1);
        self.tickets.unnumber(from);
        Ok(())
    }

    /// Whether there is a frame to say now besides ACK, PING and PONG.
    pub fn has_frame(&self) -> bool {
        let Some(carrier) = self.ledger.carrier() else {
            return false;
        };
        self.ledger.can_say_due().unwrap_or_else(|| {
            let open = self.ledger.open();
            self.datagrams.has_frame()
                || self.ledger.can_say_anew().unwrap_or_else(|| {
                    self.outbound.has_body(carrier, open)
                        || self.may_ask_streams(carrier)
                        || self.may_say_tickets()
                })
        })
    }

    /// Whether a stream has something to say, and the window room for whatever that is.
    fn may_ask_streams(&self, carrier: Carrier) -> bool {
        self.streams.has_body() && self.ledger.fits(max_frame(carrier) + FRAME_WEIGHT)
    }

    /// Whether something can be said of tickets.
    fn may_say_tickets(&self) -> bool {
        let weight = self.tickets.next_weight();
        weight.is_some_and(|weight| self.ledger.fits(weight))
    }

    /// The next record will be filled.
    pub(super) const fn begin_record(&mut self) {
        self.ledger.begin_record();
    }

    /// Appends the next frame to a record in which `room` is left; whether there was one that fits.
    pub(super) fn say(&mut self, now: Instant, room: usize, out: &mut Vec<u8>) -> bool {
        let Some(carrier) = self.ledger.carrier() else {
            return false;
        };
        match self.ledger.say_due(now, room, out) {
            Saying::Said => true,
            Saying::Waits => false,
            Saying::Nothing => (0..Turn::ALL).any(|_| {
                let turn = self.turn;
                self.turn = turn.next();
                self.say_new(now, carrier, turn, room, out)
            }),
        }
    }

    /// Appends as many frames as `room` bytes hold, for a flight: a transport has begun, of the carrier that the flight travels
    /// on. They count as said on it. (RDV-16)
    pub fn say_in_flight(&mut self, now: Instant, room: usize, out: &mut Vec<u8>) {
        let end = out.len() + room;
        self.begin_record();
        while self.say(now, end.saturating_sub(out.len()), out) {}
    }

    /// Takes the frames that came in a flight. (RDV-16)
    ///
    /// # Errors
    /// If one is neither numbered nor a DATAGRAM, or the peer may not say that.
    pub fn hear_in_flight(&mut self, now: Instant, frames: &[u8]) -> Result<(), Violation> {
        let mut frames = Frames::perhaps(frames);
        while let Some(frame) = frames.next()? {
            if frame.number().is_none() && !matches!(frame, Frame::Datagram(_)) {
                return Err(Violation::Frame);
            }
            self.handle(now, &frame)?;
        }
        Ok(())
    }

    fn say_new(
        &mut self,
        now: Instant,
        carrier: Carrier,
        turn: Turn,
        room: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        if let Turn::Datagrams = turn {
            let datagram = self.datagrams.poll(room);
            return datagram.is_some_and(|bytes| {
                Frame::Datagram(&bytes).encode(out);
                true
            });
        }
        let Some(body) = self.poll_body(carrier, turn, room) else {
            return false;
        };
        let (ends, of_tickets) = (body.ends_message(), body.is_of_tickets());
        let number = self.ledger.say(now, body, out);
        if ends {
            self.outbound.said_last(number);
        }
        if of_tickets {
            self.tickets.said(number);
        }
        true
    }

    /// The next body; one that has lost its number goes before all others.
    fn poll_body(&mut self, carrier: Carrier, turn: Turn, room: usize) -> Option<Body> {
        if self.ledger.can_say_anew().is_some() {
            return self.ledger.poll_anew(carrier, room);
        }
        let room = room.min(max_frame(carrier));
        match turn {
            Turn::Messages => self.outbound.poll_body(carrier, room, self.ledger.open()),
            Turn::Streams if room >= crumb(carrier) && self.may_ask_streams(carrier) => {
                self.streams.poll_body(room)
            }
            Turn::Tickets if self.may_say_tickets() => self.tickets.poll_body(room),
            Turn::Streams | Turn::Tickets | Turn::Datagrams => None,
        }
    }

    /// Handles a frame that has to do with the connection; of others it knows nothing.
    ///
    /// # Errors
    /// If the peer may not say that.
    pub(super) fn handle(&mut self, now: Instant, frame: &Frame<'_>) -> Result<(), Violation> {
        match frame {
            Frame::Ack {
                taken,
                received,
                ranges,
            } => return self.acknowledged(now, *taken, *received, ranges),
            Frame::Datagram(bytes) => self.datagrams.handle(bytes),
            _ if self.arrival.admit(now, frame)? == Place::Next => {
                self.deliver(frame)?;
                while let Some((number, body)) = self.arrival.poll_held() {
                    self.deliver(&body.frame(number))?;
                }
            }
            _ => (),
        }
        Ok(())
    }

    /// Handles a numbered frame whose turn it is.
    fn deliver(&mut self, frame: &Frame<'_>) -> Result<(), Violation> {
        match *frame {
            Frame::Msg {
                more,
                number,
                bytes,
            } => self.inbound.handle(more, number, bytes),
            Frame::Open { stream, head, .. } => self.streams.handle_open(stream, head),
            Frame::Stream {
                fin, stream, bytes, ..
            } => self.streams.handle_stream(stream, fin, bytes),
            Frame::Credit { stream, more, .. } => self.streams.handle_credit(stream, more),
            Frame::Reset { stream, code, .. } => self.streams.handle_reset(stream, code),
            Frame::WantTickets { purpose, count, .. } => {
                self.tickets.handle(Heard::Want(purpose, count))
            }
            Frame::GiveTicket {
                purpose, ticket, ..
            } => self.tickets.handle(Heard::Give(purpose, ticket.to_vec())),
            _ => Ok(()),
        }
    }

    fn acknowledged(
        &mut self,
        now: Instant,
        taken: u64,
        received: u64,
        ranges: &Ranges,
    ) -> Result<(), Violation> {
        if taken > received {
            return Err(Violation::Ack);
        }
        self.ledger.acknowledge(now, received, ranges)?;
        self.tickets.received(received);
        let advanced = self.outbound.acknowledge(taken)?;
        let awaits = self.outbound.awaits_taken();
        self.ledger.await_taken(now, awaits, advanced);
        Ok(())
    }

    /// Whether an acknowledgement has to go out by itself now.
    pub fn ack_is_due(&self, now: Instant) -> bool {
        self.arrival.ack_is_due(now)
    }

    /// When an acknowledgement has to go out by itself.
    pub(super) const fn ack_due(&self) -> Option<Instant> {
        self.arrival.ack_due()
    }

    /// The acknowledgement for a record in which `room` is left, so that a frame that has to be said again fits behind it.
    pub(super) fn acknowledge(&mut self, room: usize) -> Frame<'static> {
        let free = room.saturating_sub(self.ledger.due_len() + Frame::ACK_HEAD);
        let most = (free / Ranges::LEN).clamp(FEW_RANGES, Ranges::MAX);
        self.arrival.acknowledge(most)
    }

    /// All is said that could be: it may be that only `taken` is awaited.
    pub(super) fn said_all(&mut self, now: Instant) {
        let awaits = self.outbound.awaits_taken();
        if awaits {
            self.ledger.await_taken(now, awaits, false);
        }
    }

    /// When [`Connection::tick`] is wanted.
    pub(super) fn due(&self) -> Option<Instant> {
        self.ledger.due()
    }

    /// Lets time pass; whether the peer should be asked what it has taken. (VTP-26, VTP-46)
    pub(super) fn tick(&mut self, now: Instant) -> bool {
        let awaits = self.outbound.awaits_taken();
        self.ledger.tick(now, awaits)
    }
}
