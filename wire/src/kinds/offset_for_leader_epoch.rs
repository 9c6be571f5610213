//! OffsetForLeaderEpoch.

use fencepost_protocol::ids::*;
use fencepost_protocol::message as ours;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{BrokerId, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};

use crate::describe::{At, message};
use crate::error::Wire;
use crate::topics::{OfPartition, by_topic};
use crate::values::outcome;

message! { ours::OffsetForLeaderEpochRequest => OffsetForLeaderEpochRequest {
    partitions = topics by topic,
    fixed replica_id = (BrokerId(-1)) since 3,
} }

by_topic! { OffsetForLeaderTopic { name topic, partitions: [OffsetForLeaderPartition.partition] } }

impl OfPartition<OffsetForLeaderPartition> for (TopicPartition, LeaderEpoch, LeaderEpoch) {
    fn tp(&self) -> TopicPartition {
        self.0
    }

    fn to_entry(&self, _: &At<'_>) -> Wire<OffsetForLeaderPartition> {
        Ok(OffsetForLeaderPartition::default().with_current_leader_epoch(self.1).with_leader_epoch(self.2))
    }

    fn from_entry(tp: TopicPartition, wire: &OffsetForLeaderPartition, _: &At<'_>) -> Wire<Self> {
        Ok((tp, wire.current_leader_epoch, wire.leader_epoch))
    }
}

message! { ours::OffsetForLeaderEpochResponse => OffsetForLeaderEpochResponse {
    partitions = topics by topic,
} }

by_topic! { OffsetForLeaderTopicResult { name topic, partitions: [EpochEndOffset.partition] } }

message! { ours::EpochEndOffset => EpochEndOffset {
    epoch = leader_epoch,
    end_offset = end_offset,
} }

outcome! { EpochEndOffset {} }
