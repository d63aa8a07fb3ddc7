//! What a session keeps for each side: exports, imports, answers.
//!
//! Every table has a bound, and whoever would grow one beyond it has broken the protocol. Counts say how often an export was
//! sent; the peer gives back as many as it received, and the last one frees the place.

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::link::{Imported, Link};
use super::misdeed::Misdeed;
use super::op::{Import, Position};
use crate::vat::{Ref, Resolver, WeakRef};

/// The most places of any table.
pub(super) const MOST: usize = 1 << 16;

/// Something of ours that the peer can send to. Kept small, for a peer may hold as many objects as the table has places.
pub(super) enum Exported {
    /// An object or a promise, and how often it was sent and not given back.
    Object(Ref, u64),
    /// What was sent once and is not found again.
    Once(Box<Waiting>),
}

/// Something of ours that takes what the peer has to say, once.
pub(super) enum Waiting {
    /// Takes the answer to a message of ours.
    Resolver(Option<Resolver>, Asked),
    /// Takes what an imported promise comes to. The promise lives as long, for those who watch it.
    Listener(Option<Ref>, Asked),
    /// Takes an answer that nobody here waits for.
    Sink,
}

impl Waiting {
    /// The resolver, if one waits.
    pub(super) fn take_resolver(&mut self) -> Option<Resolver> {
        match self {
            Self::Resolver(resolver, _) => resolver.take(),
            _ => None,
        }
    }
}

/// The number that the question has in the trace.
pub(super) type Asked = u64;

/// The promise of an answer to the peer, and its share of what the peer may leave here.
pub(super) struct Answer {
    pub(super) promise: Ref,
    pub(super) _share: Rc<dyn Any>,
}

#[derive(Default)]
pub(super) struct Tables {
    exports: BTreeMap<Position, Exported>,
    /// Positions by identity. An export holds the reference, so an identity is not used again meanwhile.
    known: BTreeMap<usize, Position>,
    next_export: Position,
    /// The references to what the peer exports, while anybody holds them.
    imports: BTreeMap<Position, WeakRef>,
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
            && let Some(Exported::Object(_, sent)) = self.exports.get_mut(position)
        {
            *sent += 1;
            return Ok(*position);
        }
        let position = self.place()?;
        let object = Exported::Object(reference.shortened(), 1);
        self.exports.insert(position, object);
        self.known.insert(identity, position);
        Ok(position)
    }

    /// A place for something that is sent once; or gives it back.
    pub(super) fn export_once(&mut self, what: Waiting) -> Result<Position, (Misdeed, Waiting)> {
        match self.place() {
            Ok(position) => {
                let once = Exported::Once(Box::new(what));
                self.exports.insert(position, once);
                Ok(position)
            }
            Err(misdeed) => Err((misdeed, what)),
        }
    }

    /// A position for one more.
    fn place(&mut self) -> Result<Position, Misdeed> {
        if self.exports.len() >= MOST {
            return Err(Misdeed::TooMuch("exports"));
        }
        let position = self.next_export;
        self.next_export += 1;
        Ok(position)
    }

    pub(super) fn exported(&mut self, position: Position) -> Result<&mut Exported, Misdeed> {
        let export = self.exports.get_mut(&position);
        export.ok_or(Misdeed::NoExport(position))
    }

    /// What waits there, if anything does.
    pub(super) fn waiting(&mut self, position: Position) -> Option<&mut Waiting> {
        match self.exports.get_mut(&position) {
            Some(Exported::Once(waiting)) => Some(waiting),
            _ => None,
        }
    }

    /// The peer gives back so many references to an export. What waited there is returned with the last of them.
    pub(super) fn give_back(
        &mut self,
        position: Position,
        count: u64,
    ) -> Result<Option<Box<Waiting>>, Misdeed> {
        let mut once = 1;
        let sent = match self.exported(position)? {
            Exported::Object(_, sent) => sent,
            Exported::Once(_) => &mut once,
        };
        *sent = sent
            .checked_sub(count)
            .ok_or(Misdeed::CountedBelowZero(position))?;
        if *sent > 0 {
            return Ok(None);
        }
        match self.exports.remove(&position) {
            Some(Exported::Object(reference, _)) => {
                self.known.remove(&reference.own_identity());
                Ok(None)
            }
            Some(Exported::Once(waiting)) => Ok(Some(waiting)),
            None => Ok(None),
        }
    }

    /// Everybody here who waits for the peer to answer.
    pub(super) fn resolvers(&mut self) -> Vec<Resolver> {
        let exports = self.exports.values_mut();
        exports
            .filter_map(|export| match export {
                Exported::Once(waiting) => waiting.take_resolver(),
                Exported::Object(..) => None,
            })
            .collect()
    }
}

/// Imports.
impl Tables {
    /// The reference to what the peer exports there, received once more.
    pub(super) fn import(&mut self, link: &Rc<Link>, import: Import) -> Result<Ref, Misdeed> {
        let (Import::Object(position) | Import::Promise(position)) = import;
        if let Some(known) = self.imports.get(&position).and_then(WeakRef::upgrade)
            && let Some(way) = known.way_out()
            && let Some(way) = way.as_any().downcast_ref::<Imported>()
        {
            way.once_more();
            return Ok(known);
        }
        if self.imports.len() >= MOST {
            return Err(Misdeed::TooMuch("imports"));
        }
        let way = Imported::way(link, position, 1);
        let reference = match import {
            Import::Object(_) => Ref::far(way),
            Import::Promise(_) => Ref::promised(way),
        };
        self.imports.insert(position, reference.downgrade());
        Ok(reference)
    }

    /// The last reference to an import is gone, or has become something else; another may have come since.
    pub(super) fn forget(&mut self, position: Position) {
        let known = self.imports.get(&position).and_then(WeakRef::upgrade);
        if known.and_then(|known| known.way_out()).is_none() {
            self.imports.remove(&position);
        }
    }

    /// All references to the peer's objects and promises.
    pub(super) fn imported(&self) -> Vec<Ref> {
        let places = self.imports.values();
        places.filter_map(WeakRef::upgrade).collect()
    }

    /// How many places are taken: exports, imports, answers.
    pub(super) fn sizes(&self) -> [usize; 3] {
        [self.exports.len(), self.imports.len(), self.answers.len()]
    }
}
