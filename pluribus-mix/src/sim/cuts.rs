//! How links break.
//!
//! A link breaks at a moment ([`World::cut`]), at a byte ([`World::cut_after`]), or for one end only
//! ([`World::cut_half`]). The last is what a firewall that forgets a connection does, or a peer whose power is gone: one
//! end talks on, into nothing.
//!
//! A cut at a byte comes from inside a host that is just sending, and no host can be told of a break while it does
//! something else. So the break is queued for this same moment, ahead of all that is put on the link from then on.

use super::carry::Arrival;
use super::link::{Item, State};
use super::run::Happening;
use super::{Direction, LinkNo, Passing, Place, World};
use std::collections::BTreeMap;

/// What becomes of that which was put on a link before the byte at which it is cut, and has not arrived yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InFlight {
    /// It arrives, at the moment of the cut. What waits behind a [`hold`](World::hold) or in a
    /// [`partition`](World::partition) is lost all the same.
    Arrives,
    /// It is lost, as what a socket has accepted and not delivered when its host dies.
    Lost,
}

/// What is set for one direction of a pair of hosts.
enum Fuse {
    Burns { left: usize, in_flight: InFlight },
    Fired(LinkNo),
}

/// The fuses of all directions.
#[derive(Default)]
pub(super) struct Fuses(BTreeMap<(Place, Place), Fuse>);

impl Fuses {
    /// Counts bytes that are put on a link. If the fuse fires with them: how many of them come before the cut.
    fn burn(&mut self, passing: Passing, len: usize) -> Option<(usize, InFlight)> {
        let fuse = self.0.get_mut(&(passing.from, passing.to))?;
        let Fuse::Burns { left, in_flight } = fuse else {
            return None;
        };
        if len == 0 || len < *left {
            *left -= len;
            return None;
        }
        let fired = (*left, *in_flight);
        *fuse = Fuse::Fired(passing.link);
        Some(fired)
    }
}

/// Breaks.
impl World {
    /// Breaks all links between `a` and `b`, opening ones too. What is on its way is lost; both ends see it now.
    pub fn cut(&mut self, a: impl Into<Place>, b: impl Into<Place>) {
        for no in self.links_between(a.into(), b.into()) {
            self.snap(no);
        }
    }

    /// Breaks a link once `bytes` more bytes have been put on links from `from` to `to`, counted over all of them: the link
    /// on which the last of these bytes travels, right behind it. With 0 it is the next link that is used, before its
    /// first byte. `in_flight` says whether what came before that byte still arrives; what comes behind it is lost, and so
    /// is all that is on its way in the other direction. Both ends see it at the moment of that byte. A cell that is cut
    /// in the middle is lost.
    ///
    /// It happens once; [`cut_fired`](Self::cut_fired) says whether it did. Each direction of a pair has one such cut: the
    /// next takes the place of one that has not happened.
    pub fn cut_after(
        &mut self,
        from: impl Into<Place>,
        to: impl Into<Place>,
        bytes: usize,
        in_flight: InFlight,
    ) {
        let left = bytes;
        let fuse = Fuse::Burns { left, in_flight };
        self.fuses.0.insert((from.into(), to.into()), fuse);
    }

    /// The link that the last [`cut_after`](Self::cut_after) of this direction has broken; none if there was none or it has
    /// not happened yet.
    pub fn cut_fired(&self, from: impl Into<Place>, to: impl Into<Place>) -> Option<LinkNo> {
        match self.fuses.0.get(&(from.into(), to.into()))? {
            Fuse::Fired(link) => Some(*link),
            Fuse::Burns { .. } => None,
        }
    }

    /// Breaks all links between `a` and `b`, opening ones too, and lets only `seen_by` see it, now; with
    /// [`Place::Nowhere`] nobody does. What is on its way is lost. An end that does not see it holds its link until it ends
    /// it, or a later [`cut`](Self::cut) tells it; what it sends is swallowed, and no cut at a byte counts it. A host that has not heard of a link that is
    /// being opened never will.
    pub fn cut_half(
        &mut self,
        a: impl Into<Place>,
        b: impl Into<Place>,
        seen_by: impl Into<Place>,
    ) {
        let seen_by = seen_by.into();
        for no in self.links_between(a.into(), b.into()) {
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            link.dead = true;
            let acceptor = link.target_mut(Direction::Out);
            if acceptor.state == State::Opening {
                acceptor.state = State::Over;
            }
            let sees = |way: &Direction| link.source(*way).place == seen_by;
            let away = link.holders().find(sees);
            if let Some(away) = away {
                self.lost(no, away.mirrored());
            }
        }
    }

    fn links_between(&self, a: Place, b: Place) -> Vec<LinkNo> {
        let between = self.links.iter().filter(|(_, link)| link.joins(a, b));
        between.map(|(no, _)| *no).collect()
    }

    /// Takes a link away and tells everybody who holds it.
    fn snap(&mut self, no: LinkNo) {
        let Some(link) = self.links.remove(&no) else {
            return;
        };
        for end in link.holders().map(|away| link.source(away)) {
            self.tell_lost(no, end.place, end.handle);
        }
    }
}

/// Cuts at a byte.
impl World {
    /// Counts what is put on a link. If this is where it is cut, only what comes before the cut is passed on.
    pub(super) fn burn(&mut self, passing: Passing, item: Item) {
        let Some((before, in_flight)) = self.fuses.burn(passing, item.len()) else {
            return self.pass(passing, item);
        };
        if let Some(head) = item.head(before) {
            self.pass(passing, head);
        }
        let arrives = |arrival: &Arrival| {
            in_flight == InFlight::Arrives && arrival.direction == passing.direction
        };
        let mut arrivals = self.agenda.strike_arrivals(passing.link);
        arrivals.retain(arrives);
        let snaps = Happening::Snaps(passing.link, arrivals);
        self.agenda.add(self.now, snaps);
    }

    /// The break of a link that was cut at a byte: behind what still arrives.
    pub(super) fn snapped(&mut self, no: LinkNo, arrivals: Vec<Arrival>) {
        for arrival in arrivals {
            let Some((from, to)) = self.ends_of(&arrival) else {
                break;
            };
            if self.weather.pair(from, to).lets_in() {
                self.arrive(arrival, from, to);
            }
        }
        self.snap(no);
    }
}
