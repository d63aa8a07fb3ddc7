//! Where an address really leads (DIR-16, DIR-17).
//!
//! An exit that refuses 127.0.0.1 has refused nothing as long as ::ffff:127.0.0.1 gets through, or 2002:7f00:1::, or one of
//! half a dozen other ways to write an IPv4 address into an IPv6 one. So every address is first reduced to what it stands
//! for, and whatever else it may lead to is judged with it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who can be reached at an address. The later, the less is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Somebody in the world.
    Public,
    /// Somebody near the exit, or the exit itself.
    Private,
    /// Nobody that an exit should speak to.
    Never,
}

/// What an address and all that it leads to is; `own` are addresses of the exit itself. (DIR-16, DIR-17)
#[must_use]
pub fn reach(ip: IpAddr, own: &[IpAddr]) -> Reach {
    let own = |ip: &IpAddr| own.iter().any(|own| canonical(*own) == *ip);
    let each = readings(ip).map(|ip| match plain_reach(ip) {
        Reach::Public if own(&ip) => Reach::Private,
        reach => reach,
    });
    each.max().unwrap_or(Reach::Never)
}

/// The address itself, as what it is, and those that it leads to. (DIR-16)
pub(super) fn readings(ip: IpAddr) -> impl Iterator<Item = IpAddr> + Clone {
    let ip = canonical(ip);
    let inside = match ip {
        IpAddr::V4(_) => [None, None],
        IpAddr::V6(ip) => embedded(ip),
    };
    core::iter::once(ip).chain(inside.into_iter().flatten().map(IpAddr::V4))
}

/// What the address is: IPv4 where that is only dressed as IPv6. (DIR-16)
pub(super) fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else {
        return ip;
    };
    let [a, b, c, d, e, f, high, low] = v6.segments();
    let dressed = matches!(
        [a, b, c, d, e, f],
        [0, 0, 0, 0, 0, 0 | 0xffff] | [0, 0, 0, 0, 0xffff, 0] | [0x64, 0xff9b, 0, 0, 0, 0]
    );
    let is_v6 = v6.is_unspecified() || v6.is_loopback();
    if dressed && !is_v6 {
        return v4(high, low).into();
    }
    ip
}

/// The IPv4 addresses that an IPv6 address leads to. (DIR-16)
fn embedded(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    match ip.segments() {
        [0x2002, high, low, ..] => [Some(v4(high, low)), None],
        [0x2001, 0, high, low, .., client_high, client_low] => {
            let client = v4(!client_high, !client_low);
            [Some(v4(high, low)), Some(client)]
        }
        [.., 0 | 0x200, 0x5efe, high, low] => [Some(v4(high, low)), None],
        _ => [None, None],
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn plain_reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Never,
        [10 | 127, ..] | [100, 64..=127, ..] | [172, 16..=31, ..] | [192, 168, ..] => {
            Reach::Private
        }
        _ => Reach::Public,
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] | [0xfc00..=0xfdff, ..] => Reach::Private,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Reach::Never,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}
