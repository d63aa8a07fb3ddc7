//! Building a world: a seed, hosts, addresses.
//!
//! Whatever is random comes from the world's seed by a label that bears the host's name. So a host keeps its key and
//! address when another is added to the world, and a test that grows does not change what it tested before.

use super::cuts::Fuses;
use super::host::Vat;
use super::link::Link;
use super::raw::Raw;
use super::run::Agenda;
use super::weather::Weather;
use super::{HostId, LinkNo, Observer, Place, RawId};
use crate::crypto::rng::Seed;
use crate::directory::Params;
use crate::id::VatId;
use crate::locator::{Address, Locator};
use crate::node::{Config, Node, Source};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};

/// A deterministic world; see the [module](super).
pub struct World {
    pub(super) seed: Seed,
    pub(super) now: Instant,
    pub(super) agenda: Agenda,
    pub(super) links: BTreeMap<LinkNo, Link>,
    pub(super) links_made: u64,
    pub(super) weather: Weather,
    pub(super) fuses: Fuses,
    pub(super) observer: Observer,
    pub(super) params: Params,
    listeners: BTreeMap<Address, Place>,
    names: BTreeSet<String>,
    vats: Vec<Vat>,
    raws: Vec<Raw>,
}

impl World {
    /// An empty world. Everything in it follows from this number and from what it is told.
    #[must_use]
    pub fn seeded(number: u64) -> Self {
        let mut bytes = [0; 32];
        let number = number.to_be_bytes();
        bytes
            .iter_mut()
            .zip(number)
            .for_each(|(to, from)| *to = from);
        let seed = Seed::from_bytes(bytes);
        Self {
            weather: Weather::fair(seed.seed("weather")),
            fuses: Fuses::default(),
            seed,
            now: Instant::ZERO,
            agenda: Agenda::default(),
            links: BTreeMap::new(),
            links_made: 0,
            observer: Observer::new(),
            params: Params::default(),
            listeners: BTreeMap::new(),
            names: BTreeSet::new(),
            vats: Vec::new(),
            raws: Vec::new(),
        }
    }

    /// A new vat, running, with a key of its own and listening at an address of its own. A name that was used before
    /// makes another vat with another key.
    pub fn vat(&mut self, name: &str) -> HostId {
        self.vat_with(name, |_| {})
    }

    /// Several new vats.
    pub fn vats<const N: usize>(&mut self, names: [&str; N]) -> [HostId; N] {
        names.map(|name| self.vat(name))
    }

    /// A new vat, its configuration first changed by `change`. It listens at the places that are then in it.
    pub fn vat_with(&mut self, name: &str, change: impl FnOnce(&mut Config)) -> HostId {
        let name = self.unused_name(name);
        let (address, source) = self.unused_address(&name);
        let vat = Vat::born(&self.seed, name, address, source, change);
        let id = HostId(count(self.vats.len()));
        for place in vat.places() {
            self.listeners.insert(place.clone(), id.into());
        }
        self.vats.push(vat);
        self.pump(id);
        id
    }

    /// A new host without a node, listening at an address of its own; [`raw`](Self::raw) pulls its strings.
    pub fn raw_host(&mut self, name: &str) -> RawId {
        let name = self.unused_name(name);
        let (address, source) = self.unused_address(&name);
        let id = RawId(count(self.raws.len()));
        self.listeners.insert(address.clone(), id.into());
        self.raws.push(Raw::new(&name, address, source));
        id
    }

    /// Who asks for `at` from now on comes to `place`: a squatter's way to somebody else's address.
    pub fn listen(&mut self, at: Address, place: impl Into<Place>) {
        self.listeners.insert(at, place.into());
    }

    /// The name under which a host was made; of several of one name, the later ones are numbered.
    pub fn name(&self, place: impl Into<Place>) -> &str {
        match place.into() {
            Place::Vat(id) => &self.vat_ref(id).name,
            Place::Raw(id) => &self.raw_ref(id).name,
            Place::Nowhere => "nowhere",
        }
    }

    /// The address that the world gave a host, whether it listens there or not.
    pub fn address(&self, place: impl Into<Place>) -> Option<&Address> {
        match place.into() {
            Place::Vat(id) => Some(&self.vat_ref(id).address),
            Place::Raw(id) => Some(&self.raw_ref(id).address),
            Place::Nowhere => None,
        }
    }

    /// Where a vat says that it can be found; also while it is down.
    pub fn locator(&self, vat: HostId) -> &Locator {
        &self.vat_ref(vat).locator
    }

    /// Who a vat is.
    pub fn vat_id(&self, vat: HostId) -> VatId {
        self.vat_ref(vat).locator.vat()
    }

    /// A vat's node, to be looked at; none while it is down.
    pub fn node(&self, vat: HostId) -> Option<&Node> {
        self.vat_ref(vat).node.as_ref()
    }

    /// The watcher of all wires.
    pub const fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The watcher of all wires, to be told what to keep.
    pub const fn observer_mut(&mut self) -> &mut Observer {
        &mut self.observer
    }

    pub(super) fn every_vat(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..count(self.vats.len())).map(HostId)
    }

    pub(super) fn place_at(&self, at: &Address) -> Place {
        self.listeners.get(at).copied().unwrap_or(Place::Nowhere)
    }

    pub(super) fn source(&self, place: Place) -> Source {
        match place {
            Place::Vat(id) => self.vat_ref(id).source,
            Place::Raw(id) => self.raw_ref(id).source,
            Place::Nowhere => Source([0; 16]),
        }
    }

    /// The name, numbered if it was used before; it is used from now on.
    fn unused_name(&mut self, wanted: &str) -> String {
        let numbered = (2..).map(|number| format!("{wanted} {number}"));
        let mut names = core::iter::once(wanted.to_owned()).chain(numbered);
        let name = names.find(|name| !self.names.contains(name));
        let name = name.unwrap_or_default();
        self.names.insert(name.clone());
        name
    }

    /// Somewhere in 127.0.0.0/8, so that an address means somebody.
    fn unused_address(&self, name: &str) -> (Address, Source) {
        let mut rng = self.seed.fork(&format!("address of {name}"));
        loop {
            let [a, b, c, high, low] = *rng.draw::<5>();
            let ip = Ipv4Addr::new(127, a, b, c);
            let port = u16::from_be_bytes([high, low]);
            let Ok(address) = Address::try_from(SocketAddr::from((ip, port))) else {
                continue;
            };
            if !self.listeners.contains_key(&address) {
                let mut source = [0; 16];
                source
                    .iter_mut()
                    .zip(ip.octets())
                    .for_each(|(to, from)| *to = from);
                return (address, Source(source));
            }
        }
    }
}

/// What an id stands for. A world gives out ids of hosts that it has and never takes a host away.
#[expect(
    clippy::indexing_slicing,
    reason = "only an id of another, larger world fails here: a slip in a test, which has to be loud"
)]
impl World {
    pub(super) fn vat_ref(&self, HostId(number): HostId) -> &Vat {
        &self.vats[index(number)]
    }

    pub(super) fn vat_mut(&mut self, HostId(number): HostId) -> &mut Vat {
        &mut self.vats[index(number)]
    }

    pub(super) fn raw_ref(&self, RawId(number): RawId) -> &Raw {
        &self.raws[index(number)]
    }

    pub(super) fn raw_mut(&mut self, RawId(number): RawId) -> &mut Raw {
        &mut self.raws[index(number)]
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
