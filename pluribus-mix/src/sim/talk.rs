//! What a vat's runtime says and hears.
//!
//! The runtime of a simulated vat is a list: what the node tells it is written down as it comes, and a test reads the list.
//! What was heard outlives the vat's process, so that a test can count messages over a restart. A runtime that is
//! [stalled](World::stall) takes nothing, and its node has to bear it.

use super::streams::Flows;
use super::{HostId, World};
use crate::id::VatId;
use crate::locator::Locator;
use crate::netlayer::{CloseReason, ConnId, ConnectError, Event, Netlayer, SendError};
use crate::node::{StreamFault, Trace};
use std::collections::BTreeMap;

/// What could not be done for a test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The vat's process does not run.
    #[error("the vat is down; restart it first")]
    Down,
    /// The raw host does not hold this link, or no longer.
    #[error("the host does not hold this link")]
    NoLink,
    /// A link of cells takes whole cells.
    #[error("a link of cells takes whole cells of 896 bytes")]
    NoCells,
    /// The node would not dial.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The node would not take the message.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The node would not open the stream.
    #[error(transparent)]
    Stream(#[from] StreamFault),
}

/// The list, and what follows from it.
#[derive(Default)]
pub(super) struct Runtime {
    events: Vec<Event>,
    /// How many of them were taken.
    taken: usize,
    stalled: bool,
    /// Connections of this life that are not closed.
    connections: BTreeMap<ConnId, Connection>,
    pub(super) flows: Flows,
}

struct Connection {
    /// Whom it was dialled to, or who it was proven to be.
    peer: VatId,
    proven: bool,
}

impl Runtime {
    pub(super) fn forget_connections(&mut self) {
        self.connections.clear();
        self.flows.clear();
    }

    /// The node has named a connection for a dial: a new one, or one that it had.
    pub(super) fn dialled(&mut self, conn: ConnId, peer: VatId) {
        let proven = false;
        self.connections
            .entry(conn)
            .or_insert(Connection { peer, proven });
    }

    pub(super) fn is_open(&self, conn: ConnId) -> bool {
        let connection = self.connections.get(&conn);
        connection.is_some_and(|connection| connection.proven)
    }

    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::Opened { conn, peer } => {
                let proven = true;
                self.connections.insert(conn, Connection { peer, proven });
            }
            Event::Closed { conn, .. } => {
                self.connections.remove(&conn);
            }
            _ => {}
        }
        self.events.push(event);
    }
}

/// Saying.
impl World {
    /// Has `from` dial `to` by its locator. How it goes stands in [`events`](Self::events). If its node has a connection with
    /// `to` and one is enough for it, it names that one.
    ///
    /// # Errors
    /// `from` is down, or its node will not dial.
    pub fn dial(&mut self, from: HostId, to: HostId) -> Result<ConnId, Fault> {
        let locator = self.locator(to).clone();
        self.dial_locator(from, &locator)
    }

    /// Has `from` dial any locator.
    ///
    /// # Errors
    /// `from` is down, or its node will not dial.
    pub fn dial_locator(&mut self, from: HostId, to: &Locator) -> Result<ConnId, Fault> {
        let conn = self
            .on_node(from, |node, _| node.connect(to))
            .ok_or(Fault::Down)??;
        self.vat_mut(from).runtime.dialled(conn, to.vat());
        self.pump(from);
        Ok(conn)
    }

    /// Has a vat send one message.
    ///
    /// # Errors
    /// It is down, or its node does not take the message and hands it back.
    pub fn send(
        &mut self,
        from: HostId,
        conn: ConnId,
        message: impl Into<Vec<u8>>,
    ) -> Result<(), Fault> {
        let message = message.into();
        let sent = self.with_node(from, |node, _| node.send(conn, message));
        Ok(sent.ok_or(Fault::Down)??)
    }

    /// Has `from` send one message to `to` on the connection that it has with it, or on a new one.
    ///
    /// # Errors
    /// `from` is down, or its node will not dial or not take the message.
    pub fn say(
        &mut self,
        from: HostId,
        to: HostId,
        message: impl Into<Vec<u8>>,
    ) -> Result<ConnId, Fault> {
        let conn = match self.connection(from, to) {
            Some(conn) => conn,
            None => self.dial(from, to)?,
        };
        self.send(from, conn, message).map(|()| conn)
    }

    /// Ends a vat's direction of a connection, behind what is queued. Nothing happens if it is down.
    pub fn finish(&mut self, vat: HostId, conn: ConnId) {
        self.with_node(vat, |node, _| node.finish(conn));
    }

    /// Has a vat close a connection. Nothing happens if it is down.
    pub fn close(&mut self, vat: HostId, conn: ConnId) {
        self.vat_mut(vat).runtime.connections.remove(&conn);
        self.with_node(vat, |node, _| node.close(conn));
    }
}

/// Hearing.
impl World {
    /// All that a vat's runtime has been told, oldest first, over all its lives.
    pub fn events(&self, vat: HostId) -> &[Event] {
        &self.vat_ref(vat).runtime.events
    }

    /// What it has been told since this was last asked.
    pub fn take_events(&mut self, vat: HostId) -> Vec<Event> {
        let runtime = &mut self.vat_mut(vat).runtime;
        let news = runtime
            .events
            .get(runtime.taken..)
            .unwrap_or_default()
            .to_vec();
        runtime.taken = runtime.events.len();
        news
    }

    /// The messages among all it was told, oldest first, as text.
    pub fn heard_by(&self, vat: HostId) -> Vec<String> {
        let messages = self.messages(vat);
        messages
            .map(|body| String::from_utf8_lossy(body).into_owned())
            .collect()
    }

    /// The messages among all it was told, oldest first.
    pub fn messages(&self, vat: HostId) -> impl Iterator<Item = &[u8]> {
        self.events(vat).iter().filter_map(|event| match event {
            Event::Message { body, .. } => Some(body.as_slice()),
            _ => None,
        })
    }

    /// Why a connection of a vat was closed, if its runtime was told so.
    pub fn closed(&self, vat: HostId, conn: ConnId) -> Option<CloseReason> {
        // Ids are numbered anew in each life; the last word counts.
        self.events(vat).iter().rev().find_map(|event| match event {
            Event::Closed { conn: of, reason } if *of == conn => Some(*reason),
            _ => None,
        })
    }

    /// The peers with which a vat has a proven connection now.
    pub fn peers(&self, vat: HostId) -> Vec<VatId> {
        let connections = self.vat_ref(vat).runtime.connections.values();
        let proven = connections.filter(|connection| connection.proven);
        proven.map(|connection| connection.peer).collect()
    }

    /// The latest connection that `of` has with `with` now, proven or still dialled.
    pub fn connection(&self, of: HostId, with: HostId) -> Option<ConnId> {
        let peer = self.vat_id(with);
        let connections = self.vat_ref(of).runtime.connections.iter().rev();
        let mut with_peer = connections.filter(|(_, connection)| connection.peer == peer);
        with_peer.next().map(|(conn, _)| *conn)
    }

    /// Whether a vat's connection is proven and not closed.
    pub fn is_open(&self, vat: HostId, conn: ConnId) -> bool {
        self.vat_ref(vat).runtime.is_open(conn)
    }

    /// The channel binding of a vat's connection.
    pub fn exporter(&self, vat: HostId, conn: ConnId) -> Option<[u8; 32]> {
        self.node(vat)?.exporter(conn)
    }

    /// What a vat's node has written in its trace, over all its lives.
    pub fn traces(&self, vat: HostId) -> &[Trace] {
        &self.vat_ref(vat).traces
    }

    /// From now on the vat's runtime takes nothing from its node.
    pub fn stall(&mut self, vat: HostId) {
        self.vat_mut(vat).runtime.stalled = true;
    }

    /// A stalled runtime takes up to `most` events and stalls again. How many it took.
    pub fn sip(&mut self, vat: HostId, most: usize) -> usize {
        let taken = (0..most).take_while(|_| self.pump_event(vat)).count();
        self.pump(vat);
        taken
    }

    /// A stalled runtime takes everything again.
    pub fn unstall(&mut self, vat: HostId) {
        self.vat_mut(vat).runtime.stalled = false;
        self.pump(vat);
    }

    pub(super) fn pump_events(&mut self, vat: HostId) -> bool {
        let mut any = false;
        while !self.vat_ref(vat).runtime.stalled && self.pump_event(vat) {
            any = true;
        }
        any
    }

    fn pump_event(&mut self, vat: HostId) -> bool {
        let event = self.on_node(vat, |node, _| node.poll_event()).flatten();
        event
            .map(|event| self.vat_mut(vat).runtime.hear(event))
            .is_some()
    }
}
