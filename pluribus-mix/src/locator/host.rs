//! A host in the words of a program that wants to get there.
//!
//! The hint `at` has one spelling for one place; programs have many. A name comes in any case, with or without the dot of
//! the root behind it, and an address often comes where a name would stand. Here all of that becomes a [`Host`], so that
//! whoever decides about addresses is never handed one that is dressed as a name: what a resolver might take for a number
//! (`127.1`, `0x7f.1`, `2130706433`) is refused, and an IPv4 address inside IPv6 is what it is. (FAC-2)

use core::net::IpAddr;

use thiserror::Error;

use super::Host;

/// The text is neither an address nor a name of a host. (FAC-2)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "no host: a name has at most 253 bytes in labels of 1 to 63 letters, digits, - and _, and its last label does not begin with a digit"
)]
pub struct BadHost;

/// The longest name.
const LONGEST: usize = 253;

impl Host {
    /// Reads an address, or a name in any case and with or without a dot at its end. (FAC-2)
    ///
    /// # Errors
    /// It is neither.
    pub fn asked_for(text: &str) -> Result<Self, BadHost> {
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(ip.into());
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > LONGEST || !name.split('.').all(is_label) || ends_in_number(name) {
            return Err(BadHost);
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }
}

impl From<IpAddr> for Host {
    /// A mapped IPv4 address becomes IPv4.
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6(ip),
        }
    }
}

/// Wider than a place's label by upper case and `_`, which resolvers know.
fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.bytes().all(plain)
}

fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next();
    last.is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FAC-2
    #[test]
    fn one_host_has_many_spellings() {
        let name = |text: &str| Ok(Host::Name(text.to_owned()));
        for text in ["example.org", "EXAMPLE.org", "example.ORG."] {
            assert_eq!(Host::asked_for(text), name("example.org"));
        }
        assert_eq!(Host::asked_for("_a.b-.c1"), name("_a.b-.c1"));
        let v4 = Ok(Host::V4([127, 0, 0, 1].into()));
        for text in ["127.0.0.1", "::ffff:127.0.0.1", "::FFFF:7f00:1"] {
            assert_eq!(Host::asked_for(text), v4);
        }
        let v6 = Ok(Host::V6("2001:db8::1".parse().unwrap()));
        assert_eq!(Host::asked_for("2001:DB8:0::1"), v6);
        let longest = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(61));
        assert_eq!(Host::asked_for(&longest), name(&longest));
        assert_eq!(Host::asked_for(&format!("{longest}.")), name(&longest));
    }

    /// FAC-2: an address does not come dressed as a name.
    #[test]
    fn what_is_neither_name_nor_address_is_refused() {
        let label = format!("{}.org", "a".repeat(64));
        let name = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(62));
        for text in [
            "",
            ".",
            "..",
            "a..",
            ".a",
            "a..b",
            "a b",
            "a\0b",
            "a\n",
            "a:80",
            "[::1]",
            "::1%lo",
            "a/b",
            "a@b",
            "127.1",
            "127.0.0.1.",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "1.2.3.256",
            "127.0.0.01",
            "a.7",
            "bücher.de",
            &label,
            &name,
        ] {
            assert_eq!(Host::asked_for(text), Err(BadHost), "{text:?}");
        }
    }
}
