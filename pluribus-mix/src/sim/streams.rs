//! What a vat's runtime does with byte streams.
//!
//! It reads at once whatever comes, unless it is told to stall a stream, and keeps what it read for a test to look at. What it is
//! told to pour into a stream it writes as room appears; the end of a stream waits behind that. A runtime that is
//! [stalled](World::stall) takes no messages, but its streams go on.
//!
//! Ids of connections are numbered anew in each life of a vat, so what belongs to a stream is forgotten with the life.

use super::{Fault, HostId, World};
use crate::netlayer::ConnId;
use crate::node::StreamEvent;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// The streams of a vat's runtime, by connection and id.
pub(super) type Flows = BTreeMap<(ConnId, u32), Flow>;

/// What the runtime keeps of one stream.
#[derive(Default)]
pub(super) struct Flow {
    /// What the peer said that it is for, if the peer opened it.
    head: Option<Bytes>,
    read: Vec<u8>,
    ended: bool,
    reset: Option<u8>,
    stalled: bool,
    /// What is still to be written, and whether the end comes behind it.
    poured: VecDeque<Bytes>,
    ends: bool,
}

/// Doing.
impl World {
    /// Has a vat open a stream for what `head` says; its id.
    ///
    /// # Errors
    /// The vat is down, or its node opens none.
    pub fn open_stream(
        &mut self,
        vat: HostId,
        conn: ConnId,
        head: impl AsRef<[u8]>,
    ) -> Result<u32, Fault> {
        let opened = self.on_node(vat, |node, _| node.open_stream(conn, head.as_ref()));
        let stream = opened.ok_or(Fault::Down)??;
        self.flow(vat, conn, stream);
        self.pump(vat);
        Ok(stream)
    }

    /// Has a vat write this to a stream, behind what it was told before, as room appears. It is dropped when the stream is over.
    pub fn pour(&mut self, vat: HostId, conn: ConnId, stream: u32, bytes: impl Into<Bytes>) {
        let flow = self.flow(vat, conn, stream);
        flow.poured.push_back(bytes.into());
        self.write_stream(vat, conn, stream);
        self.pump(vat);
    }

    /// Has a vat end its direction of a stream, behind all that it was told to pour.
    pub fn finish_stream(&mut self, vat: HostId, conn: ConnId, stream: u32) {
        self.flow(vat, conn, stream).ends = true;
        self.write_stream(vat, conn, stream);
        self.pump(vat);
    }

    /// Has a vat give a stream up.
    pub fn reset_stream(&mut self, vat: HostId, conn: ConnId, stream: u32, code: u8) {
        self.flow(vat, conn, stream).poured.clear();
        self.with_node(vat, |node, _| node.reset_stream(conn, stream, code));
    }

    /// From now on the vat's runtime reads nothing from this stream.
    pub fn stall_stream(&mut self, vat: HostId, conn: ConnId, stream: u32) {
        self.flow(vat, conn, stream).stalled = true;
    }

    /// It reads everything again.
    pub fn unstall_stream(&mut self, vat: HostId, conn: ConnId, stream: u32) {
        self.flow(vat, conn, stream).stalled = false;
        self.read_stream(vat, conn, stream);
        self.pump(vat);
    }
}

/// Looking.
impl World {
    /// All that a vat's runtime has read from a stream.
    pub fn stream_bytes(&self, vat: HostId, conn: ConnId, stream: u32) -> &[u8] {
        let flow = self.vat_ref(vat).runtime.flows.get(&(conn, stream));
        flow.map_or(&[], |flow| &flow.read)
    }

    /// Whether the peer has ended its direction of a stream and the runtime has read all of it.
    pub fn stream_ended(&self, vat: HostId, conn: ConnId, stream: u32) -> bool {
        let flow = self.vat_ref(vat).runtime.flows.get(&(conn, stream));
        flow.is_some_and(|flow| flow.ended)
    }

    /// With which code the peer has given a stream up, if it has.
    pub fn stream_reset(&self, vat: HostId, conn: ConnId, stream: u32) -> Option<u8> {
        let flow = self.vat_ref(vat).runtime.flows.get(&(conn, stream));
        flow.and_then(|flow| flow.reset)
    }

    /// The streams that the peer has opened on a connection, and what for.
    pub fn streams_opened(&self, vat: HostId, conn: ConnId) -> Vec<(u32, Vec<u8>)> {
        let flows = self.vat_ref(vat).runtime.flows.iter();
        let here = flows.filter(|((of, _), _)| *of == conn);
        let opened = here.filter_map(|((_, stream), flow)| Some((*stream, flow.head.as_ref()?)));
        opened
            .map(|(stream, head)| (stream, head.to_vec()))
            .collect()
    }
}

/// The driver.
impl World {
    /// Hears what the node tells of streams, and does what follows. Whether it told anything.
    pub(super) fn pump_streams(&mut self, vat: HostId) -> bool {
        let mut any = false;
        while let Some((conn, event)) = self.on_node(vat, |node, _| node.poll_stream()).flatten() {
            any = true;
            match event {
                StreamEvent::Opened { stream, head } => {
                    self.flow(vat, conn, stream).head = Some(head);
                }
                StreamEvent::Readable { stream } => self.read_stream(vat, conn, stream),
                StreamEvent::Writable { stream } => self.write_stream(vat, conn, stream),
                StreamEvent::Ended { stream } => self.flow(vat, conn, stream).ended = true,
                StreamEvent::Reset { stream, code } => {
                    self.flow(vat, conn, stream).reset = Some(code);
                }
            }
        }
        any
    }

    fn read_stream(&mut self, vat: HostId, conn: ConnId, stream: u32) {
        let read = |world: &mut Self| {
            let read = world.on_node(vat, |node, _| node.read_stream(conn, stream, usize::MAX));
            read?.ok()?
        };
        while !self.flow(vat, conn, stream).stalled
            && let Some(bytes) = read(self)
        {
            self.flow(vat, conn, stream).read.extend(bytes);
        }
    }

    fn write_stream(&mut self, vat: HostId, conn: ConnId, stream: u32) {
        while let Some(mut bytes) = self.flow(vat, conn, stream).poured.pop_front() {
            let wrote = self.on_node(vat, |node, _| node.write_stream(conn, stream, &mut bytes));
            if !matches!(wrote, Some(Ok(_))) {
                self.flow(vat, conn, stream).poured.clear();
                return;
            }
            if !bytes.is_empty() {
                self.flow(vat, conn, stream).poured.push_front(bytes);
                return;
            }
        }
        if core::mem::take(&mut self.flow(vat, conn, stream).ends) {
            // A stream that is over needs no end.
            let _ = self.on_node(vat, |node, _| node.finish_stream(conn, stream));
        }
    }

    fn flow(&mut self, vat: HostId, conn: ConnId, stream: u32) -> &mut Flow {
        let flows = &mut self.vat_mut(vat).runtime.flows;
        flows.entry((conn, stream)).or_default()
    }
}
