//! SyncGroup.

use fencepost_protocol::ids::{Name, TopicPartition};
use fencepost_protocol::message as ours;
use fencepost_protocol::message::GroupMetadata;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};

use crate::describe::{message, tuple};
use crate::values::s;

// Version 5 insists on both names. Ours does not carry the assignor's; "range" stands for it.
message! { ours::SyncGroupRequest => SyncGroupRequest {
    group: GroupMetadata {
        group_id = group_id,
        generation = generation_id,
        member_id = member_id,
        group_instance_id = group_instance_id since 3,
    },
    assignments = assignments,
    fixed protocol_type = (Some(s("consumer"))) since 5,
    fixed protocol_name = (Some(s("range"))) since 5,
} }

tuple! { (Name, Vec<TopicPartition>) => SyncGroupRequestAssignment { 0 = member_id, 1 = assignment } }

message! { ours::SyncGroupResponse => SyncGroupResponse {
    error = error_code,
    assignment = assignment,
} }
