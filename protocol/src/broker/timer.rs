//! The broker's timers in order, so that the earliest is at hand.

use super::jobs::Job;
use crate::ids::*;
use crate::io::Channel;
use crate::sorted::Sorted;
use crate::time::Instant;

/// What is due when a timer fires. The order decides between timers of the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A connection attempt, a request or a back-off of an outgoing connection.
    Link(Channel),
    /// Registration or heartbeat to the controller.
    Heartbeat,
    /// Metadata that was held back is applied.
    MetadataHold,
    /// A periodic job.
    Job(Job),
    /// A coordinator partition is loaded.
    Load,
    /// A write has waited long enough for the high watermark.
    Wait(TopicPartition, Offset, u64),
    /// A fetch has waited long enough.
    ParkedFetch(u32),
    /// The add of a transaction version 2 Produce is tried again (§1.6).
    AddRetry(u64),
    /// Partitions of a replica fetcher end their back-off.
    FetcherBackoff(NodeId),
    /// AlterPartition is sent again.
    AlterRetry,
}

/// The live timers in order. Most are set for later than the others, and there are few.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(Sorted<(Instant, Timer), ()>);

impl Timers {
    /// Adds a timer; one that is never reached is left out.
    pub fn set(&mut self, at: Instant, timer: Timer) {
        if at != Instant::NEVER {
            self.0.insert((at, timer), ());
        }
    }

    /// Removes a timer that [`Timers::set`] added.
    pub fn clear(&mut self, at: Instant, timer: Timer) {
        if at != Instant::NEVER {
            self.0.remove(&(at, timer));
        }
    }

    /// Earliest instant.
    #[inline]
    pub fn next(&self) -> Instant {
        self.0.first().map_or(Instant::NEVER, |((at, _), ())| *at)
    }

    /// Takes the earliest timer that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        if self.next() > now {
            return None;
        }
        self.0.pop_first().map(|((_, timer), ())| timer)
    }
}
