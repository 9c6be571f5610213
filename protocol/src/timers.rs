//! A table of timers in order, so that the earliest is at hand.

use crate::sorted::Sorted;
use crate::time::Instant;

/// Timers of one machine; `T` says what is due, and its order decides between timers of the same instant.
///
/// Most are set for later than the others, and there are few.
#[derive(Clone, Debug)]
pub(crate) struct Timers<T>(Sorted<(Instant, T), ()>);

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers(Sorted::default())
    }
}

impl<T: Copy + Ord> Timers<T> {
    /// Adds a timer; one that is never reached is left out.
    pub fn set(&mut self, at: Instant, timer: T) {
        if at != Instant::NEVER {
            self.0.insert((at, timer), ());
        }
    }

    /// Removes a timer if it is there.
    pub fn clear(&mut self, at: Instant, timer: T) {
        if at != Instant::NEVER {
            self.0.remove(&(at, timer));
        }
    }

    /// The earliest instant.
    #[inline]
    pub fn next(&self) -> Instant {
        self.0.first().map_or(Instant::NEVER, |((at, _), ())| *at)
    }

    /// Takes the earliest timer that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next() > now {
            return None;
        }
        self.0.pop_first().map(|((_, timer), ())| timer)
    }
}
