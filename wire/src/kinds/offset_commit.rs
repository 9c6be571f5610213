//! OffsetCommit.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::GroupMetadata;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::describe::{message, value};
use crate::topics::{by_topic, partition};

message! { ours::OffsetCommitRequest => OffsetCommitRequest {
    group: GroupMetadata {
        group_id = group_id,
        generation = generation_id_or_member_epoch,
        member_id = member_id,
        group_instance_id = group_instance_id since 7,
    },
    offsets = topics by topic,
} }

by_topic! { OffsetCommitRequestTopic { name name, partitions: [OffsetCommitRequestPartition.partition_index] } }

partition! { ours::OffsetToCommit => OffsetCommitRequestPartition {
    offset = committed_offset,
    leader_epoch = committed_leader_epoch since 6,
    metadata = committed_metadata,
} }

message! { ours::OffsetCommitResponse => OffsetCommitResponse {
    partitions = topics by topic,
} }

by_topic! { OffsetCommitResponseTopic { name name, partitions: [OffsetCommitResponsePartition.partition_index] } }

value! { Option<ErrorCode> => OffsetCommitResponsePartition { error_code } }
