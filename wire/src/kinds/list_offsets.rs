//! ListOffsets.

use fencepost_protocol::ids::*;
use fencepost_protocol::message as ours;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, ListOffsetsResponse};

use crate::describe::{At, message, tuple};
use crate::error::Wire;
use crate::topics::{OfPartition, by_topic};
use crate::values::outcome;

message! { ours::ListOffsetsRequest => ListOffsetsRequest {
    isolation = isolation_level since 2,
    partitions = topics by topic,
    fixed replica_id = (BrokerId(-1)),
} }

by_topic! { ListOffsetsTopic { name name, partitions: [ListOffsetsPartition.partition_index] } }

impl OfPartition<ListOffsetsPartition> for (TopicPartition, LeaderEpoch, ours::OffsetSpec) {
    fn tp(&self) -> TopicPartition {
        self.0
    }

    fn to_entry(&self, at: &At<'_>) -> Wire<ListOffsetsPartition> {
        let mut wire = ListOffsetsPartition::default().with_timestamp(at.write("timestamp", &self.2)?);
        if at.version >= 4 {
            wire.current_leader_epoch = self.1;
        }
        Ok(wire)
    }

    fn from_entry(tp: TopicPartition, wire: &ListOffsetsPartition, at: &At<'_>) -> Wire<Self> {
        Ok((tp, wire.current_leader_epoch, at.read("timestamp", &wire.timestamp)?))
    }
}

message! { ours::ListOffsetsResponse => ListOffsetsResponse {
    partitions = topics by topic,
} }

by_topic! { ListOffsetsTopicResponse { name name, partitions: [ListOffsetsPartitionResponse.partition_index] } }

tuple! { (Offset, LeaderEpoch) => ListOffsetsPartitionResponse { 0 = offset, 1 = leader_epoch since 4 } }

outcome! { ListOffsetsPartitionResponse {} }
