//! What a pipeline did, for whoever writes a history of it.

use super::config::CrashPoint;
use crate::batch::Origin;
use crate::consumer::{ConsumerEvent, Records};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::{GroupMetadata, OffsetToCommit, ProducerIdAndEpoch};
use crate::producer::DeliveryError;

/// How something that was invoked ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen and will not.
    Failed,
    /// It happened, or not, or will yet.
    Unknown,
}

/// What a pipeline is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Not yet started.
    New,
    /// initTransactions of the current incarnation.
    Initializing,
    /// Between two steps.
    Deciding,
    /// Inside a poll.
    Polling,
    /// Processing records and sending outputs.
    Processing,
    /// Waiting for outputs to be acknowledged (not in transactions).
    Flushing,
    /// Committing offsets outside a transaction.
    CommittingOffsets,
    /// sendOffsetsToTransaction.
    SendingOffsets,
    /// commitTransaction.
    Committing,
    /// abortTransaction.
    Aborting,
    /// Asking for the committed offsets, to go back to them.
    Rewinding,
    /// Closing a producer that is of no use any more.
    ReplacingProducer,
    /// Pausing before a new producer is initialised, because the last one failed at that.
    BackingOff,
    /// Leaving the group.
    ClosingConsumer,
    /// Closing the producer.
    ClosingProducer,
    /// Closed, or failed for good.
    Dead,
}

/// Something that happened. `n` is the ordinal of a transaction, from 0, never reused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PipelineEvent {
    /// Of the reading side: assignments, positions (a rewind's excepted), offset commits outside transactions, failures.
    Consumer(ConsumerEvent),
    /// The pipeline reads on from what is committed.
    Rewound {
        /// The partition.
        tp: TopicPartition,
        /// Offset of the next record to read.
        position: Offset,
    },
    /// A poll returned these.
    Read(Records),
    /// The application is to do its own work for these, and to say so by [`super::Pipeline::worked`]
    /// ([`super::PipelineConfig::own_work`]). Their outputs are sent when it is done.
    Work {
        /// Number of the work, increasing: what is done for an earlier one is not wanted any more.
        number: u64,
        /// What the poll returned.
        records: Vec<Records>,
    },
    /// The application is to say from where these partitions are read, by [`super::Pipeline::located`]
    /// ([`super::PipelineConfig::own_offsets`]). Nothing of them is delivered before that.
    Locate {
        /// Partitions that were assigned, or to which the pipeline goes back.
        partitions: Vec<TopicPartition>,
    },
    /// An output was handed to `send()`.
    Sent {
        /// Number of the operation, increasing, never reused.
        op: u64,
        /// Topic.
        topic: TopicId,
        /// The output's identity.
        origin: Origin,
        /// The transaction that it is part of.
        n: Option<u64>,
        /// Fingerprint of its value; none for a tombstone.
        value: Option<u64>,
    },
    /// Fate of an output.
    Delivered {
        /// The operation.
        op: u64,
        /// Where it is, or why it is not there.
        result: Result<(TopicPartition, Offset), DeliveryError>,
    },
    /// A transaction began.
    Begun {
        /// Ordinal.
        n: u64,
    },
    /// sendOffsetsToTransaction was called.
    Offsets {
        /// Ordinal.
        n: u64,
        /// Next offsets to read.
        offsets: Vec<OffsetToCommit>,
        /// In whose name.
        group: GroupMetadata,
    },
    /// commitTransaction or abortTransaction was called. Not said again when the call is repeated after a time-out.
    Ending {
        /// Ordinal.
        n: u64,
        /// Commit, or abort.
        commit: bool,
    },
    /// `max.block.ms` passed: the same call is repeated (§5.2), for the outcome is not known.
    TimedOut {
        /// Ordinal.
        n: u64,
        /// Commit, or abort.
        commit: bool,
    },
    /// commitTransaction or abortTransaction returned.
    Ended {
        /// Ordinal.
        n: u64,
        /// Commit, or abort.
        commit: bool,
        /// How.
        outcome: Outcome,
        /// The error, unless the outcome is `Ok`.
        error: Option<ErrorCode>,
    },
    /// The producer is of no use any more; `fenced` if a newer one with its transactional id is the reason.
    ProducerFailed {
        /// Why.
        error: ErrorCode,
        /// 90, 47.
        fenced: bool,
    },
    /// A new producer takes over.
    Incarnation(u32),
    /// Producer id and epoch from now on.
    Epoch(ProducerIdAndEpoch),
    /// An idempotent producer rewrote batches of unknown outcome at a new epoch (§5.6): these operations may be there twice.
    LocalEpochBump {
        /// The partition.
        tp: TopicPartition,
        /// The operations.
        ops: Vec<u64>,
    },
    /// The pipeline halted at a point where it was told to.
    Halted(CrashPoint),
    /// The pipeline cannot go on.
    Fatal(ErrorCode),
    /// [`super::Pipeline::close`] is done.
    Closed,
}
