//! What a producer tells its application.

use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::ProducerIdAndEpoch;

/// State of a producer (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProducerState {
    /// No producer id yet.
    Uninitialized,
    /// InitProducerId is under way.
    Initializing,
    /// Between transactions; an idempotent producer that has its id.
    Ready,
    /// Between `begin_transaction` and its end.
    InTransaction,
    /// A commit is under way.
    CommittingTransaction,
    /// An abort is under way.
    AbortingTransaction,
    /// Only an abort helps.
    AbortableError,
    /// Only closing helps.
    FatalError,
}

/// Why a call was refused, or why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProducerError {
    /// The call does not fit the state; nothing has changed (§5.1). The text says what does not fit.
    IllegalState(&'static str),
    /// The transaction has failed: abort it and go on with the next. A failure that Kafka has no code for (an exception
    /// without one) shows as UNKNOWN_SERVER_ERROR, an expired batch as REQUEST_TIMED_OUT.
    Abortable(ErrorCode),
    /// The producer is unusable: close it.
    Fatal(ErrorCode),
    /// `max.block.ms` has passed. The operation goes on; repeat the same call to wait again (§5.2).
    Timeout,
}

/// Why a record was not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryErrorKind {
    /// A broker answered so and retrying did not help or is not allowed; or the transaction or the producer failed with
    /// this code before the record was sent.
    Code(ErrorCode),
    /// `delivery.timeout.ms` has passed.
    DeliveryTimeout,
    /// `max.block.ms` has passed without metadata of the topic or partition.
    MetadataTimeout,
    /// `max.block.ms` has passed without free buffer memory.
    BufferTimeout,
    /// Larger than `max.request.size` or `buffer.memory`.
    RecordTooLarge,
    /// The transaction was aborted before the record was sent.
    TransactionAborted,
    /// The producer was closed before the record was delivered.
    Closed,
}

/// Whether a failed record may be in the log all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// It is not, and will not be, in the log.
    Definite,
    /// It may be in the log, or may still get there (a late request).
    Unknown,
}

/// Why a record was not delivered, and how sure that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryError {
    /// The cause.
    pub error: DeliveryErrorKind,
    /// Whether the record may be in the log all the same.
    pub certainty: Certainty,
}

/// What happened, in order; see [`super::Producer::poll_event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProducerEvent {
    /// Fate of one record. The offset is -1 where Kafka does not tell it (`acks=0`, DUPLICATE_SEQUENCE_NUMBER).
    Delivered {
        /// What [`super::Producer::send`] was given.
        token: u64,
        /// Where the record is, or why it is not there.
        result: Result<(TopicPartition, Offset), DeliveryError>,
    },
    /// `init_transactions` returns.
    InitDone(Result<(), ProducerError>),
    /// `send_offsets_to_transaction` returns.
    OffsetsSent(Result<(), ProducerError>),
    /// `commit_transaction` returns.
    Committed(Result<(), ProducerError>),
    /// `abort_transaction` returns.
    Aborted(Result<(), ProducerError>),
    /// `flush` returns: every record sent before it has its [`ProducerEvent::Delivered`].
    Flushed,
    /// `close` returns; nothing follows.
    Closed,
    /// The producer has another id or epoch.
    EpochChanged(ProducerIdAndEpoch),
    /// An idempotent producer has given the unfinished batches of a partition new sequences at a new epoch (§5.6). Those
    /// whose first copy may have been written are no longer protected from duplication.
    LocalEpochBump {
        /// The partition.
        tp: TopicPartition,
        /// Records of rewritten batches that may already be in the log under their old sequences.
        rewritten_tokens_of_unknown_outcome: Vec<u64>,
    },
}
