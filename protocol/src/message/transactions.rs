//! Transactions: those of a producer, those between coordinator and leaders.

use super::groups::{GroupMetadata, OffsetToCommit};
use super::partitions::PartitionErrors;
use crate::batch::TransactionResult;
use crate::error::ErrorCode;
use crate::ids::*;

/// §1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerIdRequest {
    /// API version: below 4 sees 47 in place of 90.
    pub version: i16,
    /// `None` for an idempotent producer.
    pub transactional_id: Option<Name>,
    /// `transaction.timeout.ms` of the producer.
    pub transaction_timeout_ms: i32,
    /// Pair that the producer has, or [`ProducerIdAndEpoch::NONE`] (KIP-360).
    pub producer: ProducerIdAndEpoch,
}

/// Answer to InitProducerId.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// The pair to use from now on.
    pub result: Result<ProducerIdAndEpoch, ErrorCode>,
}

/// §1.4: v0–3 come from clients with one transaction, v4–5 from brokers with many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsToTxnRequest {
    /// API version.
    pub version: i16,
    /// The transactions.
    pub transactions: Vec<AddPartitionsTransaction>,
}

/// Partitions of one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsTransaction {
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// Only ask whether they are there (brokers, below transaction version 2).
    pub verify_only: bool,
    /// The partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to AddPartitionsToTxn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddPartitionsToTxnResponse {
    /// Error of the whole request (v4+).
    pub error: Option<ErrorCode>,
    /// Per transactional id, in request order: per partition an error or success.
    pub transactions: Vec<(Name, PartitionErrors)>,
}

/// §1.5; never used by a client of transaction version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxnRequest {
    /// API version.
    pub version: i16,
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// The group whose offsets are committed.
    pub group_id: Name,
}

/// Answer to AddOffsetsToTxn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddOffsetsToTxnResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
}

/// §1.8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTxnRequest {
    /// API version: ≥ 5 speaks transaction version 2, below 2 sees 47 in place of 90.
    pub version: i16,
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// Commit or abort.
    pub result: TransactionResult,
}

/// Answer to EndTxn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTxnResponse {
    /// `None` for success.
    pub error: Option<ErrorCode>,
    /// v5: the pair for the next transaction; [`ProducerIdAndEpoch::NONE`] before and on error.
    pub producer: ProducerIdAndEpoch,
}

/// §1.9.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteTxnMarkersRequest {
    /// The markers.
    pub markers: Vec<TxnMarkerEntry>,
}

/// One marker for some partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnMarkerEntry {
    /// Producer id and the epoch that the marker carries.
    pub producer: ProducerIdAndEpoch,
    /// Commit or abort.
    pub result: TransactionResult,
    /// Coordinator epoch.
    pub coordinator_epoch: CoordinatorEpoch,
    /// 0 or 2 (KIP-1228).
    pub transaction_version: u8,
    /// Where it is to be written.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to WriteTxnMarkers: entries of one producer id are merged, as in Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteTxnMarkersResponse {
    /// Per producer id and partition.
    pub markers: Vec<(ProducerId, PartitionErrors)>,
}

/// §1.10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommitRequest {
    /// API version: ≥ 5 speaks transaction version 2.
    pub version: i16,
    /// Transactional id.
    pub transactional_id: Name,
    /// Its producer.
    pub producer: ProducerIdAndEpoch,
    /// The consumer's identity.
    pub group: GroupMetadata,
    /// The offsets.
    pub offsets: Vec<OffsetToCommit>,
}

/// Answer to TxnOffsetCommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnOffsetCommitResponse {
    /// Per partition.
    pub partitions: PartitionErrors,
}
