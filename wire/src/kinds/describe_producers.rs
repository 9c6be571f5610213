//! DescribeProducers.

use fencepost_protocol::message as ours;
use fencepost_protocol::message::{ActiveProducer, ProducerIdAndEpoch};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::{DescribeProducersRequest, DescribeProducersResponse};

use crate::describe::{At, Wired, message};
use crate::error::Wire;
use crate::topics::by_topic;
use crate::values::outcome;

message! { ours::DescribeProducersRequest => DescribeProducersRequest {
    partitions = topics by topic,
} }

by_topic! { TopicRequest { name name, partition_indexes: [i32] } }

message! { ours::DescribeProducersResponse => DescribeProducersResponse {
    partitions = topics by topic,
} }

by_topic! { TopicResponse { name name, partitions: [PartitionResponse.partition_index] } }

/// In id order, whatever the order on the wire.
impl Wired<PartitionResponse> for Vec<ActiveProducer> {
    fn to_wire(&self, at: &At<'_>) -> Wire<PartitionResponse> {
        Ok(PartitionResponse::default().with_active_producers(at.write("active_producers", self)?))
    }

    fn from_wire(wire: &PartitionResponse, at: &At<'_>) -> Wire<Self> {
        let mut producers: Vec<ActiveProducer> = at.read("active_producers", &wire.active_producers)?;
        producers.sort_by_key(|p| p.producer);
        Ok(producers)
    }
}

outcome! { PartitionResponse {} }

message! { ActiveProducer => ProducerState {
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    last_sequence = last_sequence,
    last_timestamp_ms = last_timestamp,
    coordinator_epoch = coordinator_epoch,
    current_txn_start_offset = current_txn_start_offset,
} }
