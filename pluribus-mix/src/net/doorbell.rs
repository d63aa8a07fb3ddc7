//! How an application calls the driver.
//!
//! A doorbell is rung as often as there is something to do and answered once for all of it, in one batch: what a ring costs does
//! not depend on how much lies in the trays.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::netlayer::ConnId;

/// Whose trays are to be looked into: those of a connection, or of one of its streams.
pub(super) type Door = (ConnId, Option<u32>);

/// Tells the driver which connections and streams want it.
#[derive(Default)]
pub(super) struct Doorbell {
    rung: Mutex<BTreeSet<Door>>,
    wake: Notify,
}

impl Doorbell {
    pub(super) fn ring(&self, door: Door) {
        if lock(&self.rung).insert(door) {
            self.wake.notify_one();
        }
    }

    /// Returns when somebody has rung, or sooner.
    pub(super) async fn heard(&self) {
        self.wake.notified().await;
    }

    /// Who has rung since this was last asked.
    pub(super) fn answer(&self) -> BTreeSet<Door> {
        std::mem::take(&mut *lock(&self.rung))
    }
}

/// What a tray holds makes sense at every moment, so a panic elsewhere spoils nothing.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
