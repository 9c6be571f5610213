//! Fetch.

use fencepost_protocol::ids::NodeId;
use fencepost_protocol::message as ours;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse};

use crate::describe::{At, Wired, message};
use crate::error::Wire;
use crate::topics::{by_topic, partition};
use crate::values::leader;

message! { ours::FetchRequest => FetchRequest {
    replica with replica,
    isolation = isolation_level,
    max_wait_ms = max_wait_ms,
    min_bytes = min_bytes,
    max_bytes = max_bytes,
    session_id = session_id since 7,
    session_epoch = session_epoch since 7,
    partitions = topics by topic,
    forgotten = forgotten_topics_data by topic since 7,
} }

/// A structure of its own, with the follower's broker epoch, since version 15.
mod replica {
    use super::*;

    pub fn write(replica: &Option<(NodeId, i64)>, at: &At<'_>, wire: &mut FetchRequest) -> Wire<()> {
        let (node, epoch) = replica.unwrap_or((NodeId(-1), -1));
        if at.version >= 15 {
            wire.replica_state.replica_id = node.0.into();
            wire.replica_state.replica_epoch = epoch;
        } else {
            wire.replica_id = node.0.into();
        }
        Ok(())
    }

    pub fn read(wire: &FetchRequest, at: &At<'_>) -> Wire<Option<(NodeId, i64)>> {
        let (node, epoch) = if at.version >= 15 {
            (wire.replica_state.replica_id, wire.replica_state.replica_epoch)
        } else {
            (wire.replica_id, -1)
        };
        Ok((node.0 >= 0).then_some((NodeId(node.0), epoch)))
    }
}

by_topic! { FetchTopic { until 12 name topic, then id topic_id, partitions: [FetchPartition.partition] } }

partition! { ours::FetchPartition => FetchPartition {
    current_leader_epoch = current_leader_epoch since 9,
    fetch_offset = fetch_offset,
    last_fetched_epoch = last_fetched_epoch since 12,
    max_bytes = partition_max_bytes,
    log_start_offset = log_start_offset since 5,
} }

by_topic! { ForgottenTopic { until 12 name topic, then id topic_id, partitions: [i32] } }

message! { ours::FetchResponse => FetchResponse {
    error = error_code since 7,
    session_id = session_id since 7,
    partitions = responses by topic,
} }

by_topic! { FetchableTopicResponse {
    until 12 name topic, then id topic_id, partitions: [PartitionData.partition_index]
} }

partition! { ours::FetchPartitionResponse => PartitionData {
    error = error_code,
    high_watermark = high_watermark,
    last_stable_offset = last_stable_offset,
    log_start_offset = log_start_offset since 5,
    aborted = aborted_transactions,
    diverging_epoch = diverging_epoch since 12,
    current_leader = current_leader since 12,
    batches = records,
} }

message! { ours::AbortedTransaction => AbortedTransaction {
    producer_id = producer_id,
    first_offset = first_offset,
} }

/// `null` is an empty list.
impl Wired<Option<Vec<AbortedTransaction>>> for Vec<ours::AbortedTransaction> {
    fn to_wire(&self, at: &At<'_>) -> Wire<Option<Vec<AbortedTransaction>>> {
        self.to_wire(at).map(Some)
    }

    fn from_wire(wire: &Option<Vec<AbortedTransaction>>, at: &At<'_>) -> Wire<Self> {
        wire.iter().flatten().map(|a| Wired::from_wire(a, at)).collect()
    }
}

message! { ours::EpochEndOffset => EpochEndOffset {
    epoch = epoch,
    end_offset = end_offset,
} }

/// Kafka's default, "undefined", is none.
impl Wired<EpochEndOffset> for Option<ours::EpochEndOffset> {
    fn to_wire(&self, at: &At<'_>) -> Wire<EpochEndOffset> {
        self.unwrap_or(ours::EpochEndOffset::UNDEFINED).to_wire(at)
    }

    fn from_wire(wire: &EpochEndOffset, at: &At<'_>) -> Wire<Self> {
        let end = ours::EpochEndOffset::from_wire(wire, at)?;
        Ok((end != ours::EpochEndOffset::UNDEFINED).then_some(end))
    }
}

leader! { LeaderIdAndEpoch }
