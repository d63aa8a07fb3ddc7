//! Streams and datagrams between the node and their trays.

use std::sync::Arc;

use bytes::Bytes;

use crate::netlayer::{ConnId, Netlayer};
use crate::node::{StreamEvent, StreamFault};

use super::super::stream::{Knock, StreamEnd, Tray, Wish};
use super::Driver;

/// What a stream is told that nobody takes.
const NO_REASON: u8 = 0;

impl Driver {
    /// Tells what has happened to streams.
    pub(super) fn streams(&mut self) -> bool {
        let mut any = false;
        while let Some((conn, event)) = self.node.poll_stream() {
            any = true;
            self.tell_stream(conn, event);
        }
        any
    }

    fn tell_stream(&mut self, conn: ConnId, event: StreamEvent) {
        let (StreamEvent::Opened { stream, .. }
        | StreamEvent::Readable { stream }
        | StreamEvent::Writable { stream }
        | StreamEvent::Ended { stream }
        | StreamEvent::Reset { stream, .. }) = event;
        if let StreamEvent::Opened { head, .. } = event {
            return self.admit(conn, stream, head);
        }
        let Some(tray) = self.tray(conn, stream) else {
            return;
        };
        match event {
            StreamEvent::Readable { .. } => tray.readable(),
            StreamEvent::Writable { .. } => tray.unblock(),
            StreamEvent::Ended { .. } => tray.end(),
            StreamEvent::Reset { code, .. } => tray.reset(code),
            StreamEvent::Opened { .. } => {}
        }
        self.serve_stream(conn, stream);
    }

    fn tray(&self, conn: ConnId, stream: u32) -> Option<Arc<Tray>> {
        self.desks.get(&conn)?.streams.get(&stream).cloned()
    }

    /// A stream of the peer comes.
    fn admit(&mut self, conn: ConnId, stream: u32, head: Bytes) {
        let admitted = self.desks.get_mut(&conn).is_some_and(|desk| {
            let tray = Arc::new(Tray::new(conn, stream, Arc::clone(&self.bell)));
            let end = StreamEnd(Arc::clone(&tray));
            let admitted = desk.mailbox.admit(Knock { end, head }).is_ok();
            if admitted {
                desk.streams.insert(stream, tray);
            }
            admitted
        });
        if !admitted {
            self.node.reset_stream(conn, stream, NO_REASON);
        }
    }

    /// Opens a stream for the application.
    pub(super) fn open_stream(&mut self, conn: ConnId, head: Bytes) -> Result<Knock, StreamFault> {
        let stream = self.node.open_stream(conn, &head)?;
        let tray = Arc::new(Tray::new(conn, stream, Arc::clone(&self.bell)));
        if let Some(desk) = self.desks.get_mut(&conn) {
            desk.streams.insert(stream, Arc::clone(&tray));
        }
        let end = StreamEnd(tray);
        Ok(Knock { end, head })
    }

    /// Does what the application at this stream wants, as far as node and trays have room.
    pub(super) fn serve_stream(&mut self, conn: ConnId, stream: u32) {
        let Some(tray) = self.tray(conn, stream) else {
            return;
        };
        loop {
            match tray.wish() {
                Wish::Nothing => break,
                Wish::Read(room) => self.fetch(&tray, conn, stream, room),
                Wish::Write(mut bytes) => {
                    // A fault: the stream is over, and the event that says so is on its way.
                    let written = self.node.write_stream(conn, stream, &mut bytes);
                    if written.is_ok() && !bytes.is_empty() {
                        tray.hand_back(bytes);
                    }
                }
                Wish::Finish => drop(self.node.finish_stream(conn, stream)),
                Wish::Reset(code) => self.node.reset_stream(conn, stream, code),
            }
        }
        if tray.is_settled()
            && let Some(desk) = self.desks.get_mut(&conn)
        {
            desk.streams.remove(&stream);
        }
    }

    /// Takes bytes from the node to a tray.
    fn fetch(&mut self, tray: &Tray, conn: ConnId, stream: u32, room: usize) {
        match self.node.read_stream(conn, stream, room) {
            Ok(Some(bytes)) => tray.deliver(bytes),
            Ok(None) | Err(_) => tray.dry(),
        }
    }

    /// Puts away the connections that are over, when all that had come on their streams lies in the trays. The node held
    /// it within its bounds, and nothing more can come.
    pub(super) fn part(&mut self) -> bool {
        let parting = std::mem::take(&mut self.parting);
        for (conn, reason) in &parting {
            self.empty(*conn);
            self.streams();
            // Streams that nobody took may have left something there.
            self.node.close(*conn);
            if let Some(desk) = self.desks.remove(conn) {
                desk.close(*reason);
            }
        }
        !parting.is_empty()
    }

    fn empty(&mut self, conn: ConnId) {
        let Some(desk) = self.desks.get(&conn) else {
            return;
        };
        for (stream, tray) in &desk.streams {
            while let Ok(Some(bytes)) = self.node.read_stream(conn, *stream, usize::MAX) {
                tray.deliver(bytes);
            }
        }
    }

    /// Carries up the datagrams that have come. Those of a connection that has ended meanwhile are lost, as they may be.
    pub(super) fn datagrams(&mut self) {
        while let Some((conn, datagram)) = self.node.poll_datagram() {
            if let Some(desk) = self.desks.get(&conn) {
                desk.mailbox.deliver_datagram(datagram);
            }
        }
    }
}
