//! The face towards the runtime for streams and datagrams.

use super::Node;
use crate::netlayer::ConnId;
use crate::vattp::datagrams;
use crate::vattp::streams::{StreamEvent, StreamFault, Streams};
use bytes::Bytes;

impl Node {
    /// Opens a stream on a connection and names it at once; `head`, of at most 512 bytes, tells the peer what it is for. (VTP-49)
    ///
    /// # Errors
    /// No such connection, the head is too long, too many streams are open, or the node holds all it may (VTP-32).
    pub fn open_stream(&mut self, conn: ConnId, head: &[u8]) -> Result<u32, StreamFault> {
        if self.weight >= self.max_waiting {
            return Err(StreamFault::TooMany);
        }
        self.with_streams(conn, |streams| streams.open(head))
    }

    /// Takes as much as there is room for off the front of `bytes`, without copying; how much. After 0 a
    /// [`StreamEvent::Writable`] follows.
    ///
    /// # Errors
    /// No such connection or stream, or this direction of it has ended.
    pub fn write_stream(
        &mut self,
        conn: ConnId,
        stream: u32,
        bytes: &mut Bytes,
    ) -> Result<usize, StreamFault> {
        self.with_streams(conn, |streams| streams.write(stream, bytes))
    }

    /// Ends our direction of a stream behind what was written. (VTP-50)
    ///
    /// # Errors
    /// No such connection or stream, or this direction of it has ended.
    pub fn finish_stream(&mut self, conn: ConnId, stream: u32) -> Result<(), StreamFault> {
        self.with_streams(conn, |streams| streams.finish(stream))
    }

    /// Gives a stream up, both ways; what was not said is dropped. Unknown streams are ignored. (VTP-50)
    pub fn reset_stream(&mut self, conn: ConnId, stream: u32, code: u8) {
        // An unknown connection has no stream to give up.
        let _ = self.with_streams(conn, |streams| {
            streams.reset(stream, code);
            Ok(())
        });
    }

    /// Up to `max` bytes of what has come on a stream, in order; `None` if there is nothing now. Reading lets the peer send more (VTP-51).
    /// What came before its connection closed can be read behind [`Event::Closed`](crate::netlayer::Event::Closed), too.
    ///
    /// # Errors
    /// No such connection or stream.
    pub fn read_stream(
        &mut self,
        conn: ConnId,
        stream: u32,
        max: usize,
    ) -> Result<Option<Bytes>, StreamFault> {
        let it = self.conns.get_mut(&conn).ok_or(StreamFault::Over)?;
        let read = it.talk.streams().read(stream, max)?;
        self.after_streams(conn);
        Ok(read)
    }

    /// What has happened to streams, oldest first for each connection.
    pub fn poll_stream(&mut self) -> Option<(ConnId, StreamEvent)> {
        while let Some(conn) = self.streamers.front().copied() {
            if let Some(it) = self.conns.get_mut(&conn) {
                if let Some(event) = it.talk.streams().poll_event() {
                    self.after_streams(conn);
                    return Some((conn, event));
                }
                it.is_streaming = false;
            }
            self.streamers.pop_front();
        }
        None
    }

    /// Sends 1 to 800 bytes that come once or not at all. Without a transport, and where many wait, they are lost. (VTP-52)
    ///
    /// # Errors
    /// Hands them back if there is no such connection, or they are too few or too many.
    pub fn send_datagram(&mut self, conn: ConnId, bytes: Vec<u8>) -> Result<(), Vec<u8>> {
        let fits = datagrams::LEN.contains(&bytes.len());
        match self.conns.get_mut(&conn) {
            Some(it) if fits && !it.is_over() => {
                if it.live_since.is_some() {
                    it.talk.send_datagram(bytes);
                    self.wake_conn(conn);
                }
                Ok(())
            }
            _ => Err(bytes),
        }
    }

    /// The next datagram that has come, and on which connection.
    pub fn poll_datagram(&mut self) -> Option<(ConnId, Vec<u8>)> {
        while let Some(conn) = self.struck.front().copied() {
            if let Some(it) = self.conns.get_mut(&conn) {
                if let Some(datagram) = it.talk.take_datagram() {
                    return Some((conn, datagram));
                }
                it.is_struck = false;
            }
            self.struck.pop_front();
        }
        None
    }

    /// A connection's streams may have something to tell.
    pub(super) fn tell_streams(&mut self, conn: ConnId) {
        if let Some(it) = self.conns.get_mut(&conn)
            && !it.is_streaming
        {
            it.is_streaming = true;
            self.streamers.push_back(conn);
        }
    }

    /// Does something with the streams of a connection, and what follows from it.
    fn with_streams<T>(
        &mut self,
        conn: ConnId,
        deed: impl FnOnce(&mut Streams) -> Result<T, StreamFault>,
    ) -> Result<T, StreamFault> {
        let it = self.conns.get_mut(&conn).filter(|it| !it.is_over());
        let it = it.ok_or(StreamFault::Over)?;
        let done = deed(it.talk.streams())?;
        self.after_streams(conn);
        Ok(done)
    }

    /// What follows from anything done to the streams of a connection: something to say or to tell, the end of the connection where
    /// its last stream is gone behind the last message, or the end of what was kept of one that is over.
    fn after_streams(&mut self, conn: ConnId) {
        self.count(conn);
        self.wake_conn(conn);
        self.tell_streams(conn);
        let Some(it) = self.conns.get_mut(&conn) else {
            return;
        };
        if it.is_finished() {
            return self.drop_conn(conn);
        }
        if let Some(link) = it.link.filter(|_| it.talk.is_done()) {
            self.done(link, conn);
        }
    }
}
