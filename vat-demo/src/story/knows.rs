//! Who knows what: searched, not written.
//!
//! A party holds what its tables and sockets lead to ([`Knowledge`] lists that, table by table) and what it was told: every message that its vat
//! has heard, and the tickets in these taken apart. All of that is searched for every other vat's address, for its name, and for the relays
//! that it goes through. Where somebody is found who was to be found there is written in `is_promised`; whatever else is found is too much.
//!
//! What everybody knows is not searched for: who the relays and the authority are, and where.

use std::collections::BTreeSet;
use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use pluribus_mix::id::{RelayId, VatId};
use pluribus_mix::node::{AllHeld, Held, Knowledge};

/// The shortest text that is taken for something encoded.
const ENCODED: usize = 12;

/// Who somebody is, what nobody else is to know, and what it holds.
#[derive(Clone, Debug, Default)]
pub struct Party {
    /// Its name in the story.
    pub name: String,
    /// Where it is.
    pub address: Option<IpAddr>,
    /// Who it is, if it is a vat.
    pub vat: Option<VatId>,
    /// Who it is, if it is a relay.
    pub relay: Option<RelayId>,
    /// The relays that it reaches the network by.
    pub guards: BTreeSet<RelayId>,
    /// The other relays that its circuits go through.
    pub hops: BTreeSet<RelayId>,
    /// The relays at which tickets lead to others that it was told of.
    pub meetings: BTreeSet<RelayId>,
    /// What its tables held, whenever they were looked at.
    pub tables: Vec<Knowledge>,
    /// Every message that it has heard.
    pub heard: Vec<Vec<u8>>,
}

/// What can be known of a vat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Where it is.
    Address,
    /// A relay that it reaches the network by.
    Guard,
    /// Another relay that its circuits go through.
    Hop,
    /// With whom it speaks, of one who is not spoken with.
    Peer,
    /// Who it is.
    Identity,
    /// A relay at which it can be met.
    Meeting,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Address,
        Self::Guard,
        Self::Hop,
        Self::Peer,
        Self::Identity,
        Self::Meeting,
    ];

    /// Its name for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Guard | Self::Hop | Self::Peer => "pairing",
            Self::Identity => "identity",
            Self::Meeting => "meeting",
        }
    }
}

/// Something that somebody knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fact {
    /// What it is.
    pub kind: Kind,
    /// The vat that it is about.
    pub of: String,
    /// Whether this was to be expected.
    pub is_promised: bool,
}

/// What one party knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Who.
    pub name: String,
    /// What of the others.
    pub facts: BTreeSet<Fact>,
}

impl Row {
    /// Whether there is nothing that was not to be expected.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.facts.iter().all(|fact| fact.is_promised)
    }
}

/// Searches what each holds for each vat.
#[must_use]
pub fn who_knows(parties: &[Party]) -> Vec<Row> {
    let row = |holder: &Party| {
        let search = Search::new(holder, parties);
        let others = parties.iter().filter(|it| it.name != holder.name);
        let facts = others.filter_map(|of| Some((of, of.vat?)));
        let facts = facts.flat_map(|(of, vat)| {
            let found = Kind::ALL.into_iter();
            let found = found.filter(|kind| search.finds(*kind, of, vat));
            let fact = |kind| Fact {
                kind,
                of: of.name.clone(),
                is_promised: is_promised(holder, kind, of),
            };
            found.map(fact).collect::<Vec<_>>()
        });
        Row {
            name: holder.name.clone(),
            facts: facts.collect(),
        }
    };
    parties.iter().map(row).collect()
}

/// Vats that speak with each other know each other by name, and where each can be met. A guard knows where whoever uses it is, and so does an authority that is asked
/// for the first list of relays. (THR-10)
fn is_promised(holder: &Party, kind: Kind, of: &Party) -> bool {
    match (holder.vat, holder.relay) {
        (Some(_), _) => matches!(kind, Kind::Identity | Kind::Meeting),
        (None, Some(relay)) => kind == Kind::Address && of.guards.contains(&relay),
        (None, None) => kind == Kind::Address,
    }
}

/// All that one party holds.
struct Search<'p> {
    tables: &'p [Knowledge],
    parties: &'p [Party],
    /// What was heard, as it came and decoded.
    heard: Vec<Vec<u8>>,
    /// Relays that it was told of, and not as one at which somebody can be met.
    strange: BTreeSet<RelayId>,
}

impl<'p> Search<'p> {
    fn new(holder: &'p Party, parties: &'p [Party]) -> Self {
        let mut heard = holder.heard.clone();
        heard.extend(holder.heard.iter().flat_map(|it| decoded(it)));
        let mut search = Self {
            tables: &holder.tables,
            parties,
            heard,
            strange: BTreeSet::new(),
        };
        if holder.vat.is_some() {
            search.strange = search.strange_relays(holder);
        }
        search
    }

    fn strange_relays(&self, holder: &Party) -> BTreeSet<RelayId> {
        let meetings: BTreeSet<_> = self
            .all()
            .filter_map(|held| match held {
                Held::Meeting(_, relay) => Some(*relay),
                _ => None,
            })
            .collect();
        // A vat's own tickets come back to it with handoffs, and lead to its own parks.
        let is_chosen = |relay: &RelayId| {
            let held = Held::Relay(*relay);
            let mut tables = holder.tables.iter();
            tables.any(|tables| tables.chosen.contains(&held))
        };
        let relays = self.parties.iter().filter_map(|it| it.relay);
        let told = relays.filter(|relay| {
            !meetings.contains(relay)
                && !holder.meetings.contains(relay)
                && !is_chosen(relay)
                && self.was_told(relay.as_bytes(), &relay.to_string())
        });
        told.collect()
    }

    fn all(&self) -> impl Iterator<Item = &Held> {
        self.tables.iter().flat_map(|tables| &tables.all)
    }

    fn finds(&self, kind: Kind, of: &Party, vat: VatId) -> bool {
        let has = |relays: &BTreeSet<RelayId>| relays.intersection(&self.strange).next().is_some();
        match kind {
            Kind::Address => of.address.is_some_and(|at| {
                self.all().any(|held| is_at(held, at))
                    || self.was_told(&octets(at), &at.to_string())
            }),
            Kind::Guard => has(&of.guards),
            Kind::Hop => has(&of.hops),
            Kind::Peer => self.leads_on_from(of, vat),
            Kind::Identity => {
                self.all().any(|held| is_of(held, vat))
                    || self.was_told(vat.as_bytes(), &vat.to_string())
            }
            Kind::Meeting => self
                .all()
                .any(|held| matches!(held, Held::Meeting(whom, _) if *whom == vat)),
        }
    }

    /// Whether a circuit of somebody else leads from this vat to another.
    fn leads_on_from(&self, of: &Party, vat: VatId) -> bool {
        let leads_to = |held: &AllHeld, party: &Party, vat: VatId| {
            let at = |held: &Held| party.address.is_some_and(|at| is_at(held, at));
            held.iter().any(|held| at(held) || is_of(held, vat))
        };
        let circuits = self.tables.iter().flat_map(|tables| &tables.circuits);
        let mut through = circuits.filter(|circuit| !circuit.is_own);
        through.any(|circuit| {
            let mut others = self.parties.iter().filter(|it| it.name != of.name);
            leads_to(&circuit.held, of, vat)
                && others.any(|it| it.vat.is_some_and(|vat| leads_to(&circuit.held, it, vat)))
        })
    }

    fn was_told(&self, bytes: &[u8], text: &str) -> bool {
        let told = |needle: &[u8]| self.heard.iter().any(|heard| holds(heard, needle));
        told(bytes) || told(text.as_bytes()) || told(text.to_ascii_uppercase().as_bytes())
    }
}

fn is_at(held: &Held, at: IpAddr) -> bool {
    let Held::Address(address) = held else {
        return false;
    };
    address.socket_addr().is_some_and(|it| it.ip() == at)
}

fn is_of(held: &Held, vat: VatId) -> bool {
    matches!(held, Held::Vat(whom) | Held::Meeting(whom, _) if *whom == vat)
}

fn octets(at: IpAddr) -> Vec<u8> {
    match at {
        IpAddr::V4(at) => at.octets().to_vec(),
        IpAddr::V6(at) => at.octets().to_vec(),
    }
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|it| it == part)
}

/// Whatever could be base64url in this, decoded from each place where it can begin.
fn decoded(heard: &[u8]) -> Vec<Vec<u8>> {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let words = heard.split(|byte| !is_digit(byte));
    let long = words.filter(|word| word.len() >= ENCODED);
    long.flat_map(|word| {
        (0..4).filter_map(|start| {
            let word = word.get(start..)?;
            let whole = word.get(..word.len() / 4 * 4)?;
            BASE64URL_NOPAD.decode(whole).ok()
        })
    })
    .collect()
}
