//! What the driver keeps of a connection, and what it does for its application.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use crate::netlayer::{CloseReason, ConnId, Netlayer, SendError, SendFault};

use super::super::connection::Held;
use super::super::mailbox::{Mailbox, Question, Wish};
use super::super::stream::Tray;
use super::Driver;

/// A connection as the driver keeps it. Put away, it leaves nobody waiting, even when the runtime shuts down.
pub(super) struct Desk {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) streams: BTreeMap<u32, Arc<Tray>>,
    /// What handles hold.
    held: Weak<Held>,
}

impl Desk {
    pub(super) fn new(mailbox: Arc<Mailbox>, held: &Arc<Held>) -> Self {
        Self {
            mailbox,
            streams: BTreeMap::new(),
            held: Arc::downgrade(held),
        }
    }

    /// One more handle, unless the connection was let go of or closed.
    pub(super) fn handle(&self) -> Option<Arc<Held>> {
        let held = self.held.upgrade();
        held.filter(|_| !self.mailbox.is_over())
    }

    pub(super) fn close(&self, reason: CloseReason) {
        self.mailbox.close(reason);
        self.streams.values().for_each(|tray| tray.over(reason));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.close(CloseReason::Closed);
    }
}

/// Datagrams of one application that go in one turn.
const MOST_DATAGRAMS: usize = 64;

impl Driver {
    /// Does what the application at this connection wants, as far as the node has room.
    pub(super) fn serve(&mut self, conn: ConnId) {
        // Whoever sends datagrams without end is served again when the others were.
        let mut datagrams = 0;
        loop {
            let Some(desk) = self.desks.get(&conn) else {
                return;
            };
            if datagrams == MOST_DATAGRAMS {
                return self.bell.ring((conn, None));
            }
            match desk.mailbox.wish() {
                Wish::Nothing => return,
                Wish::Release => self.node.hold(conn, false),
                Wish::Ask(Question::Open(head, answer)) => {
                    // Dropped by somebody who did not wait, the stream is reset.
                    drop(answer.send(self.open_stream(conn, head)));
                }
                Wish::Ask(Question::Exporter(answer)) => {
                    let _ = answer.send(self.node.exporter(conn));
                }
                Wish::Datagram(bytes) => {
                    datagrams += 1;
                    // Handed back, it is one that does not come.
                    let _ = self.node.send_datagram(conn, bytes);
                }
                Wish::Send(message) => {
                    // Any other fault: the connection is over, and the event that says so is on its way.
                    let sent = self.node.send(conn, message);
                    if let Err(SendError {
                        message,
                        fault: SendFault::Full,
                    }) = sent
                    {
                        desk.mailbox.hand_back(message);
                    }
                }
                Wish::Finish => self.node.finish(conn),
                Wish::Close => return self.hang_up(conn),
            }
        }
    }
}
