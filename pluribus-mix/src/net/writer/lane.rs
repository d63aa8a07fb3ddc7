//! One link in the hand of the thread: its socket, and what the socket did not take at once.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use tokio::net::{tcp, unix};

use crate::time::{Duration, Instant};

use super::super::buffers::Batches;
use super::{RETRY, Tie};

/// A socket that does not block. The reader of the link has it too.
pub(in crate::net) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// The same socket as that of a runtime's half, which is not ended when it goes.
    pub(in crate::net) fn of_tcp(half: tcp::OwnedWriteHalf) -> io::Result<Self> {
        let same = half.as_ref().as_fd().try_clone_to_owned();
        half.forget();
        Ok(Self::Tcp(same?.into()))
    }

    /// As [`Socket::of_tcp`].
    pub(in crate::net) fn of_unix(half: unix::OwnedWriteHalf) -> io::Result<Self> {
        let same = half.as_ref().as_fd().try_clone_to_owned();
        half.forget();
        Ok(Self::Unix(same?.into()))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn end(&self) {
        // What is broken is ended already.
        let _ = match self {
            Self::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Self::Unix(socket) => socket.shutdown(Shutdown::Write),
        };
    }
}

/// How a link stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Stands,
    /// It was closed, and all was written and ended.
    Ended,
    Broken,
}

pub(super) struct Lane {
    tie: Tie,
    /// `None` while its handshake is being written.
    socket: Option<Socket>,
    /// Batches that have still to come, though they were made.
    expected: usize,
    /// What the socket did not take yet, and how much of the first it has.
    rest: VecDeque<Vec<u8>>,
    begun: usize,
    waiting: usize,
    /// Since when nothing was taken of what waits.
    stuck: Option<Instant>,
    /// It is closed, and has until then.
    closing: Option<Instant>,
}

impl Lane {
    pub(super) fn new(tie: Tie) -> Self {
        Self {
            tie,
            socket: None,
            expected: 0,
            rest: VecDeque::new(),
            begun: 0,
            waiting: 0,
            stuck: None,
            closing: None,
        }
    }

    /// Bytes that the socket did not take yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn take_over(&mut self, socket: Socket) {
        self.socket = Some(socket);
    }

    /// A batch was made, and will come at its moment.
    pub(super) fn expect(&mut self) {
        self.expected += 1;
    }

    /// A batch whose moment has come.
    pub(super) fn push(&mut self, bytes: Vec<u8>) {
        self.expected = self.expected.saturating_sub(1);
        self.waiting += bytes.len();
        self.rest.push_back(bytes);
    }

    /// Writes what the socket takes.
    pub(super) fn write(&mut self, now: Instant, buffers: &Batches) -> Fate {
        while let Some(first) = self.rest.front() {
            let left = first.get(self.begun..).unwrap_or_default();
            if left.is_empty() {
                self.begun = 0;
                self.rest
                    .pop_front()
                    .into_iter()
                    .for_each(|done| buffers.give(done));
                continue;
            }
            let Some(socket) = &mut self.socket else {
                break;
            };
            match socket.write(left) {
                Ok(0) => return Fate::Broken,
                Ok(taken) => {
                    self.begun += taken;
                    self.waiting = self.waiting.saturating_sub(taken);
                    self.stuck = None;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Fate::Broken,
            }
        }
        self.stuck = (self.waiting > 0).then(|| self.stuck.unwrap_or(now));
        Fate::Stands
    }

    /// Nothing more comes for it.
    pub(super) fn close(&mut self, until: Instant) {
        self.closing = Some(until);
    }

    /// When it is to be looked at, if nothing is written before.
    pub(super) fn wants_a_look(&self, now: Instant, patience: Duration) -> Option<Instant> {
        let retry = self.closing.map(|_| now + RETRY);
        retry.or(self.stuck.map(|since| since + patience))
    }

    /// Ends it if it is closed and all is written; gives it up if it takes nothing.
    pub(super) fn look_after(
        &mut self,
        now: Instant,
        patience: Duration,
        buffers: &Batches,
    ) -> Fate {
        let Some(until) = self.closing else {
            let is_stuck = self.stuck.is_some_and(|since| since + patience <= now);
            return if is_stuck { Fate::Broken } else { Fate::Stands };
        };
        if until <= now || self.write(now, buffers) == Fate::Broken {
            return Fate::Broken;
        }
        match &self.socket {
            Some(socket) if self.waiting == 0 && self.expected == 0 => {
                socket.end();
                Fate::Ended
            }
            _ => Fate::Stands,
        }
    }

    /// Tells that it is lost. Its buffers are not kept: there may be many.
    pub(super) fn lose(self) {
        self.tie.lost.cancel();
    }
}
