//! What an exit lets through, in short: for clients that choose one (DIR-4, DIR-20).
//!
//! It is advice, and errs on the side of yes. A client that was sent to the wrong exit is refused there and tries
//! another; one that was never sent to the right exit has no path.

use core::net::IpAddr;

use serde_json::{Map, Value};

use super::canonical::Fields;
use super::{Reach, Refused, reach};

const WHAT: &str = "exit summary";

/// The ports that an exit may let through, to public and to private addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    public: Ports,
    private: Ports,
}

/// Ranges of ports, in order, neither overlapping nor touching.
pub(super) type Ports = Vec<(u16, u16)>;

impl Summary {
    /// How many ranges of each kind there may be. (DIR-4)
    pub const RANGES: usize = 16;

    /// The summary of these ports, `None` if there are none. Ranges may come in any order and overlap. (DIR-20)
    pub(super) fn of(public: Ports, private: Ports) -> Option<Self> {
        let (public, private) = (in_short(public), in_short(private));
        let some = !public.is_empty() || !private.is_empty();
        some.then_some(Self { public, private })
    }

    /// Whether the exit may let through this port: to this address, or without one to any. (DIR-20)
    ///
    /// An address of the exit itself counts as public here, since only the exit knows which those are.
    #[must_use]
    pub fn may_allow(&self, port: u16, ip: Option<IpAddr>) -> bool {
        let public = || includes(&self.public, port);
        let private = || includes(&self.private, port);
        match ip.map(|ip| reach(ip, &[])) {
            None => public() || private(),
            Some(Reach::Public) => public(),
            Some(Reach::Private) => private(),
            Some(Reach::Never) => false,
        }
    }

    /// Whether anything at all goes to private addresses.
    #[must_use]
    pub fn reaches_private(&self) -> bool {
        !self.private.is_empty()
    }

    pub(super) fn write(&self) -> Value {
        let mut fields = Map::new();
        for (name, ports) in [("ports", &self.public), ("private", &self.private)] {
            if !ports.is_empty() {
                let ranges = ports.iter().map(|(from, to)| Value::from(vec![*from, *to]));
                fields.insert(name.to_owned(), ranges.collect());
            }
        }
        Value::Object(fields)
    }

    pub(super) fn read(value: Value) -> Result<Self, Refused> {
        let mut fields = Fields::of(WHAT, value)?;
        let public = read_ports(&mut fields, "ports")?;
        let private = read_ports(&mut fields, "private")?;
        if public.is_empty() && private.is_empty() {
            return Err(fields.bad("ports", "there, or private"));
        }
        fields.end()?;
        Ok(Self { public, private })
    }
}

fn read_ports(fields: &mut Fields, name: &'static str) -> Result<Ports, Refused> {
    let Some(value) = fields.maybe(name) else {
        return Ok(Ports::new());
    };
    let ports: Option<Ports> = value
        .as_array()
        .and_then(|list| list.iter().map(read_range).collect());
    ports
        .filter(|ports| (1..=Summary::RANGES).contains(&ports.len()))
        .filter(|ports| ports.is_sorted_by(|(_, end), (next, _)| end.saturating_add(1) < *next))
        .ok_or_else(|| fields.bad(name, "1 to 16 ranges of ports, in order and apart"))
}

fn read_range(value: &Value) -> Option<(u16, u16)> {
    let [from, to] = value.as_array()?.as_slice() else {
        return None;
    };
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    let (from, to) = (port(from)?, port(to)?);
    (1 <= from && from <= to).then_some((from, to))
}

fn includes(ports: &Ports, port: u16) -> bool {
    ports.iter().any(|(from, to)| (*from..=*to).contains(&port))
}

/// The same ports in order and apart, with the narrowest gaps filled until there are few enough ranges.
fn in_short(mut ports: Ports) -> Ports {
    ports.sort_unstable();
    let mut short = Ports::new();
    for (from, to) in ports {
        match short.last_mut() {
            Some((_, end)) if from <= end.saturating_add(1) => *end = to.max(*end),
            _ => short.push((from, to)),
        }
    }
    while short.len() > Summary::RANGES {
        fill_narrowest(&mut short);
    }
    short
}

fn fill_narrowest(ports: &mut Ports) {
    let later = ports.iter().skip(1);
    let gaps = ports
        .iter()
        .zip(later)
        .map(|((_, end), (next, _))| next - end);
    let Some((left, _)) = gaps.enumerate().min_by_key(|(_, gap)| *gap) else {
        return;
    };
    let (_, to) = ports.remove(left + 1);
    if let Some((_, end)) = ports.get_mut(left) {
        *end = to;
    }
}
