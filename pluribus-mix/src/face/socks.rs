//! SOCKS5 (RFC 1928, RFC 1929), and of it CONNECT. (FAC-1)
//!
//! ```text
//! program                                    face
//! 5, n, methods (n)                     ──►
//!                                       ◄──  5, 0 or 2           2 if it was offered
//! 1, n, user (n), m, password (m)       ──►                      with 2
//!                                       ◄──  1, 0
//! 5, 1, 0, type, address, port (2)      ──►
//!                                       ◄──  5, code, 0, 1, 0.0.0.0, 0
//! ```
//!
//! Programs that offer both methods have credentials to show, and want to be kept apart by them; so they are asked. The
//! reply names no address, whatever was asked for: the one that an exit uses is not the program's business, and some programs
//! choke on a name there. Bytes are judged in the order in which they come, so a refusal does not depend on how they were
//! chopped.

use core::net::IpAddr;
use core::num::NonZeroU16;

use bytes::BytesMut;

use super::handshake::{Credentials, Handshake, Request, Step, spend};
use super::refusal::Refusal;
use super::target::Target;

const VERSION: u8 = 5;
const NO_METHOD: u8 = 0xff;
const NO_CREDENTIALS: u8 = 0;
const PASSWORD: u8 = 2;
const PASSWORD_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// The stream stands.
pub const ESTABLISHED: &[u8] = &reply(0);

/// The reply that says why not. (FAC-6)
#[must_use]
pub fn refusal(why: Refusal) -> Vec<u8> {
    reply(why.code()).to_vec()
}

const fn reply(code: u8) -> [u8; 10] {
    [VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0]
}

/// The handshake, named for what it waits for.
pub enum Expect {
    /// The methods that the program knows.
    Methods,
    /// User and password.
    Password,
    /// The request.
    Request(Option<Credentials>),
}

impl Handshake for Expect {
    fn advance(self, input: &mut BytesMut) -> Step<Self> {
        let mut reader = Reader(input);
        let step = match &self {
            Self::Methods => methods(&mut reader),
            Self::Password => password(&mut reader),
            Self::Request(shown) => request(&mut reader, *shown),
        };
        let Some(step) = step else {
            return Step::More(self);
        };
        let left = reader.0.len();
        spend(input, input.len() - left);
        step
    }
}

fn methods(reader: &mut Reader<'_>) -> Option<Step<Expect>> {
    if reader.byte()? != VERSION {
        return Some(Step::Refuse(Vec::new()));
    }
    let offered = reader.counted()?;
    Some(if offered.contains(&PASSWORD) {
        Step::Say(Expect::Password, &[VERSION, PASSWORD])
    } else if offered.contains(&NO_CREDENTIALS) {
        Step::Say(Expect::Request(None), &[VERSION, NO_CREDENTIALS])
    } else {
        Step::Refuse(vec![VERSION, NO_METHOD])
    })
}

fn password(reader: &mut Reader<'_>) -> Option<Step<Expect>> {
    if reader.byte()? != PASSWORD_VERSION {
        return Some(Step::Refuse(vec![PASSWORD_VERSION, 1]));
    }
    let user = reader.counted()?;
    let shown = Credentials::new(user, reader.counted()?);
    Some(Step::Say(
        Expect::Request(Some(shown)),
        &[PASSWORD_VERSION, 0],
    ))
}

/// Nothing until the request is complete, or wrong.
fn request(reader: &mut Reader<'_>, credentials: Option<Credentials>) -> Option<Step<Expect>> {
    Some(match target(reader)? {
        Ok(target) => Step::Connect(Request {
            target,
            credentials,
        }),
        Err(why) => Step::Refuse(refusal(why)),
    })
}

fn target(reader: &mut Reader<'_>) -> Option<Result<Target, Refusal>> {
    if reader.byte()? != VERSION {
        return Some(Err(Refusal::Malformed));
    }
    if reader.byte()? != CONNECT {
        return Some(Err(Refusal::Method));
    }
    if reader.byte()? != 0 {
        return Some(Err(Refusal::Malformed));
    }
    match reader.byte()? {
        IPV4 => at(reader.array::<4>()?.into(), reader),
        IPV6 => at(reader.array::<16>()?.into(), reader),
        NAME => named(reader.counted()?, reader),
        _ => Some(Err(Refusal::AddressType)),
    }
}

fn at(ip: IpAddr, reader: &mut Reader<'_>) -> Option<Result<Target, Refusal>> {
    Some(reader.port()?.map(|port| Target::at(ip, port)))
}

fn named(name: &[u8], reader: &mut Reader<'_>) -> Option<Result<Target, Refusal>> {
    let port = reader.port()?;
    // Bytes that are no text are no host either: the empty name says so.
    let name = core::str::from_utf8(name).unwrap_or_default();
    Some(port.and_then(|port| Ok(Target::named(name, port)?)))
}

/// Bytes from the left; `None` while there are too few.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// As many bytes as the first one says.
    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.byte()?;
        let (bytes, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        Some(bytes)
    }

    fn port(&mut self) -> Option<Result<NonZeroU16, Refusal>> {
        let port = u16::from_be_bytes(self.array()?);
        Some(NonZeroU16::new(port).ok_or(Refusal::Malformed))
    }
}

#[cfg(test)]
mod tests;
