//! Who may commit offsets (§4.3, classic groups).

use super::group::{Group, GroupState};
use crate::config::{BrokerVariant, BrokerVariants};
use crate::error::ErrorCode;
use crate::message::GroupMetadata;

/// API version of TxnOffsetCommit from which on a missing group is shown as 69, not as 22 (§1.10).
const SHOWS_MISSING_GROUPS: i16 = 6;

/// Checks a commit inside a transaction. `group` is what the coordinator knows of the group named in `given`.
///
/// Nobody who says nothing about itself is fenced, in any state: that is what a group id alone leaves of KIP-447. A
/// group that is "Dead" in Kafka is a missing one here.
pub(super) fn transactional(
    group: Option<&Group>,
    given: &GroupMetadata,
    version: i16,
    variants: BrokerVariants,
) -> Result<(), ErrorCode> {
    if variants.has(BrokerVariant::ZombieEosGroupIdOnly) {
        return Ok(());
    }
    let Some(group) = group else {
        return match given.generation {
            ..0 => Ok(()),
            _ if version >= SHOWS_MISSING_GROUPS => Err(ErrorCode::GroupIdNotFound),
            _ => Err(ErrorCode::IllegalGeneration),
        };
    };
    if given.generation < 0 && group.state() == GroupState::Empty {
        return Ok(());
    }
    if is_anonymous(given) { Ok(()) } else { identity(group, given) }
}

/// Checks a plain OffsetCommit: as above, and it is refused without identity unless the group is empty (25), and while
/// members wait for their assignment (27).
pub(super) fn plain(group: Option<&Group>, given: &GroupMetadata) -> Result<(), ErrorCode> {
    let Some(group) = group else {
        return if given.generation < 0 { Ok(()) } else { Err(ErrorCode::GroupIdNotFound) };
    };
    if given.generation < 0 && group.state() == GroupState::Empty {
        return Ok(());
    }
    if is_anonymous(given) {
        return Err(ErrorCode::UnknownMemberId);
    }
    identity(group, given)?;
    if group.state() == GroupState::CompletingRebalance { Err(ErrorCode::RebalanceInProgress) } else { Ok(()) }
}

fn is_anonymous(given: &GroupMetadata) -> bool {
    given.generation < 0 && given.member_id.is_empty() && given.group_instance_id.is_none()
}

fn identity(group: &Group, given: &GroupMetadata) -> Result<(), ErrorCode> {
    group.validate_member(&given.member_id, given.group_instance_id.as_ref())?;
    if given.generation == group.generation() { Ok(()) } else { Err(ErrorCode::IllegalGeneration) }
}
