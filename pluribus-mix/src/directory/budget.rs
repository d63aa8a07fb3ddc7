//! How often something may be tried (DIR-22): a bucket that fills with time.

use super::Wall;

/// Tokens for tries: so many at once, and one more after so many seconds.
#[derive(Clone, Debug)]
pub struct Budget {
    most: u32,
    left: u32,
    /// Seconds for one token.
    every: u64,
    /// When the last token that counts came in.
    counted: Wall,
}

impl Budget {
    /// A full bucket of `most` tokens, one of which comes back every so many `seconds` (at least 1).
    #[must_use]
    pub fn new(most: u32, seconds: u64, now: Wall) -> Self {
        Self {
            most,
            left: most,
            every: seconds.max(1),
            counted: now,
        }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When the next one will be there; never, if the bucket holds none at all.
    pub fn take(&mut self, now: Wall) -> Result<(), Wall> {
        self.fill(now);
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None if self.most == 0 => Err(Wall(u64::MAX)),
            None => Err(self.counted.plus(self.every)),
        }
    }

    /// A clock that was put back starts the count anew and gives nothing.
    fn fill(&mut self, now: Wall) {
        if now < self.counted {
            self.counted = now;
        }
        let come = now.since(self.counted) / self.every;
        self.counted = self.counted.plus(come * self.every);
        let come = u32::try_from(come).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(come).min(self.most);
        if self.left == self.most {
            self.counted = now;
        }
    }
}
