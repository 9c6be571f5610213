//! Logical names of messages: what a message is, not when it came.

use std::collections::BTreeMap;

use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::io::{Channel, Purpose};
use fencepost_protocol::message::{ApiKey, Request as KafkaRequest};

use super::Actor;
use crate::message::{Kind, Request};

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

    /// Two numbers that tell subjects apart, for digests and look-ups.
    pub fn words(self) -> (u64, u64) {
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

    /// The partition, where there is one.
    pub fn partition(self) -> Option<TopicPartition> {
        match self {
            Subject::Batch(p, ..) | Subject::Position(p, _) | Subject::Partition(p) => Some(p),
            _ => None,
        }
    }
}

/// The name of a request and of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MessageName {
    /// Sender of the request.
    pub from: Actor,
    /// How often the sender's process had been started before.
    pub incarnation: u32,
    /// The peer, where the role does not follow from the subject (brokers among themselves, look-ups).
    pub to: Option<NodeId>,
    /// Kind of request.
    pub kind: Kind,
    /// What it is about.
    pub subject: Subject,
    /// How many requests of the same sender, kind and subject came before.
    pub attempt: u32,
}

/// Counts attempts, so that repeated requests have names of their own.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    seen: BTreeMap<(Actor, u32, Option<NodeId>, Kind, Subject), u32>,
    last_position: BTreeMap<(Actor, Channel), Subject>,
}

impl Attempts {
    /// What a request that is about to be sent is about, as its name says it. Asking again changes nothing.
    pub fn subject(&mut self, from: Actor, channel: Channel, request: &Request) -> Subject {
        let mut subject = Subject::of(request);
        if matches!(channel.purpose, Purpose::Client | Purpose::PipelineProducer | Purpose::GroupCoordinator) {
            subject = subject.of_client();
        }
        if request.kind() == Kind::Kafka(ApiKey::Fetch) {
            // A fetch without news is named by its ordinal since its position last changed.
            match subject {
                Subject::Any => subject = *self.last_position.get(&(from, channel)).unwrap_or(&Subject::Any),
                position => {
                    self.last_position.insert((from, channel), position);
                }
            }
        }
        subject
    }

    /// Names a request that is about to be sent.
    pub fn name(&mut self, from: Actor, incarnation: u32, channel: Channel, request: &Request) -> MessageName {
        let kind = request.kind();
        let subject = self.subject(from, channel, request);
        let by_role = match kind {
            Kind::Kafka(kind) => matches!(
                kind,
                ApiKey::Produce
                    | ApiKey::InitProducerId
                    | ApiKey::AddOffsetsToTxn
                    | ApiKey::EndTxn
                    | ApiKey::TxnOffsetCommit
                    | ApiKey::JoinGroup
                    | ApiKey::SyncGroup
                    | ApiKey::Heartbeat
                    | ApiKey::LeaveGroup
                    | ApiKey::OffsetCommit
                    | ApiKey::OffsetFetch
            ),
            Kind::Sink(_) => true, // a client has one
        };
        let to = if by_role { None } else { Some(channel.to) };
        let count = self.seen.entry((from, incarnation, to, kind, subject)).or_default();
        let attempt = *count;
        *count += 1;
        MessageName { from, incarnation, to, kind, subject, attempt }
    }
}
