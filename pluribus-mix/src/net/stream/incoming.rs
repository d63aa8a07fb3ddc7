//! Streams that a peer has opened and nobody has taken yet.
//!
//! A peer may open a stream as soon as it has proven us, before the application here has said whether it wants streams. So
//! they wait from the beginning, as many as there may be, and are refused only beyond that, or when the last listener
//! has gone.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::tray::StreamEnd;

/// A stream at the door.
pub(in super::super) struct Knock {
    pub(in super::super) end: StreamEnd,
    pub(in super::super) head: Bytes,
}

/// Whether streams are wanted.
enum Hearing {
    /// Nobody has said.
    Unknown,
    /// By so many listeners.
    By(usize),
    /// Nobody listens any more.
    Nobody,
}

pub(in super::super) struct Incoming {
    most: usize,
    waiting: VecDeque<Knock>,
    hearing: Hearing,
    wakers: Vec<Waker>,
}

impl Incoming {
    pub(in super::super) const fn new(most: usize) -> Self {
        Self {
            most,
            waiting: VecDeque::new(),
            hearing: Hearing::Unknown,
            wakers: Vec::new(),
        }
    }

    /// Lays a stream down, or hands it back.
    pub(in super::super) fn admit(&mut self, knock: Knock) -> Result<(), Knock> {
        if matches!(self.hearing, Hearing::Nobody) || self.waiting.len() >= self.most {
            return Err(knock);
        }
        self.waiting.push_back(knock);
        Ok(())
    }

    /// Whoever is to be woken, for a new stream or for the end.
    pub(in super::super) fn wakers(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakers)
    }

    pub(in super::super) fn listen(&mut self) {
        self.hearing = match self.hearing {
            Hearing::By(listeners) => Hearing::By(listeners + 1),
            Hearing::Unknown | Hearing::Nobody => Hearing::By(1),
        };
    }

    /// A listener has gone. With the last of them go the streams that wait.
    #[must_use]
    pub(in super::super) fn leave(&mut self) -> VecDeque<Knock> {
        match self.hearing {
            Hearing::By(listeners) if listeners > 1 => {
                self.hearing = Hearing::By(listeners - 1);
                VecDeque::new()
            }
            _ => {
                self.hearing = Hearing::Nobody;
                std::mem::take(&mut self.waiting)
            }
        }
    }

    /// The next stream; none is left when the connection is over.
    pub(in super::super) fn poll(
        &mut self,
        cx: &Context<'_>,
        is_over: bool,
    ) -> Poll<Option<Knock>> {
        if let Some(knock) = self.waiting.pop_front() {
            return Poll::Ready(Some(knock));
        }
        if is_over {
            return Poll::Ready(None);
        }
        if !self.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            self.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
