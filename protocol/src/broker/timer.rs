//! What the broker's timers are for.

use super::job::Job;
use crate::ids::*;
use crate::io::Channel;

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

/// The broker's timers.
pub(super) type Timers = crate::timers::Timers<Timer>;
