//! Joining, being alive, leaving: §4.6.

use super::*;
use ErrorCode::*;

#[test]
fn the_first_join_is_answered_79_with_a_member_id() {
    // §4.6: MEMBER_ID_REQUIRED.
    let mut rig = Rig::new();
    let conn = rig.join("");
    let response = rig.joined(conn);
    assert_eq!((response.error, &*response.member_id), (Some(MemberIdRequired), "c-0.1"));
    let conn = rig.join("");
    assert_eq!(&*rig.joined(conn).member_id, "c-0.2");
}

#[test]
fn a_member_id_is_never_given_out_by_two_coordinators() {
    let mut rig = Rig::new();
    rig.join("");
    rig.fail_over();
    let conn = rig.join("");
    assert_eq!(&*rig.joined(conn).member_id, "c-1.1");
}

#[test]
fn a_handed_out_member_id_is_forgotten_after_a_session_timeout() {
    // §4.6.
    let mut rig = Rig::new();
    let conn = rig.join("");
    let id = rig.joined(conn).member_id;
    rig.at(10_000);
    let conn = rig.join(&id);
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
}

#[test]
fn a_static_member_needs_no_id() {
    let mut rig = Rig::new();
    let conn = rig.send(join_request("", Some("i")));
    rig.at(3_000);
    assert_eq!(rig.joined(conn).error, None);
}

#[test]
fn session_timeouts_have_bounds() {
    // INVALID_SESSION_TIMEOUT: group.min.session.timeout.ms to group.max.session.timeout.ms.
    let mut rig = Rig::new();
    for (session_timeout_ms, error) in [
        (5_999, InvalidSessionTimeout),
        (6_000, MemberIdRequired),
        (1_800_000, MemberIdRequired),
        (1_800_001, InvalidSessionTimeout),
    ] {
        let conn = rig.send(JoinGroupRequest { session_timeout_ms, ..join_request("", None) });
        assert_eq!(rig.joined(conn).error, Some(error));
    }
}

#[test]
fn a_join_with_an_unknown_member_id_is_25() {
    // §4.6: in a missing group, in an empty one, in a stable one.
    let mut rig = Rig::new();
    let conn = rig.join("stranger");
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
    let member = rig.one_member();
    let conn = rig.join("stranger");
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
    rig.leave(&member);
    let conn = rig.join("stranger");
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
}

#[test]
fn protocols_that_fit_nobody_are_23() {
    // INCONSISTENT_GROUP_PROTOCOL.
    let mut rig = Rig::new();
    let nothing = JoinGroupRequest { protocols: Vec::new(), ..join_request("", None) };
    let conn = rig.send(nothing);
    assert_eq!(rig.joined(conn).error, Some(InconsistentGroupProtocol));
    rig.one_member();
    let other = vec![(AssignorName::CooperativeSticky, Subscription::default())];
    let conn = rig.send(JoinGroupRequest { protocols: other, ..join_request("", None) });
    assert_eq!(rig.joined(conn).error, Some(InconsistentGroupProtocol));
}

#[test]
fn the_protocol_with_most_votes_among_the_common_ones_wins() {
    use AssignorName::{CooperativeSticky, Range};
    let mut rig = Rig::new();
    let mut conns = Vec::new();
    for list in [[CooperativeSticky, Range], [Range, CooperativeSticky], [CooperativeSticky, Range]] {
        let protocols: Vec<_> = list.map(|p| (p, Subscription::default())).into();
        let conn = rig.send(JoinGroupRequest { protocols: protocols.clone(), ..join_request("", None) });
        let id = rig.joined(conn).member_id;
        conns.push(rig.send(JoinGroupRequest { protocols, ..join_request(&id, None) }));
    }
    // Only range is common once this one joins, whatever the others prefer.
    let mut with_range = rig.clone();
    rig.at(6_000);
    assert_eq!(rig.joined(conns[0]).protocol, CooperativeSticky);
    with_range.join_new();
    with_range.at(6_000);
    assert_eq!(with_range.joined(conns[0]).protocol, Range);
}

#[test]
fn the_session_timeout_removes_a_silent_member() {
    // §4.6. The remaining member learns of it by 27.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    rig.at(12_000);
    assert_eq!(rig.heartbeat(&leader, 1), None);
    rig.at(15_999);
    assert_eq!(rig.heartbeat(&leader, 1), None);
    rig.at(16_000);
    assert_eq!(rig.heartbeat(&leader, 1), Some(RebalanceInProgress));
    assert_eq!(rig.heartbeat(&follower, 1), Some(UnknownMemberId));
}

#[test]
fn a_plain_commit_keeps_the_session_alive_and_a_transactional_one_does_not() {
    // §4.2 and §4.6.
    for (transactional, alive) in [(false, None), (true, Some(UnknownMemberId))] {
        let mut rig = Rig::new();
        let member = rig.one_member();
        rig.at(12_000);
        if transactional {
            rig.txn(7, identity(&member, 1), P0, 1);
        } else {
            rig.plain(identity(&member, 1), P0, 1);
        }
        rig.at(13_001);
        assert_eq!(rig.heartbeat(&member, 1), alive);
    }
}

#[test]
fn a_parked_join_keeps_a_member_alive_but_not_a_new_one_for_ever() {
    // §4.6: a new member's JoinGroup is given up after five minutes.
    let mut rig = Rig::with(|config| config.group_initial_rebalance_delay_ms = 400_000);
    let conn = rig.join("");
    let id = rig.joined(conn).member_id;
    let conn = rig.join(&id);
    rig.at(299_999);
    assert_eq!(rig.answer(conn), None);
    rig.at(300_000);
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
}

#[test]
fn leaving_is_answered_when_the_empty_group_is_committed() {
    // §4.6; the record is written so that a new coordinator knows it.
    let mut rig = Rig::new();
    let member = rig.one_member();
    rig.replicated = false;
    let conn = rig.leave(&member);
    assert_eq!(rig.left(conn), None);
    rig.replicate();
    assert_eq!(rig.left(conn), Some(None));
    rig.replicated = true;
    rig.fail_over();
    assert_eq!(rig.heartbeat(&member, 1), Some(UnknownMemberId));
    let conn = rig.plain(nobody(), P0, 1);
    assert_eq!(rig.commit_error(conn), None);
}

#[test]
fn a_stranger_cannot_leave() {
    let mut rig = Rig::new();
    let conn = rig.leave("stranger");
    assert_eq!(rig.left(conn), Some(Some(UnknownMemberId)));
    rig.one_member();
    let conn = rig.leave("stranger");
    assert_eq!(rig.left(conn), Some(Some(UnknownMemberId)));
}

#[test]
fn a_handed_out_member_id_can_leave() {
    let mut rig = Rig::new();
    let conn = rig.join("");
    let id = rig.joined(conn).member_id;
    let conn = rig.leave(&id);
    assert_eq!(rig.left(conn), Some(None));
    let conn = rig.join(&id);
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
}

#[test]
fn a_known_static_member_keeps_its_assignment_under_a_new_id() {
    // §4.6: no rebalance; whoever uses the old id is fenced (82).
    let mut rig = Rig::new();
    let conn = rig.send(join_request("", Some("i")));
    rig.at(3_000);
    let old = rig.joined(conn).member_id;
    rig.sync(&old, 1, &[(&old, P0)]);
    let conn = rig.send(join_request("", Some("i")));
    let back = rig.joined(conn);
    assert_eq!((back.error, back.generation, &back.leader), (None, 1, &old));
    assert_ne!(back.member_id, old);
    let conn = rig.sync(&back.member_id, 1, &[]);
    assert_eq!(rig.synced(conn), Some(Ok(vec![P0])));
    let group = GroupMetadata { group_instance_id: Some("i".into()), ..identity(&old, 1) };
    let conn = rig.send(HeartbeatRequest { group });
    assert_eq!(rig.answer(conn), Some(HeartbeatResponse { error: Some(FencedInstanceId) }.into()));
    // The log knows the new id.
    rig.fail_over();
    assert_eq!(rig.heartbeat(&back.member_id, 1), None);
    assert_eq!(rig.heartbeat(&old, 1), Some(UnknownMemberId));
}

#[test]
fn a_replaced_static_member_is_fenced_where_it_is_parked() {
    // §4.6: 82.
    let mut rig = Rig::new();
    let first = rig.send(join_request("", Some("i")));
    let second = rig.send(join_request("", Some("i")));
    assert_eq!(rig.joined(first).error, Some(FencedInstanceId));
    rig.at(3_000);
    assert_eq!(rig.joined(second).error, None);
}

#[test]
fn a_static_rejoin_whose_record_fails_is_answered_with_the_error() {
    let mut rig = Rig::new();
    let conn = rig.send(join_request("", Some("i")));
    rig.at(3_000);
    let old = rig.joined(conn).member_id;
    rig.sync(&old, 1, &[(&old, P0)]);
    rig.fail = Some(NotLeaderOrFollower);
    let conn = rig.send(join_request("", Some("i")));
    assert_eq!(rig.joined(conn).error, Some(NotCoordinator));
}

#[test]
fn sessions_begin_anew_after_a_failover() {
    // §4.6: the group is restored as Stable.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    rig.at(15_000);
    rig.fail_over();
    rig.at(24_999);
    assert_eq!(rig.heartbeat(&leader, 1), None);
    let conn = rig.sync(&leader, 1, &[]);
    assert_eq!(rig.synced(conn), Some(Ok(vec![P0])));
    rig.at(25_000);
    assert_eq!(rig.heartbeat(&leader, 1), Some(RebalanceInProgress));
    assert_eq!(rig.heartbeat(&follower, 1), Some(UnknownMemberId));
}

#[test]
fn resigning_answers_parked_members_16() {
    let mut rig = Rig::new();
    let (_, joining) = rig.join_new();
    rig.resign();
    assert_eq!(rig.joined(joining).error, Some(NotCoordinator));
    let mut rig = Rig::new();
    let (member, _) = rig.join_new();
    rig.at(3_000);
    rig.replicated = false;
    let syncing = rig.sync(&member, 1, &[(&member, P0)]);
    rig.resign();
    assert_eq!(rig.synced(syncing), Some(Err(NotCoordinator)));
}
