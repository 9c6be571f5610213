//! The table of §4.6, row by row, and the time limits of a rebalance.

use super::*;
use ErrorCode::*;

#[test]
fn row_empty() {
    // JoinGroup starts PreparingRebalance; SyncGroup and Heartbeat are 25.
    let mut rig = Rig::new();
    let member = rig.one_member();
    rig.leave(&member);
    let conn = rig.sync(&member, 2, &[]);
    assert_eq!(rig.synced(conn), Some(Err(UnknownMemberId)));
    assert_eq!(rig.heartbeat(&member, 2), Some(UnknownMemberId));
    let (_, conn) = rig.join_new();
    assert_eq!(rig.answer(conn), None);
    rig.at(6_000);
    assert_eq!(rig.joined(conn).generation, 3);
}

#[test]
fn row_preparing_rebalance() {
    // JoinGroup is parked, SyncGroup and Heartbeat are 27.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    let rejoin = rig.join(&leader);
    assert_eq!(rig.answer(rejoin), None);
    let conn = rig.sync(&follower, 1, &[]);
    assert_eq!(rig.synced(conn), Some(Err(RebalanceInProgress)));
    assert_eq!(rig.heartbeat(&follower, 1), Some(RebalanceInProgress));
    // All joined: the next generation.
    let other = rig.join(&follower);
    assert_eq!((rig.joined(rejoin).generation, rig.joined(other).generation), (2, 2));
}

#[test]
fn row_completing_rebalance() {
    // Followers are parked, Heartbeat is fine; an unchanged JoinGroup is answered again, a changed one rebalances.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    let conns = [rig.join(&leader), rig.join(&follower)];
    assert_eq!(rig.joined(conns[0]).members.len(), 2);
    let waits = rig.sync(&follower, 2, &[]);
    assert_eq!(rig.answer(waits), None);
    assert_eq!(rig.heartbeat(&follower, 2), None);
    let again = rig.join(&follower);
    assert_eq!(rig.joined(again).generation, 2);
    let changed = Subscription { topics: vec![TopicId(2)], ..Subscription::default() };
    let protocols = vec![(AssignorName::Range, changed)];
    let parked = rig.send(JoinGroupRequest { protocols, ..join_request(&leader, None) });
    assert_eq!(rig.answer(parked), None);
    assert_eq!(rig.synced(waits), Some(Err(RebalanceInProgress)));
}

#[test]
fn row_stable() {
    // An unchanged follower gets the current data, the leader's rejoin rebalances; SyncGroup gives the assignment.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    let conn = rig.sync(&follower, 1, &[]);
    assert_eq!(rig.synced(conn), Some(Ok(vec![P1])));
    assert_eq!(rig.heartbeat(&follower, 1), None);
    let conn = rig.join(&follower);
    let current = rig.joined(conn);
    assert_eq!((current.generation, &current.leader, current.members.len()), (1, &leader, 0));
    let conn = rig.join(&leader);
    assert_eq!(rig.answer(conn), None);
    assert_eq!(rig.heartbeat(&follower, 1), Some(RebalanceInProgress));
}

#[test]
fn row_stable_a_follower_with_changed_metadata_rebalances() {
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    let changed = Subscription { owned: vec![P1], ..Subscription::default() };
    let protocols = vec![(AssignorName::Range, changed)];
    let conn = rig.send(JoinGroupRequest { protocols, ..join_request(&follower, None) });
    assert_eq!(rig.answer(conn), None);
    assert_eq!(rig.heartbeat(&leader, 1), Some(RebalanceInProgress));
}

#[test]
fn row_dead_a_group_that_expired_knows_nobody() {
    // Kafka's Dead is a group that is gone: 25.
    let mut rig = Rig::with(|config| config.offsets_retention_check_ms = 10_000);
    let member = rig.one_member();
    rig.leave(&member);
    rig.at(10_000);
    assert!(matches!(rig.log.last(), Some(RecordBatch { payload: crate::batch::Payload::GroupLog(r), .. })
        if matches!(r[0], GroupLogRecord::Group { value: None, .. })));
    let conn = rig.join(&member);
    assert_eq!(rig.joined(conn).error, Some(UnknownMemberId));
    let conn = rig.sync(&member, 2, &[]);
    assert_eq!(rig.synced(conn), Some(Err(UnknownMemberId)));
    assert_eq!(rig.heartbeat(&member, 2), Some(UnknownMemberId));
}

#[test]
fn a_wrong_generation_is_22_and_a_stranger_25() {
    let mut rig = Rig::new();
    let member = rig.one_member();
    for generation in [0, 2] {
        let conn = rig.sync(&member, generation, &[]);
        assert_eq!(rig.synced(conn), Some(Err(IllegalGeneration)));
        assert_eq!(rig.heartbeat(&member, generation), Some(IllegalGeneration));
    }
    let conn = rig.sync("stranger", 1, &[]);
    assert_eq!(rig.synced(conn), Some(Err(UnknownMemberId)));
    assert_eq!(rig.heartbeat("stranger", 1), Some(UnknownMemberId));
}

#[test]
fn the_initial_delay_is_extended_while_members_keep_joining() {
    // group.initial.rebalance.delay.ms, up to the rebalance timeout.
    let mut rig = Rig::new();
    let (_, first) = rig.join_new();
    rig.at(2_999);
    rig.join_new();
    rig.at(5_999);
    assert_eq!(rig.answer(first), None);
    rig.at(6_000);
    assert_eq!(rig.joined(first).members.len(), 2);
}

#[test]
fn the_initial_delay_ends_with_the_rebalance_timeout() {
    let mut rig = Rig::new();
    let short = |member: &str| JoinGroupRequest { rebalance_timeout_ms: 8_000, ..join_request(member, None) };
    let mut first = None;
    for ms in [0, 2_000, 5_000, 7_000] {
        rig.at(ms);
        let conn = rig.send(short(""));
        let id = rig.joined(conn).member_id;
        first = first.or(Some(rig.send(short(&id))));
        if ms > 0 {
            rig.send(short(&id));
        }
    }
    rig.at(7_999);
    assert_eq!(rig.answer(first.expect("joined at 0")), None);
    rig.at(8_000);
    assert_eq!(rig.joined(first.expect("joined at 0")).generation, 1);
}

#[test]
fn the_rebalance_timeout_drops_dynamic_members_that_did_not_rejoin() {
    // §4.6 row PreparingRebalance.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    let conn = rig.join(&leader);
    for ms in (10_000..=60_000).step_by(5_000) {
        rig.at(ms);
        assert_eq!(rig.heartbeat(&follower, 1), Some(RebalanceInProgress));
    }
    rig.at(65_999);
    assert_eq!(rig.answer(conn), None);
    rig.at(66_000);
    let joined = rig.joined(conn);
    assert_eq!((joined.generation, joined.members.len()), (2, 1));
    assert_eq!(rig.heartbeat(&follower, 1), Some(UnknownMemberId));
}

#[test]
fn the_rebalance_timeout_keeps_static_members_and_elects_a_leader_that_joined() {
    // §4.6 row PreparingRebalance: static members stay until their session ends.
    let mut rig = Rig::new();
    let long = |member: &str, instance| JoinGroupRequest {
        session_timeout_ms: 100_000,
        ..join_request(member, Some(instance))
    };
    let (a, b) = (rig.send(long("", "a")), rig.send(long("", "b")));
    rig.at(6_000);
    let (a, b) = (rig.joined(a).member_id, rig.joined(b).member_id);
    rig.sync(&b, 1, &[]);
    rig.sync(&a, 1, &[(&a, P0), (&b, P1)]);
    let changed = vec![(AssignorName::Range, Subscription { owned: vec![P1], ..Subscription::default() })];
    let conn = rig.send(JoinGroupRequest { protocols: changed, ..long(&b, "b") });
    rig.at(66_000);
    let joined = rig.joined(conn);
    assert_eq!((joined.generation, &joined.leader, joined.members.len()), (2, &b, 2));
}

#[test]
fn who_does_not_sync_within_the_rebalance_timeout_is_dropped() {
    // §4.6: heartbeats do not help.
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    rig.join(&leader);
    rig.join(&follower);
    rig.sync(&leader, 2, &[(&leader, P0)]);
    for ms in (10_000..=65_000).step_by(5_000) {
        rig.at(ms);
        assert_eq!(rig.heartbeat(&leader, 2), None);
        assert_eq!(rig.heartbeat(&follower, 2), None);
    }
    rig.at(66_000);
    assert_eq!(rig.heartbeat(&leader, 2), Some(RebalanceInProgress));
    assert_eq!(rig.heartbeat(&follower, 2), Some(UnknownMemberId));
}

#[test]
fn nobody_gets_an_assignment_before_it_is_committed() {
    // §4.6, last paragraph.
    let mut rig = Rig::new();
    let (member, _) = rig.join_new();
    rig.at(3_000);
    rig.replicated = false;
    let conn = rig.sync(&member, 1, &[(&member, P0)]);
    assert_eq!(rig.answer(conn), None);
    let plain = rig.plain(identity(&member, 1), P0, 1);
    assert_eq!(rig.commit_error(plain), Some(RebalanceInProgress));
    rig.replicate();
    assert_eq!(rig.synced(conn), Some(Ok(vec![P0])));
}

#[test]
fn a_failover_before_the_assignment_restores_the_previous_generation() {
    // §4.6, last paragraph.
    let mut rig = Rig::new();
    let member = rig.one_member();
    let conn = rig.join(&member);
    assert_eq!(rig.joined(conn).generation, 2);
    rig.fail_over();
    assert_eq!(rig.heartbeat(&member, 2), Some(IllegalGeneration));
    assert_eq!(rig.heartbeat(&member, 1), None);
}

#[test]
fn an_assignment_that_cannot_be_written_starts_another_rebalance() {
    // §4.6; errors as for commits. The member was answered, so it rejoins.
    let mut rig = Rig::new();
    let (member, _) = rig.join_new();
    rig.at(3_000);
    rig.fail = Some(KafkaStorageError);
    let conn = rig.sync(&member, 1, &[(&member, P0)]);
    assert_eq!(rig.synced(conn), Some(Err(NotCoordinator)));
    assert_eq!(rig.heartbeat(&member, 1), Some(RebalanceInProgress));
    let conn = rig.join(&member);
    assert_eq!(rig.joined(conn).generation, 2);
}

#[test]
fn an_assignment_that_is_not_committed_in_time_is_withdrawn() {
    // §4.6 and §4.2: 15 after offsets.commit.timeout.ms; the late high watermark hands nothing out.
    let mut rig = Rig::new();
    let (member, _) = rig.join_new();
    rig.at(3_000);
    rig.replicated = false;
    let conn = rig.sync(&member, 1, &[(&member, P0)]);
    rig.at(8_000);
    assert_eq!(rig.synced(conn), Some(Err(CoordinatorNotAvailable)));
    rig.replicate();
    assert_eq!(rig.answer(conn), None);
    assert_eq!(rig.heartbeat(&member, 1), Some(RebalanceInProgress));
}

#[test]
fn a_join_during_the_write_of_an_assignment_voids_it() {
    // §4.6: the group has moved on when the record is committed.
    let mut rig = Rig::new();
    let (member, _) = rig.join_new();
    rig.at(3_000);
    rig.replicated = false;
    let conn = rig.sync(&member, 1, &[(&member, P0)]);
    rig.join_new();
    assert_eq!(rig.synced(conn), Some(Err(RebalanceInProgress)));
    rig.replicate();
    assert_eq!(rig.answer(conn), None);
    assert_eq!(rig.heartbeat(&member, 1), Some(RebalanceInProgress));
}

#[test]
fn the_record_of_an_older_generation_hands_nothing_out() {
    // §4.6: the next generation already waits for its own assignment.
    let mut rig = Rig::new();
    let (member, _) = rig.join_new();
    rig.at(3_000);
    rig.replicated = false;
    rig.sync(&member, 1, &[(&member, P0)]);
    let (other, second) = rig.join_new();
    let conn = rig.join(&member);
    assert_eq!((rig.joined(conn).generation, rig.joined(second).generation), (2, 2));
    let waits = rig.sync(&other, 2, &[]);
    rig.replicate();
    assert_eq!(rig.answer(waits), None);
    rig.replicated = true;
    let conn = rig.sync(&member, 2, &[(&other, P0)]);
    assert_eq!((rig.synced(conn), rig.synced(waits)), (Some(Ok(vec![])), Some(Ok(vec![P0]))));
}

#[test]
fn a_member_that_leaves_makes_the_others_rebalance() {
    let mut rig = Rig::new();
    let (leader, follower) = rig.two_members();
    let conn = rig.leave(&leader);
    assert_eq!(rig.left(conn), Some(None));
    assert_eq!(rig.heartbeat(&follower, 1), Some(RebalanceInProgress));
    let conn = rig.join(&follower);
    let joined = rig.joined(conn);
    assert_eq!((joined.generation, &joined.leader), (2, &follower));
}
