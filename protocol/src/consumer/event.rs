//! What a consumer tells its application.

use core::fmt;
use core::ops::Range;
use std::sync::Arc;

use crate::batch::{Record, RecordBatch};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::OffsetToCommit;

/// Number of an offset commit, in the order of invocation.
pub type CommitId = u64;
/// Number of a question for committed offsets, in the order of asking.
pub type QueryId = u64;

/// A partition with its committed offset and leader epoch, if there is one.
pub type CommittedPosition = (TopicPartition, Option<(Offset, LeaderEpoch)>);

/// Records of one batch that a poll delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// Where they come from.
    pub tp: TopicPartition,
    /// The batch.
    pub batch: Arc<RecordBatch>,
    /// Which of the batch's records, by index.
    pub range: Range<u32>,
}

impl Records {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// The records with their offsets.
    pub fn iter(&self) -> impl Iterator<Item = (Offset, &Record)> {
        let base = self.batch.base_offset;
        let records = &self.batch.records()[self.range.start as usize..self.range.end as usize];
        self.range.clone().zip(records).map(move |(index, record)| (base + Offset::from(index), record))
    }
}

/// Where a new position came from (§6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PositionReason {
    /// The group's committed offset.
    Committed,
    /// `auto.offset.reset=earliest`.
    Earliest,
    /// `auto.offset.reset=latest`.
    Latest,
    /// The application.
    Seek,
    /// The log was truncated below the position: the divergence point.
    Truncated,
}

/// Why a commit failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommitFailure {
    /// The last error; 13 for a lost connection, 7 for a time-out.
    pub error: ErrorCode,
    /// Whether the offsets may have been committed all the same, or may yet be.
    pub unknown: bool,
}

/// What made a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitCause {
    /// The application called.
    Application,
    /// `enable.auto.commit`.
    Auto,
}

/// What a consumer cannot go on after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerError {
    /// No committed offset and `auto.offset.reset=none`. The partition waits for a seek; everything else goes on.
    NoOffsetForPartition(TopicPartition),
    /// Position outside the log and `auto.offset.reset=none`. The partition waits for a seek.
    OffsetOutOfRange(TopicPartition),
    /// The log was truncated below the position and `auto.offset.reset=none`: divergence point, -1 where unknown. The
    /// partition waits for a seek.
    LogTruncation(TopicPartition, Offset),
    /// A partition answered with an error that is not retriable. The partition waits for a seek.
    Partition(TopicPartition, ErrorCode),
    /// The group answered with an error that is not retriable: the consumer is dead.
    Group(ErrorCode),
}

impl fmt::Display for ConsumerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConsumerError::NoOffsetForPartition(tp) => {
                write!(f, "no committed offset for {tp:?} and no reset policy")
            }
            ConsumerError::OffsetOutOfRange(tp) => write!(f, "position of {tp:?} out of range and no reset policy"),
            ConsumerError::LogTruncation(tp, to) => {
                write!(f, "log of {tp:?} truncated to {to} and no reset policy")
            }
            ConsumerError::Partition(tp, error) => write!(f, "{tp:?}: {error}"),
            ConsumerError::Group(error) => write!(f, "group: {error}"),
        }
    }
}

impl std::error::Error for ConsumerError {}

/// Something that the application learns; pulled by [`super::Consumer::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerEvent {
    /// Partitions were added. Their positions follow, one [`ConsumerEvent::PositionReset`] each.
    Assigned {
        /// The new ones, sorted.
        partitions: Vec<TopicPartition>,
        /// The group's generation; -1 without a group.
        generation: i32,
    },
    /// Partitions are about to be taken away: finish with them, then call [`super::Consumer::revoked`]. Not said in
    /// automatic mode.
    Revoking {
        /// Sorted.
        partitions: Vec<TopicPartition>,
    },
    /// Partitions were given up in good order.
    Revoked {
        /// Sorted.
        partitions: Vec<TopicPartition>,
    },
    /// Partitions were lost together with the membership: whatever was in progress must not be committed.
    Lost {
        /// Sorted.
        partitions: Vec<TopicPartition>,
    },
    /// The partition is read from here on, whatever was read before.
    PositionReset {
        /// The partition.
        tp: TopicPartition,
        /// Offset of the next record to read.
        position: Offset,
        /// Why.
        reason: PositionReason,
    },
    /// A commit was invoked by the consumer itself or by the application.
    CommitBegun {
        /// Its number.
        id: CommitId,
        /// Who.
        cause: CommitCause,
        /// Generation of the membership; -1 without one.
        generation: i32,
        /// What.
        offsets: Vec<OffsetToCommit>,
    },
    /// A commit returned.
    CommitDone {
        /// Its number.
        id: CommitId,
        /// How it went.
        result: Result<(), CommitFailure>,
    },
    /// Answer to [`super::Consumer::committed`]: per partition offset and leader epoch, `None` where nothing is committed.
    Committed {
        /// Number of the question.
        id: QueryId,
        /// In the order of the question.
        offsets: Vec<CommittedPosition>,
    },
    /// The application waits in a poll, and there are records now.
    RecordsAvailable,
    /// The application did not poll within `max.poll.interval.ms`: the consumer left its group.
    PollTimeout,
    /// Something cannot go on by itself.
    Fatal(ConsumerError),
    /// [`super::Consumer::close`] is done.
    Closed,
}
