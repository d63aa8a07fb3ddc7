//! Where a public vat listens: the value of the hint `at`, and the vat's *place* in the handshake (NAM-8, VTP-4).
//!
//! Both sides put this text into the handshake's target, so one place must have one spelling, letter for letter: an
//! address that a program would understand but not write itself is refused. A name that a resolver might take for a
//! number (`127.1`, `0x7f000001`) is none here, and an IPv4 address dressed as IPv6 is written as what it is.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::num::NonZeroU16;
use core::str::FromStr;

use super::LocatorError;

/// Host and port of a public vat, in at most 255 bytes of text (NAM-8).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: Host,
    port: NonZeroU16,
}

/// The host of an [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address that is not a mapped IPv4 address.
    V6(Ipv6Addr),
    /// A DNS name in lower case.
    Name(String),
}

impl Address {
    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.get()
    }

    /// The address to connect to, unless the host is a name that has to be resolved first.
    #[must_use]
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.host {
            Host::V4(ip) => Some((ip, self.port()).into()),
            Host::V6(ip) => Some((ip, self.port()).into()),
            Host::Name(_) => None,
        }
    }
}

impl FromStr for Address {
    type Err = LocatorError;

    /// Reads the canonical text and no other.
    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let (host, port) = text.rsplit_once(':').ok_or(LocatorError::At)?;
        let address = parse_host(host).zip(parse_port(port));
        let (host, port) = address
            .filter(|_| text.len() <= 255)
            .ok_or(LocatorError::At)?;
        Ok(Self { host, port })
    }
}

impl TryFrom<SocketAddr> for Address {
    type Error = LocatorError;

    /// Takes what a socket is bound to; a mapped IPv4 address becomes IPv4.
    ///
    /// [`LocatorError::At`] for port 0 and for an address that means something in one zone only.
    fn try_from(socket: SocketAddr) -> Result<Self, LocatorError> {
        let port = NonZeroU16::new(socket.port()).ok_or(LocatorError::At)?;
        let host = match socket {
            SocketAddr::V4(v4) => Host::V4(*v4.ip()),
            SocketAddr::V6(v6) if v6.scope_id() != 0 => return Err(LocatorError::At),
            SocketAddr::V6(v6) => v6
                .ip()
                .to_ipv4_mapped()
                .map_or(Host::V6(*v6.ip()), Host::V4),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Address {
    /// Writes the canonical text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::V4(ip) => write!(f, "{ip}:{}", self.port),
            Host::V6(ip) => write!(f, "[{ip}]:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn parse_host(text: &str) -> Option<Host> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']')?;
        let ip: Ipv6Addr = inner.parse().ok()?;
        let canonical = ip.to_ipv4_mapped().is_none() && ip.to_string() == inner;
        return canonical.then_some(Host::V6(ip));
    }
    if let Ok(ip) = text.parse() {
        return Some(Host::V4(ip));
    }
    is_dns_name(text).then(|| Host::Name(text.to_owned()))
}

fn is_dns_name(text: &str) -> bool {
    let last_is_no_number = text
        .rsplit('.')
        .next()
        .is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()));
    // That a name has at most 253 characters follows from the 255 bytes of the whole.
    last_is_no_number && text.split('.').all(is_dns_label)
}

fn is_dns_label(label: &str) -> bool {
    let plain = label
        .bytes()
        .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    plain && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
}

fn parse_port(text: &str) -> Option<NonZeroU16> {
    // `parse` also takes a sign and leading zeros; one port has one spelling.
    let port: NonZeroU16 = text.parse().ok()?;
    (port.to_string() == text).then_some(port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_host_and_port() {
        // NAM-8
        let name = format!("{0}.{0}.{0}.{1}:1", "a".repeat(63), "b".repeat(61));
        for text in [
            "127.0.0.1:1",
            "192.0.2.7:65535",
            "[::]:1",
            "[::1]:9001",
            "[2001:db8::8:800:200c:417a]:80",
            "[2001:db8:0:1:1:1:1:1]:80",
            "[2001:0:0:1::1]:80",
            "[1::2:0:0:3:4]:80",
            "[::102:304]:80",
            "a:1",
            "localhost:80",
            "vat.example.org:443",
            "1.2.3.4.example:443",
            "xn--bcher-kva.example:443",
            "3com.com:80",
            &name,
        ] {
            let address = text.parse::<Address>();
            assert_eq!(
                address.map(|address| address.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!(name.len(), 253 + 2);
    }

    #[test]
    fn any_other_spelling_is_refused() {
        // NAM-8
        let long_label = format!("{}.org:80", "a".repeat(64));
        let long_name = format!("{0}.{0}.{0}.{1}:1", "a".repeat(63), "b".repeat(62));
        let long_text = format!("{0}.{0}.{0}.{1}:10", "a".repeat(63), "b".repeat(61));
        for text in [
            "",
            ":",
            ":80",
            "a",
            "a:",
            "a:b",
            "a:0",
            "a:00080",
            "a:080",
            "a:+80",
            "a:65536",
            "a: 80",
            "a:80 ",
            " a:80",
            "a:80:",
            "a:80:80",
            "127.1:80",
            "1:80",
            "0x7f000001:80",
            "0x7f.1:80",
            "256.0.0.1:80",
            "127.0.0.01:80",
            "127.0.0.1.:80",
            "127.0.0.1.5:80",
            "::1:80",
            "[::1]",
            "[::1]80",
            "[::1:80",
            "::1]:80",
            "[]:80",
            "[127.0.0.1]:80",
            "[::0]:80",
            "[0:0:0:0:0:0:0:1]:80",
            "[::0001]:80",
            "[2001:DB8::1]:80",
            "[2001:db8::1:1:1:1:1]:80",
            "[1:0:0:2::3:4]:80",
            "[fe80::1%eth0]:80",
            "[::ffff:192.0.2.7]:80",
            "[::ffff:c000:207]:80",
            "[[::1]]:80",
            "A:80",
            "Vat.example.org:80",
            ".a:80",
            "a.:80",
            "a..b:80",
            "-a.org:80",
            "a-.org:80",
            "a_b.org:80",
            "a@b.org:80",
            "a/b:80",
            "bücher.example:80",
            "a.1b:80",
            &long_label,
            &long_name,
            &long_text,
        ] {
            assert_eq!(text.parse::<Address>(), Err(LocatorError::At), "{text:?}");
        }
    }

    #[test]
    fn a_socket_has_an_address() {
        // NAM-8
        let address = |text: &str| {
            let socket: SocketAddr = text.parse().unwrap();
            Address::try_from(socket).map(|address| address.to_string())
        };
        assert_eq!(address("127.0.0.1:80").unwrap(), "127.0.0.1:80");
        assert_eq!(address("[2001:DB8:0::1]:80").unwrap(), "[2001:db8::1]:80");
        assert_eq!(address("[::ffff:192.0.2.7]:80").unwrap(), "192.0.2.7:80");
        assert_eq!(address("127.0.0.1:0"), Err(LocatorError::At));
        assert_eq!(address("[fe80::1%2]:80"), Err(LocatorError::At));
    }

    proptest! {
        /// NAM-8: a place has one spelling, whatever is tried.
        #[test]
        fn one_spelling(text in r"(\[[0-9a-fA-F:.]{0,24}\]|[0-9.]{0,16}|[a-z0-9.-]{0,20}):[0-9]{0,6}") {
            if let Ok(address) = text.parse::<Address>() {
                prop_assert_eq!(address.to_string(), text);
            }
        }

        /// NAM-8: what a socket can be bound to survives its text.
        #[test]
        fn sockets_survive_their_text(ip: core::net::IpAddr, port in 1u16..) {
            let address = Address::try_from(SocketAddr::from((ip, port))).unwrap();
            let again: Address = address.to_string().parse().unwrap();
            prop_assert_eq!(&again, &address);
            prop_assert_eq!(again.socket_addr(), Some((ip.to_canonical(), port).into()));
        }
    }
}
