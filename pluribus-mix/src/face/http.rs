//! HTTP, and of it CONNECT. (FAC-4; RFC 9110, 9.3.6)
//!
//! The block of the request is read to its empty line and no further: behind it are the bytes of the target. What a control
//! character, a line feed by itself or 8192 bytes without an empty line make impossible is refused at that byte, so that a
//! program that speaks something else here hears it at once. CONNECT has no body; a request that announces one is refused,
//! so that nobody can disagree about where the target's bytes begin.

use core::net::Ipv6Addr;
use core::num::NonZeroU16;

use bytes::BytesMut;
use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::handshake::{Credentials, Handshake, MOST_INPUT, Request, Step, spend};
use super::refusal::Refusal;
use super::target::Target;

/// The stream stands.
pub const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// The answer that says why not. (FAC-6)
#[must_use]
pub fn refusal(why: Refusal) -> Vec<u8> {
    let status = why.status();
    let allow = match why {
        Refusal::Method => "Allow: CONNECT\r\n",
        _ => "",
    };
    let body = format!("{why}\n");
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{allow}Connection: close\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// Waits for the empty line.
#[derive(Default)]
pub struct ExpectBlock {
    scanned: usize,
    /// How much of `\r\n\r\n` the scanned bytes end with.
    tail: u8,
}

impl Handshake for ExpectBlock {
    fn advance(mut self, input: &mut BytesMut) -> Step<Self> {
        let asked = match self.scan(input) {
            Ok(None) => return Step::More(self),
            Ok(Some(block)) => request(block),
            Err(why) => Err(why),
        };
        let scanned = self.scanned;
        spend(input, scanned);
        match asked {
            Ok(request) => Step::Connect(request),
            Err(why) => Step::Refuse(refusal(why)),
        }
    }
}

impl ExpectBlock {
    /// The block with its last empty line, once it is there.
    fn scan<'a>(&mut self, input: &'a [u8]) -> Result<Option<&'a [u8]>, Refusal> {
        for byte in input.iter().skip(self.scanned).take(MOST_INPUT) {
            self.scanned += 1;
            self.tail = match (self.tail, byte) {
                (0 | 2, b'\r') | (1 | 3, b'\n') => self.tail + 1,
                (0 | 2, b'\t' | b' '..=b'~' | 0x80..) => 0,
                _ => return Err(Refusal::Malformed),
            };
            if self.tail == 4 {
                return Ok(input.get(..self.scanned));
            }
            if self.scanned >= MOST_INPUT {
                return Err(Refusal::Malformed);
            }
        }
        Ok(None)
    }
}

fn request(block: &[u8]) -> Result<Request, Refusal> {
    let mut lines = lines(block);
    let line = lines.next().ok_or(Refusal::Malformed)?;
    let target = asked(line)?;
    let mut credentials = None;
    for line in lines {
        let (name, value) = header(line)?;
        match name.to_ascii_lowercase().as_slice() {
            b"proxy-authorization" if credentials.is_some() => return Err(Refusal::Malformed),
            b"proxy-authorization" => credentials = Some(basic(value)?),
            b"transfer-encoding" => return Err(Refusal::Malformed),
            b"content-length" if value != b"0" => return Err(Refusal::Malformed),
            _ => {}
        }
    }
    Ok(Request {
        target,
        credentials,
    })
}

/// Up to the empty line; a carriage return stands only at the end of a line.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let bare = |line: &'_ [u8]| line.len().saturating_sub(1);
    block
        .split(|byte| *byte == b'\n')
        .map(move |line| line.get(..bare(line)).unwrap_or_default())
        .take_while(|line| !line.is_empty())
}

/// `CONNECT host:port HTTP/1.1`, or 1.0.
fn asked(line: &[u8]) -> Result<Target, Refusal> {
    let mut words = line.split(|byte| *byte == b' ');
    let words = [words.next(), words.next(), words.next(), words.next()];
    let [Some(method), Some(target), Some(version), None] = words else {
        return Err(Refusal::Malformed);
    };
    if !is_token(method) || !matches!(version, b"HTTP/1.1" | b"HTTP/1.0") {
        return Err(Refusal::Malformed);
    }
    if method != b"CONNECT" {
        return Err(Refusal::Method);
    }
    let target = core::str::from_utf8(target).map_err(|_| Refusal::Malformed)?;
    authority(target)
}

fn authority(text: &str) -> Result<Target, Refusal> {
    let (host, port) = text.rsplit_once(':').ok_or(Refusal::Malformed)?;
    // `parse` takes a sign.
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse::<NonZeroU16>().ok().filter(|_| digits);
    let port = port.ok_or(Refusal::Malformed)?;
    if let Some(inner) = host.strip_prefix('[') {
        let ip = inner.strip_suffix(']').and_then(|ip| ip.parse().ok());
        let ip: Ipv6Addr = ip.ok_or(Refusal::Malformed)?;
        return Ok(Target::at(ip.into(), port));
    }
    // An IPv6 address without brackets: where it ends is anybody's guess.
    if host.contains(':') {
        return Err(Refusal::Malformed);
    }
    Ok(Target::named(host, port)?)
}

fn header(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let mut parts = line.splitn(2, |byte| *byte == b':');
    match (parts.next(), parts.next()) {
        (Some(name), Some(value)) if is_token(name) => Ok((name, value.trim_ascii())),
        _ => Err(Refusal::Malformed),
    }
}

/// Another scheme is refused: to pass over it would bring together what the program wants apart.
fn basic(value: &[u8]) -> Result<Credentials, Refusal> {
    let (scheme, text) = value.split_at_checked(6).ok_or(Refusal::Malformed)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return Err(Refusal::Malformed);
    }
    let decoded = BASE64.decode(text.trim_ascii_start());
    let decoded = Zeroizing::new(decoded.map_err(|_| Refusal::Malformed)?);
    let mut parts = decoded.splitn(2, |byte| *byte == b':');
    match (parts.next(), parts.next()) {
        (Some(user), Some(password)) => Ok(Credentials::new(user, password)),
        _ => Err(Refusal::Malformed),
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &[u8]) -> bool {
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(fits)
}

#[cfg(test)]
mod tests;
