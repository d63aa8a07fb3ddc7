//! Hosts that a test plays itself.
//!
//! A raw host has an address and no node. The test opens links from it, sends whatever bytes it likes, and reads what came:
//! a prober, a squatter on somebody's address, one who replays what the observer kept. It accepts every link and says
//! nothing of its own accord.

use super::cells::{CELL, Carrier};
use super::{Direction, Fault, LinkNo, Place, RawId, World};
use crate::locator::Address;
use crate::node::Source;
use crate::time::Instant;
use std::collections::BTreeMap;

/// Something that a raw host has noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawEvent {
    /// World time.
    pub at: Instant,
    /// The link it was about.
    pub link: LinkNo,
    /// What it was.
    pub news: News,
}

/// What a raw host can notice of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The link it asked for stands.
    Stands,
    /// Somebody has opened it.
    Accepted {
        /// Who.
        from: Place,
    },
    /// Bytes came; [`RawHost::take`] has them.
    Came {
        /// How many.
        length: usize,
    },
    /// A cell came; [`RawHost::take`] has its bytes.
    Cell {
        /// Which of those that were sent this way along the link.
        index: u64,
    },
    /// It is gone: refused, ended by the other side, or broken.
    Lost,
}

/// What the world keeps of a raw host.
pub(super) struct Raw {
    pub(super) name: String,
    pub(super) address: Address,
    pub(super) source: Source,
    events: Vec<RawEvent>,
    inbox: BTreeMap<LinkNo, Vec<u8>>,
}

impl Raw {
    pub(super) fn new(name: &str, address: Address, source: Source) -> Self {
        Self {
            name: name.to_owned(),
            address,
            source,
            events: Vec::new(),
            inbox: BTreeMap::new(),
        }
    }
}

/// The strings of a raw host; [`World::raw`] hands them out.
pub struct RawHost<'w> {
    world: &'w mut World,
    id: RawId,
}

impl RawHost<'_> {
    /// Asks for a link to a host, at whatever address it has. Bytes may be sent at once; they travel behind the ask.
    pub fn open(&mut self, to: impl Into<Place>) -> LinkNo {
        self.world.open(self.id.into(), None, to.into())
    }

    /// Asks for a link to an address.
    pub fn open_at(&mut self, at: &Address) -> LinkNo {
        let to = self.world.place_at(at);
        self.open(to)
    }

    /// Sends bytes; on a link of cells, one or more whole cells of 896 bytes.
    ///
    /// # Errors
    /// [`Fault::NoLink`] if this host does not hold the link, or no longer; [`Fault::NoCells`] if a link of cells is given
    /// anything but whole cells.
    pub fn send(&mut self, link: LinkNo, bytes: impl Into<Vec<u8>>) -> Result<(), Fault> {
        let away = self.end_of(link).ok_or(Fault::NoLink)?;
        let bytes = bytes.into();
        let is_cells = |of: LinkNo| self.world.links.get(&of).map(|link| link.carrier);
        if is_cells(link) == Some(Carrier::Cells) && !bytes.len().is_multiple_of(CELL) {
            return Err(Fault::NoCells);
        }
        self.world.put(link, away, bytes);
        Ok(())
    }

    /// Ends a link; what was sent still arrives. Nothing happens if it is gone already.
    pub fn close(&mut self, link: LinkNo) {
        if let Some(away) = self.end_of(link) {
            self.world.hang_up(link, away);
        }
    }

    /// Whether this host holds the link, standing or still asked for.
    pub fn holds(&self, link: LinkNo) -> bool {
        self.end_of(link).is_some()
    }

    /// What came on a link since it was last asked.
    pub fn take(&mut self, link: LinkNo) -> Vec<u8> {
        let inbox = &mut self.world.raw_mut(self.id).inbox;
        inbox
            .get_mut(&link)
            .map(core::mem::take)
            .unwrap_or_default()
    }

    /// All that it has noticed, oldest first.
    pub fn events(&self) -> &[RawEvent] {
        &self.world.raw_ref(self.id).events
    }

    /// The links that others have opened to it, oldest first.
    pub fn accepted(&self) -> Vec<LinkNo> {
        let accepted = |event: &&RawEvent| matches!(event.news, News::Accepted { .. });
        let events = self.events().iter().filter(accepted);
        events.map(|event| event.link).collect()
    }

    /// When it lost a link, if it has.
    pub fn lost_at(&self, link: LinkNo) -> Option<Instant> {
        let mut lost = self.events().iter();
        lost.find(|event| event.link == link && event.news == News::Lost)
            .map(|event| event.at)
    }

    /// The way that leads from this host along the link.
    fn end_of(&self, link: LinkNo) -> Option<Direction> {
        let link = self.world.links.get(&link)?;
        let mine = |away: &Direction| link.source(*away).place == Place::Raw(self.id);
        link.holders().find(mine)
    }
}

impl World {
    /// The strings of a raw host.
    pub fn raw(&mut self, id: RawId) -> RawHost<'_> {
        RawHost { world: self, id }
    }

    pub(super) fn raw_link_accepted(&mut self, raw: RawId, link: LinkNo, from: Place) {
        self.noticed(raw, link, News::Accepted { from });
    }

    pub(super) fn raw_link_opened(&mut self, raw: RawId, link: LinkNo) {
        self.noticed(raw, link, News::Stands);
    }

    pub(super) fn raw_link_lost(&mut self, raw: RawId, link: LinkNo) {
        self.noticed(raw, link, News::Lost);
    }

    pub(super) fn raw_input(&mut self, raw: RawId, link: LinkNo, bytes: Vec<u8>) {
        let length = bytes.len();
        self.noticed(raw, link, News::Came { length });
        self.raw_mut(raw)
            .inbox
            .entry(link)
            .or_default()
            .extend(bytes);
    }

    pub(super) fn raw_cell(&mut self, raw: RawId, link: LinkNo, index: u64, cell: &[u8; CELL]) {
        self.noticed(raw, link, News::Cell { index });
        let inbox = &mut self.raw_mut(raw).inbox;
        inbox.entry(link).or_default().extend(cell);
    }

    fn noticed(&mut self, raw: RawId, link: LinkNo, news: News) {
        let at = self.now;
        self.raw_mut(raw).events.push(RawEvent { at, link, news });
    }
}
