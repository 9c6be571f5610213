//! What messages are about.

use fencepost_kernel::vocabulary;
use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::Request as KafkaRequest;

use crate::message::Request;

/// What a request is about. The receiver's role (leader of the partition, coordinator of the sender's transactional id or
/// group) follows from kind and subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// Nothing in particular; told apart by attempt.
    Any,
    /// A batch: partition, producer epoch (-1 for none), and base sequence or, without one, the first record's index.
    Batch(TopicPartition, i16, i64),
    /// A position in a partition.
    Position(TopicPartition, i64),
    /// A partition.
    Partition(TopicPartition),
    /// A transaction: producer id and epoch. Of a client the epoch alone, and -1 in place of the id.
    Transaction(i64, i16),
    /// A generation of the group.
    Generation(i32),
    /// Something that a service wrote: the number of the order, or of the row of an outbox.
    Row(i64),
}

impl Subject {
    /// What `request` is about.
    #[inline]
    pub fn of(request: &Request) -> Subject {
        match request {
            Request::Kafka(request) => Subject::of_kafka(request),
            Request::Sink(request) => request.about,
        }
    }

    fn of_kafka(request: &KafkaRequest) -> Subject {
        use KafkaRequest as Request;
        match request {
            Request::Produce(r) => match r.partitions.first() {
                Some(p) => {
                    let first = p.batch.records().first().map_or(0, |r| r.origin.offset);
                    let number = if p.batch.base_sequence >= 0 { i64::from(p.batch.base_sequence) } else { first };
                    Subject::Batch(p.tp, p.batch.producer_epoch, number)
                }
                None => Subject::Any,
            },
            Request::Fetch(r) => match r.partitions.first() {
                Some(p) => Subject::Position(p.tp, p.fetch_offset),
                None => Subject::Any,
            },
            Request::ListOffsets(r) => r.partitions.first().map_or(Subject::Any, |p| Subject::Partition(p.0)),
            Request::OffsetForLeaderEpoch(r) => r.partitions.first().map_or(Subject::Any, |p| Subject::Partition(p.0)),
            Request::AlterPartition(r) => {
                r.partitions.first().map_or(Subject::Any, |p| Subject::Position(p.tp, i64::from(p.partition_epoch)))
            }
            Request::InitProducerId(r) => Subject::Transaction(r.producer.id, r.producer.epoch),
            Request::AddPartitionsToTxn(r) => match r.transactions.first() {
                Some(t) => Subject::Transaction(t.producer.id, t.producer.epoch),
                None => Subject::Any,
            },
            Request::AddOffsetsToTxn(r) => Subject::Transaction(r.producer.id, r.producer.epoch),
            Request::EndTxn(r) => Subject::Transaction(r.producer.id, r.producer.epoch),
            Request::TxnOffsetCommit(r) => Subject::Transaction(r.producer.id, r.producer.epoch),
            Request::WriteTxnMarkers(r) => match r.markers.first() {
                Some(m) => Subject::Transaction(m.producer.id, m.producer.epoch),
                None => Subject::Any,
            },
            Request::SyncGroup(r) => Subject::Generation(r.group.generation),
            Request::Heartbeat(r) => Subject::Generation(r.group.generation),
            Request::OffsetCommit(r) => match r.offsets.first() {
                Some(o) => Subject::Position(o.tp, o.offset),
                None => Subject::Any,
            },
            _ => Subject::Any,
        }
    }

    /// The partition, where there is one.
    pub fn partition(self) -> Option<TopicPartition> {
        match self {
            Subject::Batch(p, ..) | Subject::Position(p, _) | Subject::Partition(p) => Some(p),
            _ => None,
        }
    }

    /// A client is known by its name: the producer id that it was given, which depends on who asked before, does not
    /// belong to the names of its messages.
    pub(super) fn of_client(self) -> Subject {
        match self {
            Subject::Transaction(_, epoch) => Subject::Transaction(-1, epoch),
            other => other,
        }
    }
}

impl vocabulary::Subject for Subject {
    fn words(self) -> (u64, u64) {
        let tp = |tp: TopicPartition| u64::from(tp.topic.0) << 32 | u64::from(tp.partition);
        match self {
            Subject::Any => (0, 0),
            Subject::Batch(p, epoch, n) => (1 << 60 | tp(p), n as u64 ^ (epoch as u16 as u64) << 48),
            Subject::Position(p, n) => (2 << 60 | tp(p), n as u64),
            Subject::Partition(p) => (3 << 60 | tp(p), 0),
            Subject::Transaction(id, epoch) => (4 << 60 | epoch as u16 as u64, id as u64),
            Subject::Generation(g) => (5 << 60, g as u32 as u64),
            Subject::Row(n) => (6 << 60, n as u64),
        }
    }
}
