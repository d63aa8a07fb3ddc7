//! What a client asks of an exit, in the head of a stream, and the words for no. (DIR-31, DIR-32)

use std::num::NonZeroU16;

use crate::locator::Host;

const CONNECT: u8 = 1;
const DIRECTORY: u8 = 2;

/// The first byte of an answer that is none of the refusals.
pub(super) const DONE: u8 = 0;

/// The head of a stream. (DIR-31)
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Connect(Host, NonZeroU16),
    Directory,
}

impl Ask {
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self::Connect(host, port) = self else {
            return vec![DIRECTORY];
        };
        let mut head = vec![CONNECT];
        head.extend(port.get().to_be_bytes());
        match host {
            Host::V4(ip) => head.extend(ip.to_string().bytes()),
            Host::V6(ip) => head.extend(ip.to_string().bytes()),
            Host::Name(name) => head.extend(name.bytes()),
        }
        head
    }

    /// `None` for a head that says neither.
    pub(super) fn decode(head: &[u8]) -> Option<Self> {
        match head {
            [DIRECTORY] => Some(Self::Directory),
            [CONNECT, port_0, port_1, host @ ..] => {
                let port = NonZeroU16::new(u16::from_be_bytes([*port_0, *port_1]))?;
                let host = Host::asked_for(std::str::from_utf8(host).ok()?).ok()?;
                Some(Self::Connect(host, port))
            }
            _ => None,
        }
    }
}

/// Why an exit resets a stream. (DIR-32)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Policy,
    NotFound,
    Unreachable,
    Refused,
    TimedOut,
    Busy,
    Malformed,
}

impl Refusal {
    const ALL: [Self; 7] = [
        Self::Policy,
        Self::NotFound,
        Self::Unreachable,
        Self::Refused,
        Self::TimedOut,
        Self::Busy,
        Self::Malformed,
    ];

    pub(super) const fn code(self) -> u8 {
        self as u8 + 1
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        let index = usize::from(code).checked_sub(1)?;
        Self::ALL.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DIR-31
    #[test]
    fn a_head_says_where_to() {
        let port = NonZeroU16::new(0x1f90).unwrap();
        for (host, head) in [
            ("Example.org.", &b"\x01\x1f\x90example.org"[..]),
            ("192.0.2.7", b"\x01\x1f\x90192.0.2.7"),
            ("2001:DB8::1", b"\x01\x1f\x902001:db8::1"),
            ("::ffff:192.0.2.7", b"\x01\x1f\x90192.0.2.7"),
        ] {
            let ask = Ask::Connect(Host::asked_for(host).unwrap(), port);
            assert_eq!(ask.encode(), head);
            assert_eq!(Ask::decode(head), Some(ask));
        }
        assert_eq!(Ask::Directory.encode(), [2]);
        assert_eq!(Ask::decode(&[2]), Some(Ask::Directory));
    }

    /// DIR-31
    #[test]
    fn a_head_that_says_neither_is_refused() {
        for head in [
            &b""[..],
            b"\x00",
            b"\x03",
            b"\x02\x00",
            b"\x01",
            b"\x01\x1f",
            b"\x01\x1f\x90",
            b"\x01\x00\x00a",
            b"\x01\x1f\x90a:80",
            b"\x01\x1f\x90[::1]",
            b"\x01\x1f\x90127.1",
            b"\x01\x1f\x90\xff",
            b"\x01\x1f\x90a\0",
        ] {
            assert_eq!(Ask::decode(head), None, "{head:?}");
        }
    }

    /// DIR-32
    #[test]
    fn each_refusal_has_its_code() {
        let codes = Refusal::ALL.map(Refusal::code);
        assert_eq!(codes, [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(codes.map(Refusal::from_code), Refusal::ALL.map(Some));
        assert_eq!([0, 8, 255].map(Refusal::from_code), [None; 3]);
    }
}
