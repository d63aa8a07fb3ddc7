//! What an exit lets through (DIR-18, DIR-19).
//!
//! An exit speaks to strangers for strangers, from a machine that may stand in the middle of somebody's home. It is asked
//! after a name is resolved, about the very address that will be connected to, and it says no unless a rule says yes.
//!
//! ```text
//! # mail is for others
//! reject *:25
//! accept *:80,443,1024-65535
//! ```
//!
//! One odd corner: `accept *:*` and even `accept 10.0.0.0/8:*` open nothing private. Only the word `private` does, so that
//! nobody opens their home by a rule about the world.

use core::net::IpAddr;
use core::str::FromStr;

use thiserror::Error;

use super::Summary;
use super::address::{Reach, canonical, reach, readings};
use super::summary::Ports;

/// Why a text is no policy, and in which line, counted from 1. (DIR-18)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadPolicy {
    /// More than 256 rules.
    #[error("line {0}: more than 256 rules")]
    TooMany(usize),
    /// More than 512 bytes.
    #[error("line {0}: longer than 512 bytes")]
    TooLong(usize),
    /// It begins with something else than accept or reject.
    #[error("line {0}: a rule is `accept` or `reject`, a space, and WHERE:PORTS")]
    Verb(usize),
    /// WHERE is none.
    #[error(
        "line {0}: where: must be *, private, an IPv4 address or an [IPv6 address], with /bits behind it or without, and no bits set beyond those"
    )]
    Where(usize),
    /// PORTS are none.
    #[error("line {0}: ports: must be * or up to 16 of p or p-q from 1 to 65535, joined by commas")]
    Ports(usize),
}

/// The rules of an exit; without any it lets nothing through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    verdict: Verdict,
    place: Place,
    ports: Ports,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Accept,
    Reject,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Any,
    Private,
    Net { base: IpAddr, bits: u32 },
}

impl Policy {
    /// How many rules there may be. (DIR-18)
    pub const RULES: usize = 256;
    /// How many bytes a line may have. (DIR-18)
    pub const LINE: usize = 512;
    /// How many ranges of ports a rule may have. (DIR-18)
    pub const RANGES: usize = 16;

    /// Whether the exit connects to this address and port; `own` are its own addresses. (DIR-16 to DIR-19)
    #[must_use]
    pub fn allows(&self, ip: IpAddr, port: u16, own: &[IpAddr]) -> bool {
        if port == 0 || reach(ip, own) == Reach::Never {
            return false;
        }
        readings(ip).all(|ip| self.verdict(ip, port, reach(ip, own)) == Verdict::Accept)
    }

    /// What clients are told of it, `None` if nothing is ever let through. (DIR-20)
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        Summary::of(self.ports(Reach::Public), self.ports(Reach::Private))
    }

    fn verdict(&self, ip: IpAddr, port: u16, reach: Reach) -> Verdict {
        let first = self.0.iter().find(|rule| rule.matches(ip, port, reach));
        first.map_or(Verdict::Reject, |rule| rule.verdict)
    }

    /// The ports at which something of that reach may be let through.
    fn ports(&self, reach: Reach) -> Ports {
        let mut refused = Ports::new();
        let mut open = Ports::new();
        for rule in &self.0 {
            match rule.verdict {
                Verdict::Accept if rule.touches(reach) => {
                    open.extend(
                        rule.ports
                            .iter()
                            .flat_map(|range| without(*range, &refused)),
                    );
                }
                Verdict::Reject if rule.covers(reach) => refused.extend(&rule.ports),
                _ => {}
            }
        }
        open
    }
}

impl Rule {
    fn matches(&self, ip: IpAddr, port: u16, reach: Reach) -> bool {
        let here = match (&self.place, reach) {
            (Place::Private, _) => reach == Reach::Private,
            (_, Reach::Private) if self.verdict == Verdict::Accept => false,
            (Place::Any, _) => true,
            (Place::Net { base, bits }, _) => is_within(ip, *base, *bits),
        };
        here && self
            .ports
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&port))
    }

    /// Whether an accepting rule may match some address of this reach.
    fn touches(&self, reach: Reach) -> bool {
        (self.place == Place::Private) == (reach == Reach::Private)
    }

    /// Whether the rule matches every address of this reach.
    fn covers(&self, reach: Reach) -> bool {
        self.place == Place::Any || self.place == Place::Private && reach == Reach::Private
    }
}

/// What is left of a range.
fn without(range: (u16, u16), refused: &Ports) -> Ports {
    refused.iter().fold(vec![range], |left, (from, to)| {
        let cut = |(start, end): (u16, u16)| {
            let before = Some((start, end.min(from.saturating_sub(1))));
            let after = to.checked_add(1).map(|next| (start.max(next), end));
            [before, after].into_iter().flatten()
        };
        let pieces = left.into_iter().flat_map(cut);
        pieces.filter(|(start, end)| start <= end).collect()
    })
}

fn is_within(ip: IpAddr, base: IpAddr, bits: u32) -> bool {
    let cut = |all: u128, width: u32| all.checked_shr(width.saturating_sub(bits)).unwrap_or(0);
    match (ip, base) {
        (IpAddr::V4(ip), IpAddr::V4(base)) => {
            cut(ip.to_bits().into(), 32) == cut(base.to_bits().into(), 32)
        }
        (IpAddr::V6(ip), IpAddr::V6(base)) => cut(ip.to_bits(), 128) == cut(base.to_bits(), 128),
        _ => false,
    }
}

impl FromStr for Policy {
    type Err = BadPolicy;

    /// Reads the rules, one a line.
    fn from_str(text: &str) -> Result<Self, BadPolicy> {
        let mut rules = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let number = i + 1;
            if line.len() > Self::LINE {
                return Err(BadPolicy::TooLong(number));
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if rules.len() == Self::RULES {
                return Err(BadPolicy::TooMany(number));
            }
            rules.push(parse_rule(line, number)?);
        }
        Ok(Self(rules))
    }
}

fn parse_rule(line: &str, number: usize) -> Result<Rule, BadPolicy> {
    let bad = BadPolicy::Verb(number);
    let (verb, rest) = line.split_once(' ').ok_or(bad)?;
    let verdict = match verb {
        "accept" => Verdict::Accept,
        "reject" => Verdict::Reject,
        _ => return Err(bad),
    };
    let (place, ports) = rest.trim_start().rsplit_once(':').ok_or(bad)?;
    Ok(Rule {
        verdict,
        place: parse_place(place).ok_or(BadPolicy::Where(number))?,
        ports: parse_ports(ports).ok_or(BadPolicy::Ports(number))?,
    })
}

fn parse_place(text: &str) -> Option<Place> {
    match text {
        "*" => return Some(Place::Any),
        "private" => return Some(Place::Private),
        _ => {}
    }
    let (ip, bits) = match text.split_once('/') {
        Some((ip, bits)) => (ip, Some(parse_number(bits)?)),
        None => (text, None),
    };
    let (base, width): (IpAddr, u32) = match ip.strip_prefix('[') {
        Some(ip) => (IpAddr::V6(ip.strip_suffix(']')?.parse().ok()?), 128),
        None => (IpAddr::V4(ip.parse().ok()?), 32),
    };
    let bits = bits.map_or(width, u32::from);
    // What canonical addresses never are, no rule can be about.
    let fits = bits <= width && canonical(base).is_ipv4() == base.is_ipv4();
    let beyond = match base {
        IpAddr::V4(ip) => ip.to_bits().checked_shl(bits).unwrap_or(0) != 0,
        IpAddr::V6(ip) => ip.to_bits().checked_shl(bits).unwrap_or(0) != 0,
    };
    (fits && !beyond).then_some(Place::Net { base, bits })
}

fn parse_ports(text: &str) -> Option<Ports> {
    if text == "*" {
        return Some(vec![(1, u16::MAX)]);
    }
    let ranges = text.split(',').map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let (from, to) = (parse_number(from)?, parse_number(to)?);
        (1 <= from && from <= to).then_some((from, to))
    });
    let ranges: Ports = ranges.collect::<Option<_>>()?;
    (ranges.len() <= Policy::RANGES).then_some(ranges)
}

/// Decimal, without sign and leading zeros.
fn parse_number(text: &str) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
