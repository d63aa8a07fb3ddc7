//! Who has to give way when too many handshakes are half open. (VTP-18)
//!
//! A flood comes from few sources compared with its size, and most of it does not know whom it dials. So the source
//! that holds most gives way, and of what it holds first that which has not shown that it knows us. Chance decides the rest: a flood
//! from as many sources as links cannot choose whom it pushes out.

use crate::crypto::rng::Rng;
use core::fmt;
use std::collections::BTreeMap;

/// Where a link comes from, as far as it counts: on TCP the IPv4 address or the IPv6 /64 of the peer. Not shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(pub [u8; 16]);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source(…)")
    }
}

/// The half-open handshakes of a responder, by the number of their link.
pub struct HalfOpen {
    most: usize,
    links: BTreeMap<u64, (Source, bool)>,
    by_source: BTreeMap<Source, usize>,
}

impl HalfOpen {
    /// Room for `most` of them, at least one.
    pub const fn new(most: usize) -> Self {
        Self {
            most: if most == 0 { 1 } else { most },
            links: BTreeMap::new(),
            by_source: BTreeMap::new(),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }

    /// The link that has been half open for longest.
    pub fn oldest(&self) -> Option<u64> {
        self.links.first_key_value().map(|(link, _)| *link)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty()
    }

    /// Counts a new link; returns the one that has to give way for it, if any: perhaps the new one.
    pub fn admit(&mut self, link: u64, source: Source, rng: &mut Rng) -> Option<u64> {
        self.links.insert(link, (source, false));
        *self.by_source.entry(source).or_default() += 1;
        if self.links.len() <= self.most {
            return None;
        }
        let gives_way = self.choose(rng)?;
        self.remove(gives_way);
        Some(gives_way)
    }

    /// The link has shown that it knows whom it dials. (VTP-4)
    pub fn passed(&mut self, link: u64) {
        if let Some((_, passed)) = self.links.get_mut(&link) {
            *passed = true;
        }
    }

    /// The link is no longer half open.
    pub fn remove(&mut self, link: u64) {
        let Some((source, _)) = self.links.remove(&link) else {
            return;
        };
        if let Some(count) = self.by_source.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.by_source.remove(&source);
            }
        }
    }

    fn choose(&self, rng: &mut Rng) -> Option<u64> {
        let most = self.by_source.values().max()?;
        let heavy = |source: &Source| self.by_source.get(source) == Some(most);
        let of = |want: bool| {
            let links = self.links.iter();
            links.filter(move |(_, (source, passed))| heavy(source) && *passed == want)
        };
        let strangers = u64::try_from(of(false).count()).unwrap_or(u64::MAX);
        let all = u64::try_from(of(true).count()).unwrap_or(u64::MAX);
        let (want, count) = if strangers > 0 {
            (false, strangers)
        } else {
            (true, all)
        };
        let place = usize::try_from(rng.below(count)).unwrap_or(0);
        of(want).nth(place).map(|(link, _)| *link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rng::Seed;

    fn source(n: u8) -> Source {
        Source([n; 16])
    }

    /// VTP-18: at the bound the source that holds most gives way, and of it what has not passed the target.
    #[test]
    fn the_heaviest_source_gives_way_and_of_it_the_stranger() {
        let mut rng = Seed::from_bytes([3; 32]).fork("evict");
        let mut half_open = HalfOpen::new(10);
        assert_eq!(half_open.admit(0, source(0), &mut rng), None);
        for link in 1..10 {
            assert_eq!(half_open.admit(link, source(1), &mut rng), None);
            half_open.passed(link);
        }
        for link in 10..1000 {
            let gave_way = half_open.admit(link, source(1), &mut rng).unwrap();
            assert_eq!(gave_way, link, "the others have passed");
        }
        assert_eq!(half_open.len(), 10);
        for link in 1..10 {
            half_open.remove(link);
        }
        assert_eq!((half_open.len(), half_open.by_source.len()), (1, 1));
        assert!(half_open.links.contains_key(&0), "the light source stays");
    }

    /// VTP-18: among equals chance decides, so that a flood from many sources cannot choose its victim.
    #[test]
    fn among_equals_chance_decides() {
        let mut stayed = 0;
        for seed in 0..100 {
            let mut rng = Seed::from_bytes([seed; 32]).fork("evict");
            let mut half_open = HalfOpen::new(20);
            for link in 0..40 {
                half_open.admit(link, source(u8::try_from(link).unwrap()), &mut rng);
            }
            assert_eq!(half_open.len(), 20);
            stayed += usize::from(half_open.links.contains_key(&0));
        }
        assert!((15..65).contains(&stayed), "{stayed} of 100");
    }
}
