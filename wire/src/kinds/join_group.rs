//! JoinGroup.

use fencepost_protocol::ids::Name;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{AssignorName, Subscription};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};

use crate::describe::{At, Wired, message, tuple};
use crate::error::Wire;
use crate::values::s;

// The client id is the header's.
message! { ours::JoinGroupRequest => JoinGroupRequest {
    group_id = group_id,
    member_id = member_id,
    group_instance_id = group_instance_id since 5,
    client_id is (Name::from("")),
    session_timeout_ms = session_timeout_ms,
    rebalance_timeout_ms with rebalance_timeout,
    protocols = protocols,
    fixed protocol_type = (s("consumer")),
} }

/// Version 0 has none: its session timeout stands for it.
mod rebalance_timeout {
    use super::*;

    pub fn write(timeout_ms: &i32, at: &At<'_>, wire: &mut JoinGroupRequest) -> Wire<()> {
        if at.version >= 1 {
            wire.rebalance_timeout_ms = *timeout_ms;
        }
        Ok(())
    }

    pub fn read(wire: &JoinGroupRequest, _: &At<'_>) -> Wire<i32> {
        Ok(if wire.rebalance_timeout_ms < 0 { wire.session_timeout_ms } else { wire.rebalance_timeout_ms })
    }
}

tuple! { (AssignorName, Subscription) => JoinGroupRequestProtocol { 0 = name, 1 = metadata } }

/// A failed join names no protocol: `null` from version 7 on, empty before.
impl Wired<JoinGroupResponse> for ours::JoinGroupResponse {
    fn to_wire(&self, at: &At<'_>) -> Wire<JoinGroupResponse> {
        let mut wire = JoinGroupResponse::default()
            .with_error_code(at.write("error_code", &self.error)?)
            .with_generation_id(self.generation)
            .with_leader(s(&self.leader))
            .with_member_id(s(&self.member_id))
            .with_members(at.write("members", &self.members)?);
        let null = if at.version >= 7 { None } else { Some(s("")) };
        wire.protocol_name = if self.error.is_none() { Some(self.protocol.to_wire(at)?) } else { null };
        if at.version >= 7 && self.error.is_none() {
            wire.protocol_type = Some(s("consumer"));
        }
        Ok(wire)
    }

    fn from_wire(wire: &JoinGroupResponse, at: &At<'_>) -> Wire<Self> {
        Ok(ours::JoinGroupResponse {
            error: at.read("error_code", &wire.error_code)?,
            generation: wire.generation_id,
            protocol: match &wire.protocol_name {
                Some(name) if !name.is_empty() => at.read("protocol_name", name)?,
                _ => AssignorName::Range,
            },
            leader: at.read("leader", &wire.leader)?,
            member_id: at.read("member_id", &wire.member_id)?,
            members: at.read("members", &wire.members)?,
        })
    }
}

tuple! { (Name, Subscription) => JoinGroupResponseMember { 0 = member_id, 1 = metadata } }
