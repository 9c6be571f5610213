//! What the two coordinators have in common: they write to partitions of an internal topic and wait for the high
//! watermark. The broker that hosts them does the writing.

use std::sync::Arc;

use crate::batch::RecordBatch;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::image::ClusterImage;
use crate::io::{ConnId, Output, Outputs};
use crate::log::{EndMarker, PartitionLog, VerificationGuard};
use crate::message::{Request, Response};
use crate::time::{Instant, Now, Span};

/// Which of the two coordinators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CoordinatorKind {
    Transaction,
    Group,
}

impl CoordinatorKind {
    /// In the order in which they do what is due.
    pub const BOTH: [CoordinatorKind; 2] = [CoordinatorKind::Transaction, CoordinatorKind::Group];

    /// The coordinator whose log is `topic`.
    pub fn of(topic: TopicId) -> Option<CoordinatorKind> {
        match topic {
            TopicId::TRANSACTION_STATE => Some(CoordinatorKind::Transaction),
            TopicId::CONSUMER_OFFSETS => Some(CoordinatorKind::Group),
            _ => None,
        }
    }

    /// Topic of its log.
    pub fn topic(self) -> TopicId {
        match self {
            CoordinatorKind::Transaction => TopicId::TRANSACTION_STATE,
            CoordinatorKind::Group => TopicId::CONSUMER_OFFSETS,
        }
    }
}

/// Pairs a write with what waits for it; chosen by the coordinator, never reused within one broker run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a coordinator wants written to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Records of the coordinator; a transactional batch carries the guard that its verification gave.
    Batch(Arc<RecordBatch>, Option<VerificationGuard>),
    /// An end-of-transaction marker (group coordinator only).
    Marker(EndMarker),
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

/// What a coordinator pushes.
#[derive(Debug, Default)]
pub struct CoordinatorOutputs {
    /// Answers and messages.
    pub net: Outputs,
    /// Writes, in order.
    pub appends: Vec<CoordinatorAppend>,
    /// Markers that are settled (group coordinator only).
    pub markers: Vec<MarkerDone>,
}

/// A marker that the group coordinator finished, or could not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkerDone {
    /// What the broker passed with the marker.
    pub token: u64,
    /// 14, 15 and 16 are shown as 6 (§1.9).
    pub outcome: Result<(), ErrorCode>,
}

/// What a coordinator is given with every call, and where it pushes.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Time.
    pub now: Now,
    /// The broker's view of the cluster.
    pub image: &'a ClusterImage,
    /// What the call brings about.
    pub out: &'a mut CoordinatorOutputs,
}

impl Turn<'_> {
    pub(crate) fn respond(&mut self, conn: ConnId, response: impl Into<Response>) {
        self.out.net.push(Output::Respond(conn, response.into()));
    }
}

/// A coordinator: a state machine over the partitions of one internal topic. Its broker tells it which of them it leads,
/// does its writing, and says what became of each write.
pub trait Coordinator {
    /// The broker leads a partition of the topic from now on, at this epoch. Until [`Coordinator::load`] requests are
    /// answered COORDINATOR_LOAD_IN_PROGRESS.
    fn elected(&mut self, turn: &mut Turn<'_>, partition: u32, epoch: CoordinatorEpoch);

    /// The broker leads the partition no longer: what is in memory goes, and who waits is told NOT_COORDINATOR.
    fn resigned(&mut self, turn: &mut Turn<'_>, partition: u32);

    /// The partition's log is read, up to its end (§3.10, §4.2). Ignored unless [`Coordinator::elected`] came before with
    /// the same epoch. With a ticket, the coordinator wants to be told ([`Coordinator::committed`]) when the high watermark
    /// has reached the end that the log has now.
    fn load(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        log: &PartitionLog,
    ) -> Option<Ticket>;

    /// One of its requests. It is answered by [`crate::io::Output::Respond`], now or later.
    ///
    /// # Panics
    /// On a request of somebody else: routing it here is the broker's bug.
    fn request(&mut self, turn: &mut Turn<'_>, conn: ConnId, request: Request);

    /// First outcome of a write: it was appended to the local log, or could not be.
    fn written(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Written);

    /// Second outcome of a write: the high watermark has passed it, or the wait for that ended.
    fn committed(&mut self, turn: &mut Turn<'_>, ticket: Ticket, outcome: Committed);

    /// When [`Coordinator::handle_timeout`] has something to do.
    fn poll_timeout(&self) -> Instant;

    /// Does what is due.
    fn handle_timeout(&mut self, turn: &mut Turn<'_>);
}

/// What the caller of a coordinator sees of a failed append to its log (§3.3 step 4, §4.2, §1.10).
pub fn shown(error: ErrorCode) -> ErrorCode {
    use ErrorCode::*;
    match error {
        UnknownTopicOrPartition | NotEnoughReplicas | NotEnoughReplicasAfterAppend | RequestTimedOut => {
            CoordinatorNotAvailable
        }
        NotLeaderOrFollower | KafkaStorageError | FencedLeaderEpoch => NotCoordinator,
        MessageTooLarge | RecordListTooLarge => UnknownServerError,
        other => other,
    }
}
