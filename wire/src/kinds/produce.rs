//! Produce.

use fencepost_protocol::message as ours;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{LeaderIdAndEpoch, PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use crate::describe::message;
use crate::topics::{by_topic, partition};
use crate::values::leader;

message! { ours::ProduceRequest => ProduceRequest {
    version from header,
    transactional_id = transactional_id,
    acks = acks,
    timeout_ms = timeout_ms,
    partitions = topic_data by topic,
} }

by_topic! { TopicProduceData { until 12 name name, then id topic_id, partition_data: [PartitionProduceData.index] } }

partition! { ours::ProducePartition => PartitionProduceData {
    batch = records,
} }

message! { ours::ProduceResponse => ProduceResponse {
    partitions = responses by topic,
} }

by_topic! { TopicProduceResponse {
    until 12 name name, then id topic_id, partition_responses: [PartitionProduceResponse.index]
} }

partition! { ours::ProducePartitionResponse => PartitionProduceResponse {
    error = error_code,
    base_offset = base_offset,
    log_start_offset = log_start_offset since 5,
    current_leader = current_leader since 10,
} }

leader! { LeaderIdAndEpoch }
