//! What a client and a hop say to each other inside a payload. (ONI-11, ONI-12)
//!
//! The two directions have two languages, and neither parser takes a word of the other's: what a relay sent comes back to
//! it as an error, not as a command. A payload is a type, a body, and zeros to the end; nothing else is passed over, for what
//! one relay passes over another could have put there, to mark a circuit.

use super::handshake::{REPLY, REQUEST};
use super::meet::{COOKIE, Cookie, Counts, INDEX, RECORD, SECRET};
use super::{PAYLOAD, Payload};
use crate::ablation::check;
use crate::wire::{DecodeError, Fault};

/// Bytes of a body that fills a payload.
pub const WHOLE: usize = PAYLOAD - 1;
/// Bytes of a request that EXTEND 2 carries.
pub const REQUEST_REST: usize = REQUEST - WHOLE;
/// Bytes of a reply that EXTENDED 2 carries.
pub const REPLY_REST: usize = REPLY - WHOLE;

const EXTEND_1: u8 = 0x01;
const EXTEND_2: u8 = 0x02;
const TRUNCATE: u8 = 0x03;
const DUMMY: u8 = 0x04;
const LOOP: u8 = 0x05;
const PARK: u8 = 0x06;
const JOIN: u8 = 0x07;
const KEEP: u8 = 0x08;
const FIND: u8 = 0x09;
const EXTENDED_1: u8 = 0x81;
const EXTENDED_2: u8 = 0x82;
const TRUNCATED: u8 = 0x83;
const BLAME: u8 = 0x84;
const DUMMY_BACK: u8 = 0x85;
const LOOP_BACK: u8 = 0x86;
const PARKED: u8 = 0x87;
const JOINED: u8 = 0x88;
const NOT_JOINED: u8 = 0x89;
const KEPT: u8 = 0x8a;
const FOUND: u8 = 0x8b;
const NOT_HERE: u8 = 0x8c;
/// Where the index stands in EXTENDED 2. (PAC-11)
const INDEXED: usize = REPLY_REST + 8;

/// What a client says to a hop. (ONI-11)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToRelay<'p> {
    /// The first part of a request to the relay that shall come behind this hop.
    Extend1(&'p [u8; WHOLE]),
    /// The rest of that request.
    Extend2(&'p [u8; REQUEST_REST]),
    /// What lies beyond this hop is given up.
    Truncate,
    /// Nothing; with pacing. (PAC-12)
    Dummy,
    /// To be answered with this token; with pacing. (PAC-12)
    Loop(u64),
    /// This circuit waits in the park of this secret for somebody who joins it. (RDV-19)
    Park(&'p [u8; SECRET]),
    /// This circuit wants to be spliced with one of the park of this cookie, and of this class. (RDV-20)
    Join(Cookie, u8),
    /// This relay is to keep a location record. (RDV-40)
    Keep(&'p [u8; RECORD]),
    /// It is to say which record it keeps under this index. (RDV-40)
    Find(&'p [u8; INDEX]),
}

impl<'p> ToRelay<'p> {
    /// Writes the message.
    pub fn encode(&self, payload: &mut Payload) {
        match self {
            Self::Extend1(part) => write(payload, EXTEND_1, *part),
            Self::Extend2(rest) => write(payload, EXTEND_2, *rest),
            Self::Truncate => write(payload, TRUNCATE, &[]),
            Self::Dummy => write(payload, DUMMY, &[]),
            Self::Loop(token) => write(payload, LOOP, &token.to_be_bytes()),
            Self::Park(secret) => write(payload, PARK, *secret),
            Self::Join(cookie, class) => {
                let mut body = [*class; COOKIE + 1];
                body.iter_mut()
                    .zip(cookie)
                    .for_each(|(to, from)| *to = *from);
                write(payload, JOIN, &body);
            }
            Self::Keep(record) => write(payload, KEEP, *record),
            Self::Find(index) => write(payload, FIND, *index),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// A type that a client does not use; other than zeros behind the body.
    pub fn parse(payload: &'p Payload) -> Result<Self, DecodeError> {
        let [kind, body @ ..] = payload;
        match *kind {
            EXTEND_1 => Ok(Self::Extend1(body)),
            EXTEND_2 => alone(body).map(Self::Extend2),
            TRUNCATE => alone::<0>(body).map(|_| Self::Truncate),
            DUMMY => alone::<0>(body).map(|_| Self::Dummy),
            LOOP => alone(body).map(|token| Self::Loop(u64::from_be_bytes(*token))),
            PARK => alone(body).map(Self::Park),
            JOIN => join(alone(body)?),
            KEEP => alone(body).map(Self::Keep),
            FIND => alone(body).map(Self::Find),
            _ => Err(UNKNOWN),
        }
    }
}

/// What a hop says to its client. (ONI-12)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToClient<'p> {
    /// The first part of the next relay's reply.
    Extended1(&'p [u8; WHOLE]),
    /// The rest of that reply, and the index of the forward cell in whose place the circuit beyond began: without pacing 0. (PAC-11)
    Extended2(&'p [u8; REPLY_REST], u64),
    /// This hop is the last one now.
    Truncated(Reason),
    /// The forward cell of this counter did not open here.
    Blame(u64),
    /// Nothing; with pacing. (PAC-12)
    Dummy,
    /// The answer to LOOP: its token, and how many forward cells have been missed here. (PAC-12)
    Loop(u64, u64),
    /// The circuit waits in its park. (RDV-19)
    Parked,
    /// It is spliced with another, and this is how cells are counted. (RDV-22)
    Joined(Counts),
    /// There was nobody to be spliced with. (RDV-20)
    NotJoined,
    /// The record is kept. (RDV-40)
    Kept,
    /// This is the record. (RDV-40)
    Found(&'p [u8; RECORD]),
    /// It is not kept, or there is none. (RDV-40)
    NotHere,
}

impl<'p> ToClient<'p> {
    /// Writes the message.
    pub fn encode(&self, payload: &mut Payload) {
        match self {
            Self::Extended1(part) => write(payload, EXTENDED_1, *part),
            Self::Extended2(rest, index) => {
                let mut body = [0; INDEXED];
                let bytes = rest.iter().copied().chain(index.to_be_bytes());
                body.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
                write(payload, EXTENDED_2, &body);
            }
            Self::Truncated(reason) => write(payload, TRUNCATED, &[*reason as u8]),
            Self::Blame(counter) => write(payload, BLAME, &counter.to_be_bytes()),
            Self::Dummy => write(payload, DUMMY_BACK, &[]),
            Self::Loop(token, missed) => {
                let [a, b] = [token, missed].map(|it| u128::from(*it));
                write(payload, LOOP_BACK, &(a << 64 | b).to_be_bytes());
            }
            Self::Parked => write(payload, PARKED, &[]),
            Self::Joined(counts) => write(payload, JOINED, &counts.to_bytes()),
            Self::NotJoined => write(payload, NOT_JOINED, &[]),
            Self::Kept => write(payload, KEPT, &[]),
            Self::Found(record) => write(payload, FOUND, *record),
            Self::NotHere => write(payload, NOT_HERE, &[]),
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// A type that a hop does not use; a reason that there is not; other than zeros behind the body.
    pub fn parse(payload: &'p Payload) -> Result<Self, DecodeError> {
        let [kind, body @ ..] = payload;
        match *kind {
            EXTENDED_1 => Ok(Self::Extended1(body)),
            EXTENDED_2 => extended_2(alone(body)?),
            TRUNCATED => Reason::read(alone(body)?).map(Self::Truncated),
            BLAME => alone(body).map(|counter| Self::Blame(u64::from_be_bytes(*counter))),
            DUMMY_BACK => alone::<0>(body).map(|_| Self::Dummy),
            LOOP_BACK => {
                let [token, missed] = words(alone(body)?);
                Ok(Self::Loop(token, missed))
            }
            PARKED => alone::<0>(body).map(|_| Self::Parked),
            JOINED => alone(body).map(|counts| Self::Joined(Counts::from_bytes(counts))),
            NOT_JOINED => alone::<0>(body).map(|_| Self::NotJoined),
            KEPT => alone::<0>(body).map(|_| Self::Kept),
            FOUND => alone(body).map(Self::Found),
            NOT_HERE => alone::<0>(body).map(|_| Self::NotHere),
            _ => Err(UNKNOWN),
        }
    }
}

/// The record that stands in a payload.
pub fn found(payload: &Payload) -> Option<&[u8; RECORD]> {
    match ToClient::parse(payload) {
        Ok(ToClient::Found(record)) => Some(record),
        _ => None,
    }
}

/// Why a hop is the last one now. (ONI-12)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The client asked for it.
    Asked = 1,
    /// The next relay has ended the circuit.
    NextEnded = 2,
    /// The next relay cannot be reached.
    Unreachable = 3,
    /// There is no such relay.
    NoSuchRelay = 4,
    /// This relay is full.
    Full = 5,
    /// Too much was queued.
    TooMuchQueued = 6,
    /// What the circuit ended in here is over.
    EndOver = 7,
}

impl Reason {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Asked,
        Self::NextEnded,
        Self::Unreachable,
        Self::NoSuchRelay,
        Self::Full,
        Self::TooMuchQueued,
        Self::EndOver,
    ];

    fn read([byte]: &[u8; 1]) -> Result<Self, DecodeError> {
        let mut all = Self::ALL.into_iter();
        all.find(|reason| *reason as u8 == *byte)
            .ok_or(DecodeError::new("reason", Fault::OutOfRange))
    }
}

fn extended_2(body: &[u8; INDEXED]) -> Result<ToClient<'_>, DecodeError> {
    let parts = body.split_first_chunk::<REPLY_REST>();
    let parts = parts.and_then(|(rest, index)| Some((rest, index.first_chunk()?)));
    let (rest, index) = parts.ok_or(DecodeError::new("reply", Fault::Truncated))?;
    Ok(ToClient::Extended2(rest, u64::from_be_bytes(*index)))
}

fn join(body: &[u8; COOKIE + 1]) -> Result<ToRelay<'_>, DecodeError> {
    let [cookie @ .., class] = body;
    Ok(ToRelay::Join(*cookie, *class))
}

/// Two numbers.
const fn words(body: &[u8; 16]) -> [u64; 2] {
    let both = u128::from_be_bytes(*body);
    [(both >> 64) as u64, both as u64]
}

const UNKNOWN: DecodeError = DecodeError::new("type", Fault::OutOfRange);

/// Writes type, body and zeros.
fn write(payload: &mut Payload, kind: u8, body: &[u8]) {
    let [first, rest @ ..] = payload;
    *first = kind;
    rest.fill(0);
    rest.iter_mut().zip(body).for_each(|(to, from)| *to = *from);
}

/// The body, if there are only zeros behind it.
fn alone<const N: usize>(body: &[u8]) -> Result<&[u8; N], DecodeError> {
    let zeros = DecodeError::new("zeros", Fault::OutOfRange);
    let (body, rest) = body.split_first_chunk().ok_or(zeros)?;
    match check!(HopZeros, rest.iter().all(|byte| *byte == 0)) {
        true => Ok(body),
        false => Err(zeros),
    }
}
