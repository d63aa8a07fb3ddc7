//! How much waits for a connection to be written.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The most bytes that wait for a connection.
const MOST_WAITING: usize = 1 << 20;

/// What waits to be written.
#[derive(Default)]
pub(super) struct Load {
    bytes: AtomicUsize,
    /// Somebody was turned away and is to be told of room.
    full: AtomicBool,
}

impl Load {
    /// Counts so many bytes more, if they have room. One message always has.
    pub(super) fn takes(&self, length: usize) -> bool {
        let before = self.bytes.fetch_add(length, Ordering::SeqCst);
        let fits = before == 0 || before + length <= MOST_WAITING;
        if !fits {
            self.bytes.fetch_sub(length, Ordering::SeqCst);
        }
        fits
    }

    /// Somebody was turned away. Whether there is room already, so that nobody else will tell.
    pub(super) fn no_room(&self) -> bool {
        self.turn_away();
        self.has_room()
    }

    /// Somebody was turned away, and is to be told of room.
    pub(super) fn turn_away(&self) {
        self.full.store(true, Ordering::SeqCst);
    }

    /// So many bytes are written, or were not taken after all.
    pub(super) fn written(&self, length: usize) {
        self.bytes.fetch_sub(length, Ordering::SeqCst);
    }

    /// Whether somebody is to be told of room now.
    pub(super) fn has_room(&self) -> bool {
        self.bytes.load(Ordering::SeqCst) <= MOST_WAITING / 2
            && self.full.swap(false, Ordering::SeqCst)
    }
}
