//! Record batches: the unit that producers send and logs store (§2.1).

use std::sync::Arc;

use crate::content::Shared;
use crate::ids::*;
use crate::records::{GroupLogRecord, TransactionLogRecord};
pub use crate::value::{Blob, Value};

/// The identity of a record: a header that travels with it and that nothing in the protocol looks at.
///
/// A record that a workload produced names the workload and its index there; one that a pipeline produced names the
/// input record that it was computed from. Equal values are therefore distinct records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Where the input came from: a topic's id for a pipeline's output, `SOURCE | workload` for a generated record.
    pub source: u32,
    /// Partition of the input.
    pub partition: u32,
    /// Offset of the input, or index of the record within its workload.
    pub offset: i64,
    /// Pipeline stage that made the record; 0 for the workload itself.
    pub stage: u16,
    /// Which of the outputs of one input.
    pub index: u16,
}

impl Origin {
    /// Set in `source` when the record came from a workload, not from a topic.
    pub const SOURCE: u32 = 1 << 31;
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The identity header.
    pub origin: Origin,
    /// Create time, milliseconds of the producer's wall clock.
    pub timestamp_ms: i64,
    /// Key; decides the partition where the application names none.
    pub key: Option<Blob>,
    /// Value; `None` is a tombstone.
    pub value: Option<Value>,
}

impl Record {
    /// Bytes that the record counts for in `batch.size` and fetch limits: key, value and a constant for framing.
    pub fn size(&self) -> u32 {
        let key = self.key.as_ref().map_or(0, Blob::len);
        key + self.value.as_ref().map_or(0, Value::len) + RECORD_OVERHEAD
    }
}

/// What a record counts for beyond key and value. Kafka's varint framing makes it 7 to 70 bytes (with one header).
pub const RECORD_OVERHEAD: u32 = 30;
/// Size of a batch header (§2.1).
pub const BATCH_OVERHEAD: u32 = 61;

/// Outcome written in a control record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionResult {
    /// Control type 0.
    Abort,
    /// Control type 1.
    Commit,
}

/// What is inside a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An application's records.
    Records(Shared<Record>),
    /// An end-of-transaction marker: one control record.
    Marker {
        /// Commit or abort.
        result: TransactionResult,
        /// Epoch of the coordinator that wrote it.
        coordinator_epoch: CoordinatorEpoch,
    },
    /// Records of `__transaction_state`.
    TransactionLog(Shared<TransactionLogRecord>),
    /// Records of `__consumer_offsets`.
    GroupLog(Shared<GroupLogRecord>),
    /// A batch whose records compaction removed; the header stays.
    Empty,
}

/// A batch as it stands in a log: header fields and payload. The offset and the leader epoch are stamped by the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordBatch {
    /// Offset of the first record; 0 as sent by a client.
    pub base_offset: Offset,
    /// Offset of the last record minus `base_offset`; also the sequence delta.
    pub last_offset_delta: i32,
    /// Stamped by the leader.
    pub leader_epoch: LeaderEpoch,
    /// Part of a transaction (markers are too).
    pub transactional: bool,
    /// [`NO_PRODUCER_ID`] when the producer is not idempotent.
    pub producer_id: ProducerId,
    /// [`NO_PRODUCER_EPOCH`] when the producer is not idempotent.
    pub producer_epoch: ProducerEpoch,
    /// [`NO_SEQUENCE`] when the producer is not idempotent, and in markers.
    pub base_sequence: Sequence,
    /// Largest record timestamp, wall milliseconds.
    pub max_timestamp_ms: i64,
    /// Size in bytes, header included.
    pub size: u32,
    /// The records.
    pub payload: Payload,
}

impl RecordBatch {
    /// A batch of an application's records without producer identity, as a client would send it.
    pub fn of_records(records: Arc<[Record]>) -> RecordBatch {
        let size = records.iter().map(Record::size).sum::<u32>() + BATCH_OVERHEAD;
        RecordBatch {
            base_offset: 0,
            last_offset_delta: records.len() as i32 - 1,
            leader_epoch: NO_LEADER_EPOCH,
            transactional: false,
            producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_PRODUCER_EPOCH,
            base_sequence: NO_SEQUENCE,
            max_timestamp_ms: records.iter().map(|r| r.timestamp_ms).max().unwrap_or(0),
            size,
            payload: Payload::Records(records.into()),
        }
    }

    /// An end-of-transaction marker.
    pub fn marker(
        producer_id: ProducerId,
        producer_epoch: ProducerEpoch,
        result: TransactionResult,
        coordinator_epoch: CoordinatorEpoch,
        timestamp_ms: i64,
    ) -> RecordBatch {
        RecordBatch {
            base_offset: 0,
            last_offset_delta: 0,
            leader_epoch: NO_LEADER_EPOCH,
            transactional: true,
            producer_id,
            producer_epoch,
            base_sequence: NO_SEQUENCE,
            max_timestamp_ms: timestamp_ms,
            size: BATCH_OVERHEAD + 17,
            payload: Payload::Marker { result, coordinator_epoch },
        }
    }

    /// Offset of the last record.
    #[inline]
    pub fn last_offset(&self) -> Offset {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// Offset after the last record.
    #[inline]
    pub fn next_offset(&self) -> Offset {
        self.last_offset() + 1
    }

    /// Whether it is a control batch.
    #[inline]
    pub fn is_control(&self) -> bool {
        matches!(self.payload, Payload::Marker { .. })
    }

    /// The application's records; empty for markers and internal topics.
    pub fn records(&self) -> &[Record] {
        match &self.payload {
            Payload::Records(records) => records,
            _ => &[],
        }
    }
}
