//! Deadlines of the coordinator, sorted, with the earliest one at hand.

use std::collections::BTreeSet;

use crate::time::Instant;

/// What a deadline is for. Groups and members are named by serial numbers that are never reused, so that a timer that
/// outlived its subject finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The oldest held answer of a partition may have waited long enough.
    Replies { partition: u32 },
    /// A join phase ends, or its initial delay does.
    Join { partition: u32, group: u32 },
    /// Members that have not synced are dropped.
    Sync { partition: u32, group: u32 },
    /// A member (or a member id that was only handed out) may have been silent for too long.
    Session { partition: u32, group: u32, member: u32 },
    /// Offsets are looked through for expired ones.
    Expiry,
}

/// A set of deadlines.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    set: BTreeSet<(Instant, Timer)>,
    next: Instant,
}

impl Timers {
    pub(super) fn new() -> Timers {
        Timers { set: BTreeSet::new(), next: Instant::NEVER }
    }

    /// The earliest deadline.
    #[inline]
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Adds a deadline; [`Instant::NEVER`] adds nothing.
    pub(super) fn arm(&mut self, at: Instant, timer: Timer) {
        if at != Instant::NEVER {
            self.set.insert((at, timer));
            self.next = self.next.min(at);
        }
    }

    /// Removes a deadline if it is there.
    pub(super) fn cancel(&mut self, at: Instant, timer: Timer) {
        if self.set.remove(&(at, timer)) && at == self.next {
            self.find_next();
        }
    }

    /// Removes and returns the first deadline that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next > now {
            return None;
        }
        let (_, timer) = self.set.pop_first()?;
        self.find_next();
        Some(timer)
    }

    fn find_next(&mut self) {
        self.next = self.set.first().map_or(Instant::NEVER, |(at, _)| *at);
    }
}
