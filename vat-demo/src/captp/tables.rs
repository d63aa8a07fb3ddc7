//! What a session keeps for each side: exports, imports, answers.
//!
//! Every table has a bound, and whoever would grow one beyond it has broken the protocol. Counts say how often an export was
//! sent; the peer gives back as many as it received, and the last one frees the place.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::link::{Imported, Link, Place};
use super::misdeed::Misdeed;
use super::op::{Import, Position};
use crate::vat::{Ref, Resolver};

/// The most places of any table.
pub(super) const MOST: usize = 1 << 16;

/// Something of ours that the peer can send to.
pub(super) enum Exported {
    /// An object or a promise.
    Object(Ref),
    /// Takes the answer to a message of ours, once.
    Resolver(Option<Resolver>, Asked),
    /// Takes what an imported promise comes to, once. The promise lives as long, for those who watch it.
    Listener(Option<Ref>, Asked),
    /// Takes an answer that nobody here waits for.
    Sink,
}

impl Exported {
    pub(super) fn into_resolver(self) -> Option<Resolver> {
        match self {
            Self::Resolver(resolver, _) => resolver,
            _ => None,
        }
    }
}

/// The number that the question has in the trace.
pub(super) type Asked = u64;

struct Export {
    what: Exported,
    /// How often it was sent and not given back.
    sent: u64,
    /// The identity under which it is found again.
    known_as: Option<usize>,
}

/// The promise of an answer to the peer, and its share of what the peer may leave here.
pub(super) struct Answer {
    pub(super) promise: Ref,
    pub(super) _share: Rc<dyn Any>,
}

#[derive(Default)]
pub(super) struct Tables {
    exports: BTreeMap<Position, Export>,
    /// Positions by identity. An export holds its reference, so an identity is not used again meanwhile.
    known: BTreeMap<usize, Position>,
    next_export: Position,
    imports: BTreeMap<Position, Place>,
    /// Promises of answers to the peer's messages.
    pub(super) answers: BTreeMap<Position, Answer>,
}

/// Exports.
impl Tables {
    /// Position 0 is the bootstrap object's, which is not in the table.
    pub(super) fn new() -> Self {
        Self {
            next_export: 1,
            ..Self::default()
        }
    }

    /// The position of an object or a promise, sent once more.
    pub(super) fn export(&mut self, reference: &Ref) -> Result<Position, Misdeed> {
        let identity = reference.identity();
        if let Some(position) = self.known.get(&identity)
            && let Some(export) = self.exports.get_mut(position)
        {
            export.sent += 1;
            return Ok(*position);
        }
        let what = Exported::Object(reference.shortened());
        let placed = self.place(what, Some(identity));
        let position = placed.map_err(|(misdeed, _)| misdeed)?;
        self.known.insert(identity, position);
        Ok(position)
    }

    /// A place for something that is sent once; or gives it back.
    pub(super) fn export_once(&mut self, what: Exported) -> Result<Position, (Misdeed, Exported)> {
        self.place(what, None)
    }

    fn place(
        &mut self,
        what: Exported,
        known_as: Option<usize>,
    ) -> Result<Position, (Misdeed, Exported)> {
        if self.exports.len() >= MOST {
            return Err((Misdeed::TooMuch("exports"), what));
        }
        let position = self.next_export;
        self.next_export += 1;
        let sent = 1;
        let export = Export {
            what,
            sent,
            known_as,
        };
        self.exports.insert(position, export);
        Ok(position)
    }

    pub(super) fn exported(&mut self, position: Position) -> Result<&mut Exported, Misdeed> {
        let export = self.exports.get_mut(&position);
        Ok(&mut export.ok_or(Misdeed::NoExport(position))?.what)
    }

    /// The peer gives back so many references to an export. With the last of them the export is returned.
    pub(super) fn give_back(
        &mut self,
        position: Position,
        count: u64,
    ) -> Result<Option<Exported>, Misdeed> {
        let export = self.exports.get_mut(&position);
        let export = export.ok_or(Misdeed::NoExport(position))?;
        export.sent = export
            .sent
            .checked_sub(count)
            .ok_or(Misdeed::CountedBelowZero(position))?;
        if export.sent > 0 {
            return Ok(None);
        }
        let freed = self.exports.remove(&position);
        if let Some(identity) = freed.as_ref().and_then(|export| export.known_as) {
            self.known.remove(&identity);
        }
        Ok(freed.map(|export| export.what))
    }

    /// Everybody here who waits for the peer to answer.
    pub(super) fn resolvers(&mut self) -> Vec<Resolver> {
        let exports = self.exports.values_mut();
        exports
            .filter_map(|export| match &mut export.what {
                Exported::Resolver(resolver, _) => resolver.take(),
                _ => None,
            })
            .collect()
    }
}

/// Imports.
impl Tables {
    /// The reference to what the peer exports there, received once more.
    pub(super) fn import(&mut self, link: &Rc<Link>, import: Import) -> Result<Ref, Misdeed> {
        let (Import::Object(position) | Import::Promise(position)) = import;
        if let Some(place) = self.imports.get(&position)
            && let Some(way) = place.way.upgrade()
            && let Some(reference) = place.reference.upgrade()
        {
            way.received.set(way.received.get() + 1);
            return Ok(reference);
        }
        if self.imports.len() >= MOST {
            return Err(Misdeed::TooMuch("imports"));
        }
        let (way, reference) = match import {
            Import::Object(_) => Imported::object(link, position, 1),
            Import::Promise(_) => Imported::promise(link, position),
        };
        let place = Place {
            way: Rc::downgrade(&way),
            reference: reference.downgrade(),
        };
        self.imports.insert(position, place);
        Ok(reference)
    }

    /// The last reference to an import is gone; another may have come since.
    pub(super) fn forget(&mut self, position: Position) {
        let gone = |place: &Place| Weak::strong_count(&place.way) == 0;
        if self.imports.get(&position).is_some_and(gone) {
            self.imports.remove(&position);
        }
    }

    /// All references to the peer's objects and promises.
    pub(super) fn imported(&self) -> Vec<Ref> {
        let places = self.imports.values();
        places
            .filter_map(|place| place.reference.upgrade())
            .collect()
    }

    /// How many places are taken: exports, imports, answers.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.exports.len(), self.imports.len(), self.answers.len()]
    }
}
