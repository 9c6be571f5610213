//! LeaveGroup: of one member until version 2, of a list of members since version 3, of which the model has one.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::Request;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};

use crate::describe::{At, Wired, message};
use crate::error::Wire;
use crate::values::one;

/// Since this version a request and its answer are lists of members.
const MEMBERS: i16 = 3;

impl Wired<LeaveGroupRequest> for ours::LeaveGroupRequest {
    fn to_wire(&self, at: &At<'_>) -> Wire<LeaveGroupRequest> {
        let mut wire = LeaveGroupRequest::default().with_group_id(at.write("group_id", &self.group_id)?);
        let member_id = at.write("member_id", &self.member_id)?;
        if at.version >= MEMBERS {
            let instance = at.write("group_instance_id", &self.group_instance_id)?;
            let member = MemberIdentity::default().with_member_id(member_id).with_group_instance_id(instance);
            wire.members = vec![member];
        } else {
            wire.member_id = member_id;
        }
        Ok(wire)
    }

    fn from_wire(wire: &LeaveGroupRequest, at: &At<'_>) -> Wire<Self> {
        let (member_id, instance) = if at.version >= MEMBERS {
            let member = one(&wire.members).map_err(|f| f.within("members"))?;
            (&member.member_id, &member.group_instance_id)
        } else {
            (&wire.member_id, &None)
        };
        Ok(ours::LeaveGroupRequest {
            group_id: at.read("group_id", &wire.group_id)?,
            member_id: at.read("member_id", member_id)?,
            group_instance_id: at.read("group_instance_id", instance)?,
        })
    }
}

message! { ours::LeaveGroupResponse => LeaveGroupResponse {
    error with error,
} }

mod error {
    use super::*;

    pub fn write(error: &Option<ErrorCode>, at: &At<'_>, wire: &mut LeaveGroupResponse) -> Wire<()> {
        let Request::LeaveGroup(asked) = at.asked else { return Err(at.not_its_answer()) };
        let code = error.to_wire(at)?;
        if at.version >= MEMBERS {
            let member = MemberResponse::default()
                .with_member_id(at.write("member_id", &asked.member_id)?)
                .with_group_instance_id(at.write("group_instance_id", &asked.group_instance_id)?);
            wire.members = vec![member.with_error_code(code)];
        } else {
            wire.error_code = code;
        }
        Ok(())
    }

    pub fn read(wire: &LeaveGroupResponse, at: &At<'_>) -> Wire<Option<ErrorCode>> {
        let of_member = wire.members.first().map_or(0, |member| member.error_code);
        at.read("error_code", if wire.error_code != 0 { &wire.error_code } else { &of_member })
    }
}
