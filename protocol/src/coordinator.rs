//! What the two coordinators have in common: they write to partitions of an internal topic and wait for the high
//! watermark. The broker that hosts them does the writing.

use std::sync::Arc;

use crate::batch::{RecordBatch, TransactionResult};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::ClusterImage;
use crate::io::Outputs;
use crate::log::VerificationGuard;
use crate::message::ProducerIdAndEpoch;
use crate::time::{Now, Span};

/// Pairs a write with what waits for it; chosen by the coordinator, never reused within one broker run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a coordinator wants written to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Records of the coordinator; a transactional batch carries the guard that its verification gave.
    Batch(Arc<RecordBatch>, Option<VerificationGuard>),
    /// An end-of-transaction marker (group coordinator only).
    Marker {
        /// Producer id and epoch of the marker.
        producer: ProducerIdAndEpoch,
        /// Commit or abort.
        result: TransactionResult,
        /// Epoch of the transaction coordinator that ordered it.
        coordinator_epoch: CoordinatorEpoch,
        /// 0 or 2.
        transaction_version: u8,
    },
}

/// A write that the broker performs right after the coordinator's handler returns.
///
/// The broker answers twice: `written` at once (appended locally, or the error that prevented it), then, if it was
/// written, `committed` when the high watermark has passed it, or failed with what went wrong (7 on timeout, 6 when the
/// leadership is lost, 20 when the in-sync set shrank).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoordinatorAppend {
    /// Partition of the internal topic.
    pub tp: TopicPartition,
    /// The coordinator's epoch; the broker refuses (16) if it leads the partition at another leader epoch.
    pub epoch: CoordinatorEpoch,
    /// What to write.
    pub entry: Entry,
    /// Check min.insync.replicas before the append, as an acks=all produce does (transaction log), or not (group log).
    pub check_min_isr: bool,
    /// How long to wait for the high watermark.
    pub timeout: Span,
    /// Comes back with the outcome.
    pub ticket: Ticket,
}

/// Outcome of a [`CoordinatorAppend`] at its first step: base offset of the batch.
pub type Written = Result<Offset, ErrorCode>;
/// Outcome of a [`CoordinatorAppend`] at its second step.
pub type Committed = Result<(), ErrorCode>;

/// What a coordinator is given with every call.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Time.
    pub now: Now,
    /// The broker's view of the cluster.
    pub image: &'a ClusterImage,
}

/// What a coordinator pushes.
#[derive(Debug, Default)]
pub struct CoordinatorOutputs {
    /// Answers and messages.
    pub net: Outputs,
    /// Writes, in order.
    pub appends: Vec<CoordinatorAppend>,
}
