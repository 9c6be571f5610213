//! Heartbeat.

use fencepost_protocol::message as ours;
use fencepost_protocol::message::GroupMetadata;
use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};

use crate::describe::message;

message! { ours::HeartbeatRequest => HeartbeatRequest {
    group: GroupMetadata {
        group_id = group_id,
        generation = generation_id,
        member_id = member_id,
        group_instance_id = group_instance_id since 3,
    },
} }

message! { ours::HeartbeatResponse => HeartbeatResponse {
    error = error_code,
} }
