//! BrokerHeartbeat.

use fencepost_protocol::message as ours;
use kafka_protocol::messages::{BrokerHeartbeatRequest, BrokerHeartbeatResponse};

use crate::describe::message;

message! { ours::BrokerHeartbeatRequest => BrokerHeartbeatRequest {
    broker = broker_id,
    broker_epoch = broker_epoch,
    current_metadata_version = current_metadata_offset,
    want_fence = want_fence,
    want_shutdown = want_shut_down,
} }

message! { ours::BrokerHeartbeatResponse => BrokerHeartbeatResponse {
    error = error_code,
    is_caught_up = is_caught_up,
    is_fenced = is_fenced,
    should_shutdown = should_shut_down,
} }
