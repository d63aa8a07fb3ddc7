//! What a key has in use, and who makes more of it.
//!
//! Whoever finds what it can use takes it at once, whatever is being made meanwhile. Of those that find nothing one makes something new, and the
//! others wait: what is made may do for them too. When nothing comes of it, or whoever made it goes away, the next one makes its own.

use std::sync::{Mutex as Lock, MutexGuard, PoisonError};

use tokio::sync::Mutex;

/// What a key has in use.
pub(super) struct Shelf<T> {
    /// Held for a moment only.
    things: Lock<Vec<T>>,
    making: Mutex<()>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self {
            things: Lock::default(),
            making: Mutex::default(),
        }
    }
}

impl<T> Shelf<T> {
    /// What there is. Nothing may be waited for with it.
    pub(super) fn things(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing in there can be half changed.
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `find` gives, or else what `make` does, which is to put it here. Only one makes at a time.
    pub(super) async fn find_or_make<R>(
        &self,
        mut find: impl FnMut(&mut Vec<T>) -> Option<R>,
        make: impl AsyncFnOnce(&Self) -> R,
    ) -> R {
        if let Some(found) = find(&mut self.things()) {
            return found;
        }
        let _making = self.making.lock().await;
        // Perhaps it was made meanwhile.
        if let Some(found) = find(&mut self.things()) {
            return found;
        }
        make(self).await
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the time is tokio's, and stands still"
)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, sleep, timeout};

    use super::*;

    const MAKING: Duration = Duration::from_secs(20);

    /// Takes a number that is at least so high, or makes this one; a failure makes nothing. Says when it was done.
    async fn take(shelf: &Shelf<u32>, least: u32, made: Option<u32>) -> (Option<u32>, Duration) {
        let began = Instant::now();
        let find = |numbers: &mut Vec<u32>| numbers.iter().copied().find(|it| *it >= least);
        let make = async |shelf: &Shelf<u32>| {
            sleep(MAKING).await;
            shelf.things().extend(made);
            made
        };
        let taken = shelf.find_or_make(|it| find(it).map(Some), make).await;
        (taken, began.elapsed())
    }

    /// FAC-5
    #[tokio::test(start_paused = true)]
    async fn who_can_use_what_there_is_does_not_wait_for_what_is_made() {
        let shelf = Shelf::default();
        shelf.things().push(1);
        let (first, second) = tokio::join!(take(&shelf, 2, Some(2)), take(&shelf, 1, None));
        assert_eq!(first, (Some(2), MAKING));
        assert_eq!(second, (Some(1), Duration::ZERO));
    }

    /// FAC-5
    #[tokio::test(start_paused = true)]
    async fn one_makes_and_the_others_wait_for_it() {
        let shelf = Shelf::default();
        let take = |made| take(&shelf, 1, Some(made));
        let (first, second, third) = tokio::join!(take(1), take(2), take(3));
        assert_eq!([first, second, third], [(Some(1), MAKING); 3]);
        assert_eq!(*shelf.things(), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn when_making_fails_the_next_one_tries() {
        let shelf = Arc::new(Shelf::default());
        let (first, second) = tokio::join!(take(&shelf, 1, None), take(&shelf, 1, Some(7)));
        assert_eq!(first, (None, MAKING));
        assert_eq!(second, (Some(7), 2 * MAKING));

        // Whoever goes away leaves nobody waiting.
        shelf.things().clear();
        let gone = timeout(MAKING / 2, take(&shelf, 1, Some(8)));
        let (gone, next) = tokio::join!(gone, take(&shelf, 1, Some(9)));
        assert!(gone.is_err());
        assert_eq!(next, (Some(9), MAKING + MAKING / 2));
    }
}
