//! TxnOffsetCommit.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{GroupMetadata, ProducerIdAndEpoch};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};

use crate::describe::{message, value};
use crate::topics::{by_topic, partition};

message! { ours::TxnOffsetCommitRequest => TxnOffsetCommitRequest {
    version from header,
    transactional_id = transactional_id,
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    group: GroupMetadata {
        group_id = group_id,
        generation = generation_id since 3,
        member_id = member_id since 3,
        group_instance_id = group_instance_id since 3,
    },
    offsets = topics by topic,
} }

by_topic! { TxnOffsetCommitRequestTopic { name name, partitions: [TxnOffsetCommitRequestPartition.partition_index] } }

partition! { ours::OffsetToCommit => TxnOffsetCommitRequestPartition {
    offset = committed_offset,
    leader_epoch = committed_leader_epoch since 2,
    metadata = committed_metadata,
} }

message! { ours::TxnOffsetCommitResponse => TxnOffsetCommitResponse {
    partitions = topics by topic,
} }

by_topic! { TxnOffsetCommitResponseTopic { name name, partitions: [TxnOffsetCommitResponsePartition.partition_index] } }

value! { Option<ErrorCode> => TxnOffsetCommitResponsePartition { error_code } }
