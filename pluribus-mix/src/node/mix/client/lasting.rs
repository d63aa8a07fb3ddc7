//! The relays that stay: second and third hops of circuits to a meeting relay. (RDV-25)
//!
//! Whoever has somebody build circuit after circuit to a relay of his learns from each who was its neighbour, and which relays those had. Were
//! the hops before it drawn anew each time, it would take him an hour to have one of his drawn next to the guard. So a client keeps two second
//! and two third hops for a day or two.

use super::super::Mix;
use super::Wary;
use crate::ablation::check;
use crate::directory::Consensus;
use crate::directory::path::{self, Avoid, NoPath};
use crate::id::RelayId;
use crate::time::{Duration, Instant};

/// Hops of each kind. (RDV-25)
const EACH: usize = 2;
/// They stay for a day to two. (RDV-25)
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The second hops and the third.
#[derive(Default)]
pub(super) struct Lasting {
    kinds: [Vec<Stayer>; 2],
}

struct Stayer {
    relay: RelayId,
    until: Instant,
}

impl Lasting {
    /// All of them.
    pub(super) fn names(&self) -> impl Iterator<Item = &RelayId> {
        self.kinds.iter().flatten().map(|it| &it.relay)
    }
}

impl Mix {
    /// Guard, second and third hop: of these, `begun` stand already. One is `rather_not` to be the guard, if there is another. `meets` is the relay that is
    /// to come behind them.
    pub(in crate::node::mix) fn lasting_path(
        &mut self,
        consensus: &Consensus,
        meets: Option<&RelayId>,
        begun: &[RelayId],
        rather_not: Option<&RelayId>,
    ) -> Result<Vec<RelayId>, NoPath> {
        if let Some(relay) = meets.filter(|relay| consensus.relay(relay).is_none()) {
            return Err(NoPath::NotListed(*relay));
        }
        self.renew(consensus);
        let [swap_second, swap_third] = [(); 2].map(|()| self.client.rng.below(2) == 1);
        let choices = |kind: &Vec<Stayer>, swap: bool| {
            let mut all: Vec<_> = kind.iter().map(|it| it.relay).collect();
            if swap {
                all.reverse();
            }
            all
        };
        let [seconds, thirds] = &self.client.meets.lasting.kinds;
        let mut kinds = [
            Vec::new(),
            choices(seconds, swap_second),
            choices(thirds, swap_third),
        ];
        for (kind, stands) in kinds.iter_mut().zip(begun) {
            *kind = vec![*stands];
        }
        let tries = [Wary::Silent, Wary::Suspect, Wary::Forger];
        let tried =
            tries.map(|wary| self.lasting_past(consensus, meets, &kinds, (wary, rather_not)));
        let mut failed = NoPath::NoGuard;
        for path in tried {
            match path {
                Ok(path) => return Ok(path),
                Err(why) => failed = why,
            }
        }
        Err(failed)
    }

    /// The first path over one of each kind that holds none of those that are shunned.
    fn lasting_past(
        &self,
        consensus: &Consensus,
        meets: Option<&RelayId>,
        [firsts, seconds, thirds]: &[Vec<RelayId>; 3],
        (wary, rather_not): (Wary, Option<&RelayId>),
    ) -> Result<Vec<RelayId>, NoPath> {
        let is_bad = |relay: &RelayId| self.is_shunned(wary, relay) && meets != Some(relay);
        let is_bad_pair = |a: &RelayId, b: &RelayId| self.is_shunned_pair(wary, a, b);
        let avoid = Avoid {
            relay: &is_bad,
            pair: &is_bad_pair,
        };
        let joins = |path: &[RelayId], relay: &RelayId| {
            let relay = consensus.relay(relay);
            relay.is_some_and(|relay| path::may_join(consensus, relay, path, &avoid))
        };
        let guards = self.client.guards.as_ref().ok_or(NoPath::NoGuard)?;
        let mut firsts = firsts.clone();
        if firsts.is_empty() {
            firsts = guards.usable(self.client.wall(self.clock), consensus, &avoid)?;
            firsts.sort_by_key(|guard| rather_not == Some(guard));
        }
        for first in &firsts {
            for second in seconds.iter().filter(|it| joins(&[*first], it)) {
                for third in thirds.iter().filter(|it| joins(&[*first, *second], it)) {
                    let path = [*first, *second, *third];
                    if meets.is_none_or(|relay| joins(&path, relay)) {
                        return Ok(path.to_vec());
                    }
                }
            }
        }
        Err(NoPath::NoneLeft {
            place: "lasting hop",
            left_out: seconds.len() + thirds.len(),
        })
    }

    /// Gives up those whose time is over, that are not listed any more, or are suspect, and draws others. (RDV-25)
    fn renew(&mut self, consensus: &Consensus) {
        let (now, client) = (self.clock, &mut self.client);
        let suspicion = &client.suspicion;
        let is_bad = |relay: &RelayId| suspicion.is_suspect(now, relay);
        let avoid = Avoid {
            relay: &is_bad,
            pair: &|_, _| false,
        };
        let stays = |it: &Stayer| {
            now < it.until && consensus.relay(&it.relay).is_some() && !is_bad(&it.relay)
        };
        let lasting = &mut client.meets.lasting;
        if check!(LastingHops, false) {
            *lasting = Lasting::default();
        }
        lasting.kinds.iter_mut().for_each(|kind| kind.retain(stays));
        let guards: Vec<_> = client.guards.iter().flat_map(|it| it.names()).collect();
        for kind in 0..lasting.kinds.len() {
            while lasting.kinds.get(kind).is_some_and(|it| it.len() < EACH) {
                let others: Vec<_> = lasting.names().copied().collect();
                let apart: Vec<_> = others
                    .iter()
                    .chain(guards.iter().copied())
                    .copied()
                    .collect();
                // A network may be too small to keep the guards out.
                let drawn = path::middle(consensus, &apart, &avoid, &mut client.rng)
                    .or_else(|_| path::middle(consensus, &others, &avoid, &mut client.rng));
                let (Ok(drawn), Some(kind)) = (drawn, lasting.kinds.get_mut(kind)) else {
                    break;
                };
                let more = u64::try_from(DAY.as_millis()).unwrap_or(u64::MAX);
                let more = Duration::from_millis(client.rng.below(more));
                kind.push(Stayer {
                    relay: drawn.id,
                    until: now + DAY + more,
                });
            }
        }
    }
}
