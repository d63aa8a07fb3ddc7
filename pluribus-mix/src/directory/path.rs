//! Which relays a circuit goes through (DIR-21).
//!
//! A path hides somebody only if nobody runs two places of it, so whatever hints at one owner is kept apart: one
//! family, one network, one address. Within that every client draws with the same weights, because a client with a taste of its own
//! is known by it.
//!
//! The first relay comes from [`Guards`] and stays for months, the last has to do what the circuit is for, and the ones between are
//! drawn last, since they can be anybody.

use core::net::{IpAddr, SocketAddr};

use thiserror::Error;

use super::{Consensus, Guards, Networks, Relay, Wall};
use crate::crypto::rng::Rng;
use crate::id::RelayId;

/// What the client suspects: relays, and pairs of them.
#[derive(Clone, Copy)]
pub struct Avoid<'a> {
    /// Whether a relay is suspect.
    pub relay: &'a dyn Fn(&RelayId) -> bool,
    /// Whether two relays are suspect together, in either order.
    pub pair: &'a dyn Fn(&RelayId, &RelayId) -> bool,
}

impl Avoid<'static> {
    /// Nothing is suspect.
    pub const NOTHING: Self = Self {
        relay: &|_| false,
        pair: &|_, _| false,
    };
}

/// Where an exit shall connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The port.
    pub port: u16,
    /// The address; `None` if it is a name, which only the exit resolves.
    pub ip: Option<IpAddr>,
}

/// What the last relay of a path shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last<'a> {
    /// An exit for this target.
    Exit(Target),
    /// This relay.
    Relay(&'a RelayId),
    /// Any.
    Any,
}

/// Why there is no path: what was missing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoPath {
    /// Fewer relays than places.
    #[error("only {have} relays in the consensus, {needed} needed")]
    TooFew {
        /// How many there are.
        have: usize,
        /// How many are needed.
        needed: usize,
    },
    /// No exit's summary has this port, for public or for private addresses as the target is.
    #[error("no relay allows port {port}{}", .ip.map(|ip| format!(" of {ip}")).unwrap_or_default())]
    NoExit {
        /// The port.
        port: u16,
        /// The address asked for, if it was one.
        ip: Option<IpAddr>,
    },
    /// A relay asked for by name is not listed.
    #[error("the relay {0} is not in the consensus")]
    NotListed(RelayId),
    /// There are relays for a place, but none that may stand beside the others.
    #[error(
        "no {place} is left: {left_out} are suspect, or of one family, network or address with the rest of the path"
    )]
    NoneLeft {
        /// Which place.
        place: &'static str,
        /// How many were left out.
        left_out: usize,
    },
    /// No guard was chosen yet, or none of them is listed.
    #[error("no guard is in the consensus")]
    NoGuard,
    /// Every guard that is listed has failed and rests.
    #[error("every guard has failed, the next try is at {until:?}")]
    GuardsRest {
        /// When the first of them may be tried again.
        until: Wall,
    },
}

/// A path of `hops` relays from the first guard that has one, down to the last relay. (DIR-21, DIR-22)
///
/// # Errors
/// What was missing, for the first guard that could be asked.
pub fn choose(
    consensus: &Consensus,
    guards: &Guards,
    now: Wall,
    last: Last<'_>,
    hops: usize,
    avoid: &Avoid<'_>,
    rng: &mut Rng,
) -> Result<Vec<RelayId>, NoPath> {
    let mut failed = None;
    for guard in guards.usable(now, consensus, avoid)? {
        match through(consensus, &guard, last, hops, avoid, rng) {
            Ok(path) => return Ok(path),
            Err(why) => failed = failed.or(Some(why)),
        }
    }
    Err(failed.unwrap_or(NoPath::NoGuard))
}

/// A path of `hops` relays, at least one, that begins with this relay. (DIR-21)
///
/// # Errors
/// What was missing.
pub fn through(
    consensus: &Consensus,
    first: &RelayId,
    last: Last<'_>,
    hops: usize,
    avoid: &Avoid<'_>,
    rng: &mut Rng,
) -> Result<Vec<RelayId>, NoPath> {
    let have = consensus.relays().len();
    if have < hops {
        return Err(NoPath::TooFew { have, needed: hops });
    }
    let mut path = vec![*listed(consensus, first)?];
    if hops <= 1 {
        return Ok(path);
    }
    let end = match last {
        Last::Exit(target) => exit_for(consensus, target, &path, avoid, rng)?.id,
        Last::Relay(id) => named(consensus, id, &path, avoid)?,
        Last::Any => middle(consensus, &path, avoid, rng)?.id,
    };
    let mut others = vec![*first, end];
    while path.len() + 1 < hops {
        let next = middle(consensus, &others, avoid, rng)?.id;
        path.push(next);
        others.push(next);
    }
    path.push(end);
    Ok(path)
}

/// A relay that may stand in one path with `others`, drawn by weight. (DIR-21)
///
/// # Errors
/// [`NoPath::NoneLeft`] or [`NoPath::TooFew`].
pub fn middle<'a>(
    consensus: &'a Consensus,
    others: &[RelayId],
    avoid: &Avoid<'_>,
    rng: &mut Rng,
) -> Result<&'a Relay, NoPath> {
    let all = consensus.relays();
    if all.len() <= others.len() {
        let needed = others.len() + 1;
        let have = all.len();
        return Err(NoPath::TooFew { have, needed });
    }
    let drawn = draw(
        all.iter()
            .filter(|relay| may_join(consensus, relay, others, avoid)),
        rng,
    );
    drawn.ok_or(NoPath::NoneLeft {
        place: "middle relay",
        left_out: all.len(),
    })
}

/// An exit for the target that may stand in one path with `others`, drawn by weight. (DIR-21)
///
/// # Errors
/// [`NoPath::NoExit`] or [`NoPath::NoneLeft`].
pub fn exit_for<'a>(
    consensus: &'a Consensus,
    Target { port, ip }: Target,
    others: &[RelayId],
    avoid: &Avoid<'_>,
    rng: &mut Rng,
) -> Result<&'a Relay, NoPath> {
    let allows = |relay: &&Relay| {
        let exit = relay.exit.as_ref();
        exit.is_some_and(|exit| exit.may_allow(port, ip))
    };
    let exits = consensus.relays().iter().filter(allows);
    let left_out = exits.clone().count();
    if left_out == 0 {
        return Err(NoPath::NoExit { port, ip });
    }
    let drawn = draw(
        exits.filter(|relay| may_join(consensus, relay, others, avoid)),
        rng,
    );
    let place = "exit";
    drawn.ok_or(NoPath::NoneLeft { place, left_out })
}

/// One of the relays, each as likely as its weight is large; `None` of none.
pub(super) fn draw<'a>(
    relays: impl Iterator<Item = &'a Relay> + Clone,
    rng: &mut Rng,
) -> Option<&'a Relay> {
    let total: u64 = relays.clone().map(|relay| u64::from(relay.weight)).sum();
    let mut left = rng.below(total);
    for relay in relays {
        let weight = u64::from(relay.weight);
        if left < weight {
            return Some(relay);
        }
        left -= weight;
    }
    None
}

fn listed<'a>(consensus: &Consensus, id: &'a RelayId) -> Result<&'a RelayId, NoPath> {
    match consensus.relay(id) {
        Some(_) => Ok(id),
        None => Err(NoPath::NotListed(*id)),
    }
}

fn named(
    consensus: &Consensus,
    id: &RelayId,
    others: &[RelayId],
    avoid: &Avoid<'_>,
) -> Result<RelayId, NoPath> {
    let relay = consensus.relay(id).ok_or(NoPath::NotListed(*id))?;
    if may_join(consensus, relay, others, avoid) {
        return Ok(*id);
    }
    Err(NoPath::NoneLeft {
        place: "last relay",
        left_out: 1,
    })
}

/// Whether a relay may stand in one path with the others.
pub fn may_join(
    consensus: &Consensus,
    relay: &Relay,
    others: &[RelayId],
    avoid: &Avoid<'_>,
) -> bool {
    let networks = consensus.params().networks();
    let gets_on = |id: &RelayId| {
        let suspect = (avoid.pair)(id, &relay.id) || (avoid.pair)(&relay.id, id);
        let other = consensus.relay(id);
        *id != relay.id && !suspect && other.is_none_or(|other| are_apart(relay, other, networks))
    };
    !(avoid.relay)(&relay.id) && others.iter().all(gets_on)
}

/// Whether nothing hints at one owner of both. (DIR-21)
fn are_apart(a: &Relay, b: &Relay, networks: Networks) -> bool {
    let near = networks == Networks::Apart && network(a.at) == network(b.at);
    !near && a.at != b.at && !a.is_kin(b)
}

/// The IPv4 /16 or IPv6 /32 of an address.
fn network(at: SocketAddr) -> (bool, u16, u16) {
    match at {
        SocketAddr::V4(at) => {
            let [a, b, ..] = at.ip().octets();
            (false, a.into(), b.into())
        }
        SocketAddr::V6(at) => {
            let [a, b, ..] = at.ip().segments();
            (true, a, b)
        }
    }
}
