//! What goes out, and when somebody has to look again.

use super::link::{Dialling, State};
use super::timers::Who;
use super::{LinkId, Node};
use crate::netlayer::ConnId;
use crate::vattp::Violation;
use crate::vattp::pipe::Carrier;
use crate::vattp::sending::BATCH;

impl Node {
    /// Writes what the connection on a link has to say.
    pub(super) fn fill(&mut self, id: LinkId, out: &mut Vec<u8>) {
        let now = self.clock;
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let carrier = link.carrier();
        let most = if link.is_paced { 1 } else { BATCH };
        let (sealed, conn) = match &mut link.state {
            State::Live(conn, transport) => {
                // One that is left is only heard. (VTP-41)
                let Some(it) = self.conns.get_mut(conn).filter(|it| it.link == Some(id)) else {
                    return;
                };
                let sealed = match carrier {
                    Carrier::Stream => transport.fill(now, &mut it.talk, out),
                    Carrier::Cells => batch(&mut link.index, most, out, |index, out| {
                        transport.fill_cell(now, index, &mut it.talk, out)
                    }),
                };
                (sealed, *conn)
            }
            State::Dialling(key, state) => {
                let conn = self.pairs.get(key).and_then(|entry| entry.conn);
                let Some((conn, it)) = conn.and_then(|id| Some((id, self.conns.get_mut(&id)?)))
                else {
                    return;
                };
                let Dialling::GoToo(_, sending) = &mut **state else {
                    return;
                };
                let sealed = match carrier {
                    Carrier::Stream => sending.fill(now, &mut it.talk, out),
                    Carrier::Cells => batch(&mut link.index, most, out, |index, out| {
                        sending.fill_cell(now, index, &mut it.talk, out)
                    }),
                };
                (sealed, conn)
            }
            State::Closing => return self.said_all(id),
            _ => return,
        };
        if let Err(violation) = sealed {
            self.fail(id, violation);
        }
        self.tell(conn);
    }

    /// The link may have something to write.
    pub(super) fn wake(&mut self, id: LinkId) {
        if let Some(link) = self.links.get_mut(&id)
            && !link.is_writing
            && !link.is_busy
        {
            link.is_writing = true;
            self.writers.push_back(id);
        }
    }

    /// The link beneath a connection, if there is one, may have something to write.
    pub(super) fn wake_conn(&mut self, conn: ConnId) {
        if let Some(link) = self.conns.get(&conn).and_then(|it| it.link) {
            self.wake(link);
        }
    }

    /// Sees to it that a timer stands for the link, not later than it wants one.
    pub(super) fn arm(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let due = match (&link.state, link.deadline) {
            (State::Live(conn, transport), _) => {
                let Some(it) = self.conns.get(conn) else {
                    return;
                };
                // A busy link can say nothing: what is due waits for `link_ready`.
                Some(transport.due(&it.talk, !link.is_busy))
            }
            (State::Called(calling), deadline) => {
                [calling.answer_at(), deadline].into_iter().flatten().min()
            }
            (_, deadline) => deadline,
        };
        self.timers.set(Who::Link(id), &mut link.timer, due);
    }
}

/// Cells until there is nothing to say or a batch is full; the index goes up with each.
fn batch(
    index: &mut u64,
    most: usize,
    out: &mut Vec<u8>,
    mut fill: impl FnMut(u64, &mut Vec<u8>) -> Result<bool, Violation>,
) -> Result<(), Violation> {
    while out.len() < most && fill(*index, out)? {
        *index += 1;
    }
    Ok(())
}
