//! A small world in which hosts meet, with no sockets, no clock and no luck.
//!
//! A [`Node`](crate::node::Node) is a plain value, so a whole network of them can be one too. A [`World`] owns some vats,
//! a queue of what will happen, and one seed; [`World::step`] takes the earliest thing from the queue, lets the hosts it
//! concerns do what they do, and queues what follows. Nothing else moves. Two worlds of one seed, told the same things, do
//! the same to the last byte, which is how a failure found once is found again.
//!
//! - *Hosts.* A vat ([`HostId`]) has a node, a key from the seed and an address of its own; it can be killed and started
//!   again. A raw host ([`RawId`]) has no node: the test itself opens links, sends bytes and looks at what came. Kinds are
//!   types, so that nobody asks a raw host to dial.
//! - *Links* are byte streams, as TCP's, or carry [cells](World::cells), of which some may be lost. What is sent takes the
//!   latency of its pair of hosts and a random part of the jitter, and never overtakes. Opening takes the way there and
//!   back; a host that ends a link is missed one latency later.
//! - *Weather.* Each pair of hosts has its own: [`partition`](World::partition), [`hold`](World::hold),
//!   [`chop`](World::chop), [`lose`](World::lose) and [`meddle`](World::meddle), and what undoes them.
//! - *Breaks* come at a moment ([`cut`](World::cut)), at a byte ([`cut_after`](World::cut_after)), or for one end only
//!   ([`cut_half`](World::cut_half)).
//! - *Lids.* A vat that sleeps does nothing, and what comes waits ([`World::sleep`]).
//! - *Clocks.* The world has one time and each vat a clock that may run fast or slow ([`World::drift`]).
//! - *The observer* is a watcher of every wire. It writes down when, between whom and how much; see [`Observer`].
//!
//! What a partition means took a decision. Real TCP hides a short one by sending again; a driver then sees one long
//! silence, which is what [`World::hold`] gives. A partition here is the harsher case: what is sent or arrives meanwhile is
//! lost and nobody is told. A stream with a hole cannot go on, so links that lost something break once the partition is
//! repaired; links that lost nothing never notice.
//!
//! ```text
//! world.rs    building: seeds, vats, raw hosts      link.rs     a link and its two ends
//! run.rs      the queue, step, run_for …            carry.rs    sending and arriving
//! host.rs     a vat: its node, clock and lives      weather.rs  what befalls a pair of hosts
//! talk.rs     what a vat's runtime says and hears   cuts.rs     how links break
//! clock.rs    clocks that drift                     cells.rs    links that carry cells
//! streams.rs  what a vat's runtime does with streams
//! mix.rs      relays, clients, the consensus
//! sleep.rs    vats that sleep
//! observer.rs what a watcher writes down            raw.rs      hosts that a test plays itself
//! ```

mod carry;
mod cells;
mod clock;
mod cuts;
mod host;
mod link;
mod mix;
mod observer;
mod raw;
mod run;
mod sleep;
mod streams;
mod talk;
mod weather;
mod world;

#[cfg(test)]
mod tests;

pub use cuts::InFlight;
pub use link::{Direction, LinkNo};
pub use mix::Unpublished;
pub use observer::{Observer, Record, Sight};
pub use raw::{News, RawEvent, RawHost};
pub use talk::Fault;
pub use weather::{Meddler, Passing};
pub use world::World;

/// A vat of a world: what [`World::vat`] gives. It is good for the world that made it, and for one built the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(u32);

/// A raw host of a world: what [`World::raw_host`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawId(u32);

/// Where a link can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// At a vat.
    Vat(HostId),
    /// At a raw host.
    Raw(RawId),
    /// At an address where nobody listens. Whoever asks there is refused.
    Nowhere,
}

impl From<HostId> for Place {
    fn from(vat: HostId) -> Self {
        Self::Vat(vat)
    }
}

impl From<RawId> for Place {
    fn from(raw: RawId) -> Self {
        Self::Raw(raw)
    }
}
