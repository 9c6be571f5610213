//! Errors, as rust-rdkafka has them.

use std::error::Error;
use std::ffi;
use std::fmt;

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::producer::ProducerError;

use crate::types::{RDKafkaConfRes, RDKafkaRespErr};

pub use crate::types::RDKafkaErrorCode;

/// A result of this crate.
pub type KafkaResult<T> = Result<T, KafkaError>;

/// Something that can be an error.
pub trait IsError {
    /// Whether it is one.
    fn is_error(&self) -> bool;
}

impl IsError for RDKafkaRespErr {
    fn is_error(&self) -> bool {
        *self != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
    }
}

impl IsError for RDKafkaConfRes {
    fn is_error(&self) -> bool {
        *self != RDKafkaConfRes::RD_KAFKA_CONF_OK
    }
}

impl IsError for RDKafkaError {
    fn is_error(&self) -> bool {
        self.code != RDKafkaErrorCode::NoError
    }
}

/// An error of a transactional call, with what to do about it.
#[derive(Clone)]
pub struct RDKafkaError {
    code: RDKafkaErrorCode,
    text: String,
    fatal: bool,
    retriable: bool,
    requires_abort: bool,
}

impl RDKafkaError {
    pub(crate) fn retriable(code: RDKafkaErrorCode, text: &str) -> RDKafkaError {
        RDKafkaError { code, text: text.into(), fatal: false, retriable: true, requires_abort: false }
    }

    pub(crate) fn state(text: &str) -> RDKafkaError {
        let code = RDKafkaErrorCode::State;
        RDKafkaError { code, text: text.into(), fatal: false, retriable: false, requires_abort: false }
    }

    /// What librdkafka makes of it.
    pub(crate) fn of_producer(error: ProducerError) -> RDKafkaError {
        let plain = |code: ErrorCode, fatal, requires_abort| RDKafkaError {
            code: match code {
                // librdkafka shows fencing, in whichever form a broker told it, as an error of its own.
                ErrorCode::ProducerFenced | ErrorCode::InvalidProducerEpoch if fatal => RDKafkaErrorCode::Fenced,
                code => code.into(),
            },
            text: code.name().into(),
            fatal,
            retriable: false,
            requires_abort,
        };
        match error {
            ProducerError::IllegalState(text) => RDKafkaError::state(text),
            ProducerError::Abortable(code) => plain(code, false, true),
            ProducerError::Fatal(code) => plain(code, true, false),
            ProducerError::Timeout => RDKafkaError::retriable(RDKafkaErrorCode::OperationTimedOut, "timed out"),
        }
    }

    /// The code.
    pub fn code(&self) -> RDKafkaErrorCode {
        self.code
    }

    /// Name of the code.
    pub fn name(&self) -> String {
        format!("{:?}", self.code)
    }

    /// A text for people.
    pub fn string(&self) -> String {
        self.text.clone()
    }

    /// The client is unusable: drop it.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }

    /// The same call may be repeated.
    pub fn is_retriable(&self) -> bool {
        self.retriable
    }

    /// The current transaction has to be aborted, and a new one may be begun.
    pub fn txn_requires_abort(&self) -> bool {
        self.requires_abort
    }
}

impl PartialEq for RDKafkaError {
    fn eq(&self, other: &RDKafkaError) -> bool {
        self.code == other.code
    }
}

impl Eq for RDKafkaError {}

impl fmt::Debug for RDKafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RDKafkaError({self})")
    }
}

impl fmt::Display for RDKafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for RDKafkaError {}

/// Whatever can go wrong.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum KafkaError {
    /// An admin operation could not be made.
    AdminOpCreation(String),
    /// An admin operation failed.
    AdminOp(RDKafkaErrorCode),
    /// A client could not be made.
    ClientCreation(String),
    /// Offsets were not committed.
    ConsumerCommit(RDKafkaErrorCode),
    /// A consumer's queue was not closed.
    ConsumerQueueClose(RDKafkaErrorCode),
    /// Not everything was flushed.
    Flush(RDKafkaErrorCode),
    /// Something about the client as a whole.
    Global(RDKafkaErrorCode),
    /// Groups could not be listed.
    GroupListFetch(RDKafkaErrorCode),
    /// A message could not be consumed.
    MessageConsumption(RDKafkaErrorCode),
    /// The consumer can do nothing more.
    MessageConsumptionFatal(RDKafkaErrorCode),
    /// A message was not produced.
    MessageProduction(RDKafkaErrorCode),
    /// Metadata could not be had.
    MetadataFetch(RDKafkaErrorCode),
    /// Offsets could not be had.
    OffsetFetch(RDKafkaErrorCode),
    /// Partitions could not be paused or resumed.
    PauseResume(String),
    /// A rebalance failed.
    Rebalance(RDKafkaErrorCode),
    /// A seek failed.
    Seek(String),
    /// An offset could not be set in a list.
    SetPartitionOffset(RDKafkaErrorCode),
    /// An offset could not be stored.
    StoreOffset(RDKafkaErrorCode),
    /// A subscription was refused.
    Subscription(String),
    /// Of the mock cluster, which is not here.
    MockCluster(RDKafkaErrorCode),
    /// The client was dropped before the operation was done.
    Canceled,
    /// A setting was refused: result, description, key, value.
    ClientConfig(RDKafkaConfRes, String, String, String),
    /// No message within the poll's time.
    NoMessageReceived,
    /// A text has a zero in it.
    Nul(ffi::NulError),
    /// The end of a partition, if `enable.partition.eof` asks for it.
    PartitionEOF(i32),
    /// A transactional call failed.
    Transaction(RDKafkaError),
}

impl fmt::Display for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KafkaError::AdminOpCreation(err) => write!(f, "Admin operation creation error: {err}"),
            KafkaError::AdminOp(err) => write!(f, "Admin operation error: {err}"),
            KafkaError::ClientCreation(err) => write!(f, "Client creation error: {err}"),
            KafkaError::ConsumerCommit(err) => write!(f, "Consumer commit error: {err}"),
            KafkaError::ConsumerQueueClose(err) => write!(f, "Consumer queue close error: {err}"),
            KafkaError::Flush(err) => write!(f, "Flush error: {err}"),
            KafkaError::Global(err) => write!(f, "Global error: {err}"),
            KafkaError::GroupListFetch(err) => write!(f, "Group list fetch error: {err}"),
            KafkaError::MessageConsumption(err) => write!(f, "Message consumption error: {err}"),
            KafkaError::MessageConsumptionFatal(err) => write!(f, "Message consumption error: {err}"),
            KafkaError::MessageProduction(err) => write!(f, "Message production error: {err}"),
            KafkaError::MetadataFetch(err) => write!(f, "Meta data fetch error: {err}"),
            KafkaError::OffsetFetch(err) => write!(f, "Offset fetch error: {err}"),
            KafkaError::PauseResume(err) => write!(f, "Pause/resume error: {err}"),
            KafkaError::Rebalance(err) => write!(f, "Rebalance error: {err}"),
            KafkaError::Seek(err) => write!(f, "Seek error: {err}"),
            KafkaError::SetPartitionOffset(err) => write!(f, "Set partition offset error: {err}"),
            KafkaError::StoreOffset(err) => write!(f, "Store offset error: {err}"),
            KafkaError::Subscription(err) => write!(f, "Subscription error: {err}"),
            KafkaError::MockCluster(err) => write!(f, "Mock cluster error: {err}"),
            KafkaError::Canceled => f.write_str("KafkaError (Client dropped)"),
            KafkaError::ClientConfig(_, what, key, value) => {
                write!(f, "Client config error: {what} {key} {value}")
            }
            KafkaError::NoMessageReceived => f.write_str("No message received within the given poll interval"),
            KafkaError::Nul(_) => f.write_str("FFI nul error"),
            KafkaError::PartitionEOF(partition) => write!(f, "Partition EOF: {partition}"),
            KafkaError::Transaction(err) => write!(f, "Transaction error: {err}"),
        }
    }
}

impl fmt::Debug for KafkaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaError ({self})")
    }
}

impl Error for KafkaError {}

impl From<ffi::NulError> for KafkaError {
    fn from(err: ffi::NulError) -> KafkaError {
        KafkaError::Nul(err)
    }
}

impl KafkaError {
    /// The code within, where there is one.
    pub fn rdkafka_error_code(&self) -> Option<RDKafkaErrorCode> {
        use KafkaError::*;
        match self {
            ConsumerCommit(c)
            | ConsumerQueueClose(c)
            | Flush(c)
            | Global(c)
            | GroupListFetch(c)
            | MessageConsumption(c)
            | MessageConsumptionFatal(c)
            | MessageProduction(c)
            | MetadataFetch(c)
            | OffsetFetch(c)
            | Rebalance(c)
            | SetPartitionOffset(c)
            | StoreOffset(c)
            | MockCluster(c) => Some(*c),
            Transaction(err) => Some(err.code()),
            _ => None,
        }
    }

    pub(crate) fn of_transaction(error: ProducerError) -> KafkaError {
        KafkaError::Transaction(RDKafkaError::of_producer(error))
    }
}
