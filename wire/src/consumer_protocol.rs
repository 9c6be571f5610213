//! The consumer protocol: what members of a group tell each other inside JoinGroup and SyncGroup. It has versions of its
//! own, which stand in front of each message.

use bytes::{Bytes, BytesMut};
use fencepost_protocol::ids::TopicPartition;
use fencepost_protocol::message::Subscription;
use kafka_protocol::messages::{
    ConsumerProtocolAssignment, ConsumerProtocolSubscription, consumer_protocol_assignment,
    consumer_protocol_subscription,
};
use kafka_protocol::protocol::{Decodable, Encodable};

use crate::describe::{At, Wired, message};
use crate::error::{Problem, Wire};
use crate::guard;
use crate::topics::by_topic;

type Owned = consumer_protocol_subscription::TopicPartition;
type Assigned = consumer_protocol_assignment::TopicPartition;

/// The version that is written.
const WRITTEN: i16 = 2;
/// The newest that is read.
const NEWEST: i16 = 3;

fn embed<T: Encodable>(message: &T) -> Wire<Bytes> {
    let mut bytes = BytesMut::from(&WRITTEN.to_be_bytes()[..]);
    message.encode(&mut bytes, WRITTEN).map_err(|e| Problem::Bytes(e.to_string()))?;
    Ok(bytes.freeze())
}

/// Newer writers may append fields; they are ignored, as Kafka does.
fn embedded<T: Decodable>(bytes: &Bytes) -> Wire<T> {
    let version = bytes.first_chunk::<2>().ok_or_else(|| Problem::Bytes("no version".to_string()))?;
    let version = i16::from_be_bytes(*version).min(NEWEST);
    Ok(guard::decode(&mut bytes.slice(2..), version)?)
}

impl Wired<Bytes> for Subscription {
    fn to_wire(&self, at: &At<'_>) -> Wire<Bytes> {
        embed::<ConsumerProtocolSubscription>(&self.to_wire(at)?)
    }

    fn from_wire(wire: &Bytes, at: &At<'_>) -> Wire<Self> {
        if wire.is_empty() {
            return Ok(Subscription { generation: -1, ..Default::default() });
        }
        Subscription::from_wire(&embedded::<ConsumerProtocolSubscription>(wire)?, at)
    }
}

message! { Subscription => ConsumerProtocolSubscription {
    topics = topics,
    owned = owned_partitions by topic,
    generation = generation_id,
} }

by_topic! { Owned { name topic, partitions: [i32] } }

/// An assignment; of none, no bytes at all.
impl Wired<Bytes> for Vec<TopicPartition> {
    fn to_wire(&self, at: &At<'_>) -> Wire<Bytes> {
        if self.is_empty() {
            return Ok(Bytes::new());
        }
        let topics: Vec<Assigned> = at.write_topics("assigned_partitions", self)?;
        embed(&ConsumerProtocolAssignment::default().with_assigned_partitions(topics))
    }

    fn from_wire(wire: &Bytes, at: &At<'_>) -> Wire<Self> {
        if wire.is_empty() {
            return Ok(Vec::new());
        }
        let message: ConsumerProtocolAssignment = embedded(wire)?;
        at.read_topics("assigned_partitions", &message.assigned_partitions)
    }
}

by_topic! { Assigned { name topic, partitions: [i32] } }
