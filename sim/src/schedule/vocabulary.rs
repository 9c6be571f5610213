//! The words that runs of a Kafka cluster are told in.

use std::sync::Arc;

use fencepost_kernel::vocabulary::{About, Message, Vocabulary};
use fencepost_protocol::batch::RecordBatch;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::io::{Channel, Output, Purpose};
use fencepost_protocol::message::{ApiKey, Request as KafkaRequest, Response as KafkaResponse};

use super::{Actor, Own, Subject};
use crate::message::{Kind, Request, Response, inject};

/// A cluster of Kafka's, its clients, and the sinks beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kafka {}

/// What is told of a cluster beyond what the kernel tells.
#[derive(Clone, Debug)]
pub enum OwnTraced {
    /// The watermarks of a partition at its leader.
    Level {
        /// The partition.
        tp: TopicPartition,
        /// High watermark.
        hw: i64,
        /// Last stable offset.
        lso: i64,
    },
    /// The leader of a partition of an internal topic appended a batch.
    Stored(TopicPartition, Arc<RecordBatch>),
    /// The receiver leads a partition from now on.
    Leads(TopicPartition),
    /// Where the receiver stands from now on, in words, line by line.
    Stands(Vec<String>),
}

/// What is to be done later.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A controlled shutdown is looked at.
    CheckShutdown(Actor, u64),
    /// The next broker of a rolling restart, if the cluster is in sync.
    Roll(u32, u64),
    /// Write-back of a broker's page cache.
    WriteBack(Actor, u32),
}

/// Kinds of messages that probes aim at: all that the protocol of transactions, groups and replication rests on.
const AIMS: [ApiKey; 24] = [
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::Fetch,
    ApiKey::InitProducerId,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::EndTxn,
    ApiKey::EndTxn,
    ApiKey::WriteTxnMarkers,
    ApiKey::WriteTxnMarkers,
    ApiKey::TxnOffsetCommit,
    ApiKey::TxnOffsetCommit,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::Metadata,
    ApiKey::AlterPartition,
    ApiKey::MetadataFetch,
];

const KINDS_AIMED_AT: [Kind; AIMS.len()] = {
    let mut kinds = [Kind::Kafka(ApiKey::Produce); AIMS.len()];
    let mut n = 0;
    while n < AIMS.len() {
        kinds[n] = Kind::Kafka(AIMS[n]);
        n += 1;
    }
    kinds
};

impl Vocabulary for Kafka {
    type Request = Request;
    type Response = Response;
    type Kind = Kind;
    type Subject = Subject;
    type Item = TopicPartition;
    type Address = NodeId;
    type Channel = Channel;
    type Error = ErrorCode;
    type Action = Own;
    type Step = Step;
    type Output = Output;
    type Traced = OwnTraced;

    const AIMS: &'static [Kind] = &KINDS_AIMED_AT;

    fn about(channel: Channel, request: &Request) -> About<Subject> {
        let mut subject = Subject::of(request);
        if matches!(channel.purpose, Purpose::Client | Purpose::PipelineProducer | Purpose::GroupCoordinator) {
            subject = subject.of_client();
        }
        match (request.kind(), subject) {
            // A fetch without news is named by its ordinal since its position last changed.
            (Kind::Kafka(ApiKey::Fetch), Subject::Any) => About::AsBefore(Subject::Any),
            (Kind::Kafka(ApiKey::Fetch), position) => About::FromHereOn(position),
            (_, subject) => About::Itself(subject),
        }
    }

    fn addressee(kind: Kind, channel: Channel) -> Option<NodeId> {
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
        (!by_role).then_some(channel.to)
    }

    #[inline]
    fn channel_word(Channel { to, purpose }: Channel) -> u64 {
        u64::from(to.0 as u32) << 8 | purpose as u64
    }

    fn item(subject: Subject) -> Option<TopicPartition> {
        subject.partition()
    }

    fn request_concerns(request: &Request, tp: TopicPartition) -> bool {
        let request = match request {
            Request::Kafka(request) => request,
            Request::Sink(request) => return request.about.partition() == Some(tp),
        };
        match request {
            KafkaRequest::Produce(r) => r.partitions.iter().any(|p| p.tp == tp),
            KafkaRequest::Fetch(r) => r.partitions.iter().any(|p| p.tp == tp),
            KafkaRequest::WriteTxnMarkers(r) => r.markers.iter().any(|m| m.partitions.contains(&tp)),
            KafkaRequest::AddPartitionsToTxn(r) => r.transactions.iter().any(|t| t.partitions.contains(&tp)),
            KafkaRequest::OffsetCommit(r) => r.offsets.iter().any(|o| o.tp == tp),
            KafkaRequest::TxnOffsetCommit(r) => r.offsets.iter().any(|o| o.tp == tp),
            _ => false,
        }
    }

    /// A fetch concerns a partition if it brings data of it.
    fn response_concerns(response: &Response, tp: TopicPartition) -> bool {
        let Response::Kafka(response) = response else { return false };
        match response {
            KafkaResponse::Produce(r) => r.partitions.iter().any(|p| p.tp == tp),
            KafkaResponse::Fetch(r) => r.partitions.iter().any(|p| p.tp == tp && !p.batches.is_empty()),
            KafkaResponse::WriteTxnMarkers(r) => r.markers.iter().any(|m| m.1.iter().any(|p| p.0 == tp)),
            _ => false,
        }
    }

    fn refusal(request: &Request, error: ErrorCode) -> Option<Response> {
        inject::error_response(request, error)
    }

    fn overwrite(response: &mut Response, error: ErrorCode) {
        inject::overwrite(response, error);
    }
}

impl Message for Request {
    type Kind = Kind;

    const EMPTY: Request = Request::Kafka(KafkaRequest::EMPTY);

    #[inline(always)]
    fn kind(&self) -> Kind {
        Request::kind(self)
    }

    #[inline(always)]
    fn content(&self) -> u64 {
        Request::content(self)
    }

    #[inline]
    fn size(&self) -> u64 {
        match self {
            Request::Kafka(KafkaRequest::Produce(r)) => {
                64 + r.partitions.iter().map(|p| u64::from(p.batch.size)).sum::<u64>()
            }
            _ => 64,
        }
    }
}

impl Message for Response {
    type Kind = Kind;

    const EMPTY: Response = Response::Kafka(KafkaResponse::EMPTY);

    #[inline(always)]
    fn kind(&self) -> Kind {
        Response::kind(self)
    }

    #[inline(always)]
    fn content(&self) -> u64 {
        Response::content(self)
    }

    #[inline]
    fn size(&self) -> u64 {
        match self {
            Response::Kafka(KafkaResponse::Fetch(r)) => {
                64 + r.partitions.iter().flat_map(|p| &p.batches).map(|b| u64::from(b.size)).sum::<u64>()
            }
            _ => 64,
        }
    }
}

impl fencepost_kernel::vocabulary::Kind for Kind {
    #[inline(always)]
    fn word(self) -> u64 {
        Kind::word(self)
    }

    fn name(self) -> &'static str {
        Kind::name(self)
    }
}
