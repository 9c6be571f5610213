//! Kafka's wire protocol, and its mapping to and from the messages of `fencepost_protocol::message`.
//!
//! The mapping is total both ways: every request and response that Kafka has, in every version that the
//! `kafka-protocol` crate speaks. What a version cannot carry comes back as its neutral value ("none", -1, empty); what
//! neither side knows is a [`WireError`], never a guess. Left out by name: compressed batches, the contents of internal
//! topics (they travel as empty batches), WriteTxnMarkers v2 and TxnOffsetCommit v6 (the crate has not got them).

mod batch;
mod directory;
mod frame;
mod request;
mod response;
mod varint;

pub use batch::{decode_batches, encode_batch};
pub use directory::Directory;
pub use frame::{Frame, decode_request_frame, read_frame, request_frame, response_body, response_frame};
pub use request::{decode_request, encode_request};
pub use response::{decode_response, encode_response};

use core::fmt;
use std::sync::Arc;

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::{ApiKey, IsolationLevel};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, VersionRange};

/// Why bytes and messages do not map to one another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The kind exists in the model only, or in no version that both sides know.
    NotOnTheWire(ApiKey, i16),
    /// A topic's name that the directory does not know.
    UnknownTopic(String),
    /// A topic's id that the directory does not know.
    UnknownTopicId(u128),
    /// An error code that the model does not know.
    UnknownErrorCode(i16),
    /// The bytes are not what they should be.
    Malformed(String),
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::NotOnTheWire(key, version) => write!(f, "{} v{version} is not on the wire", key.name()),
            WireError::UnknownTopic(name) => write!(f, "unknown topic '{name}'"),
            WireError::UnknownTopicId(id) => write!(f, "unknown topic id {id:x}"),
            WireError::UnknownErrorCode(code) => write!(f, "unknown error code {code}"),
            WireError::Malformed(text) => write!(f, "malformed: {text}"),
        }
    }
}

impl std::error::Error for WireError {}

type Wire<T> = Result<T, WireError>;

fn malformed(text: impl fmt::Display) -> WireError {
    WireError::Malformed(text.to_string())
}

fn s(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

fn name(text: &StrBytes) -> Name {
    Arc::from(text.as_str())
}

fn code(error: Option<ErrorCode>) -> i16 {
    error.map_or(0, ErrorCode::code)
}

fn error(code: i16) -> Wire<Option<ErrorCode>> {
    match code {
        0 => Ok(None),
        code => ErrorCode::from_code(code).map(Some).ok_or(WireError::UnknownErrorCode(code)),
    }
}

fn outcome<T>(code: i16, value: T) -> Wire<Result<T, ErrorCode>> {
    Ok(match error(code)? {
        None => Ok(value),
        Some(error) => Err(error),
    })
}

fn isolation(level: IsolationLevel) -> i8 {
    match level {
        IsolationLevel::ReadUncommitted => 0,
        IsolationLevel::ReadCommitted => 1,
    }
}

fn isolation_of(level: i8) -> Wire<IsolationLevel> {
    match level {
        0 => Ok(IsolationLevel::ReadUncommitted),
        1 => Ok(IsolationLevel::ReadCommitted),
        other => Err(malformed(format!("isolation level {other}"))),
    }
}

fn encode<T: Encodable>(message: &T, version: i16) -> Wire<Vec<u8>> {
    let mut buffer = bytes::BytesMut::new();
    message.encode(&mut buffer, version).map_err(malformed)?;
    Ok(buffer.to_vec())
}

fn decode<T: Decodable>(bytes: &[u8], version: i16) -> Wire<T> {
    let mut buffer = bytes::Bytes::copy_from_slice(bytes);
    let message = T::decode(&mut buffer, version).map_err(malformed)?;
    if buffer.is_empty() { Ok(message) } else { Err(malformed(format!("{} bytes are left over", buffer.len()))) }
}

/// Consecutive entries of one topic together, in their order: the wire groups by topic.
fn by_topic<T>(entries: impl IntoIterator<Item = (TopicPartition, T)>) -> Vec<(TopicId, Vec<(i32, T)>)> {
    let mut groups: Vec<(TopicId, Vec<(i32, T)>)> = Vec::new();
    for (tp, value) in entries {
        let entry = (tp.partition as i32, value);
        match groups.last_mut() {
            Some((topic, partitions)) if *topic == tp.topic => partitions.push(entry),
            _ => groups.push((tp.topic, vec![entry])),
        }
    }
    groups
}

/// Topics by name, each with its partitions' indexes and what belongs to them.
type NamedTopics<T> = Vec<(kafka_protocol::messages::TopicName, Vec<(i32, T)>)>;

fn partition(topic: TopicId, index: i32) -> Wire<TopicPartition> {
    u32::try_from(index).map(|p| TopicPartition::new(topic, p)).map_err(|_| malformed(format!("partition {index}")))
}

/// Versions of a kind that can be both encoded and decoded here; `None` for the model's own kinds.
pub fn versions(key: ApiKey) -> Option<(i16, i16)> {
    use kafka_protocol::messages as m;
    fn both<R: kafka_protocol::protocol::Request>() -> Option<(i16, i16)> {
        let VersionRange { min, max } = <R as kafka_protocol::protocol::Message>::VERSIONS;
        let answer = <R::Response as kafka_protocol::protocol::Message>::VERSIONS;
        Some((min.max(answer.min), max.min(answer.max)))
    }
    match key {
        ApiKey::Produce => both::<m::ProduceRequest>(),
        ApiKey::Fetch => both::<m::FetchRequest>(),
        ApiKey::ListOffsets => both::<m::ListOffsetsRequest>(),
        ApiKey::Metadata => both::<m::MetadataRequest>(),
        ApiKey::OffsetCommit => both::<m::OffsetCommitRequest>(),
        ApiKey::OffsetFetch => both::<m::OffsetFetchRequest>(),
        ApiKey::FindCoordinator => both::<m::FindCoordinatorRequest>(),
        ApiKey::JoinGroup => both::<m::JoinGroupRequest>(),
        ApiKey::Heartbeat => both::<m::HeartbeatRequest>(),
        ApiKey::LeaveGroup => both::<m::LeaveGroupRequest>(),
        ApiKey::SyncGroup => both::<m::SyncGroupRequest>(),
        ApiKey::ApiVersions => both::<m::ApiVersionsRequest>(),
        ApiKey::InitProducerId => both::<m::InitProducerIdRequest>(),
        ApiKey::OffsetForLeaderEpoch => both::<m::OffsetForLeaderEpochRequest>(),
        ApiKey::AddPartitionsToTxn => both::<m::AddPartitionsToTxnRequest>(),
        ApiKey::AddOffsetsToTxn => both::<m::AddOffsetsToTxnRequest>(),
        ApiKey::EndTxn => both::<m::EndTxnRequest>(),
        ApiKey::WriteTxnMarkers => both::<m::WriteTxnMarkersRequest>(),
        ApiKey::TxnOffsetCommit => both::<m::TxnOffsetCommitRequest>(),
        ApiKey::AlterPartition => both::<m::AlterPartitionRequest>(),
        ApiKey::DescribeProducers => both::<m::DescribeProducersRequest>(),
        ApiKey::BrokerRegistration => both::<m::BrokerRegistrationRequest>(),
        ApiKey::BrokerHeartbeat => both::<m::BrokerHeartbeatRequest>(),
        ApiKey::DescribeTransactions => both::<m::DescribeTransactionsRequest>(),
        ApiKey::AllocateProducerIds => both::<m::AllocateProducerIdsRequest>(),
        ApiKey::MetadataFetch => None,
    }
}
