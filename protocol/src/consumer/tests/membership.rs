//! §4.6 and the client side of §4.5.

use super::*;
use ConsumerEvent::{Assigned, Lost, PollTimeout, Revoked, Revoking};

fn heartbeat(rig: &mut Rig, error: Option<ErrorCode>) -> HeartbeatRequest {
    let Request::Heartbeat(request) = rig.answer(HeartbeatResponse { error }) else { unreachable!() };
    *request
}

fn offset(partition: u32, offset: Offset) -> OffsetToCommit {
    OffsetToCommit { tp: tp(partition), offset, leader_epoch: 0, metadata: "".into() }
}

fn commit_response(error: Option<ErrorCode>) -> OffsetCommitResponse {
    OffsetCommitResponse { partitions: vec![(tp(0), error)] }
}

#[test]
fn nothing_is_joined_before_the_first_poll() {
    let mut rig = Rig::new(&[], 1);
    rig.with(|c, now, out| c.subscribe(now, vec![TOPIC], out));
    assert_eq!(rig.count(ApiKey::JoinGroup), 0);
    rig.poll(0);
    assert_eq!(rig.count(ApiKey::JoinGroup), 1);
}

#[test]
fn the_first_join_is_told_its_member_id() {
    let mut rig = Rig::subscribed(&[], 1);
    let required = JoinGroupResponse { error: Some(ErrorCode::MemberIdRequired), ..join_response("m", -1) };
    let Request::JoinGroup(first) = rig.answer(required) else { unreachable!() };
    assert_eq!(&*first.member_id, "");
    assert_eq!(&*rig.join("m", 1).member_id, "m");
    rig.sync(&[0]);
    assert_eq!(rig.events(), [Assigned { partitions: vec![tp(0)], generation: 1 }]);
    let metadata = rig.c.group_metadata();
    assert_eq!((metadata.generation, &*metadata.member_id), (1, "m"));
}

#[test]
fn the_leader_assigns() {
    let mut rig = Rig::subscribed(&[], 3);
    let subscription = Subscription { topics: vec![TOPIC], owned: vec![], generation: -1 };
    let members = vec![("a".into(), subscription.clone()), ("m".into(), subscription)];
    rig.answer(JoinGroupResponse { leader: "m".into(), members, ..join_response("m", 1) });
    let Request::SyncGroup(sync) = rig.answer(SyncGroupResponse { error: None, assignment: vec![tp(2)] }) else {
        unreachable!()
    };
    assert_eq!(sync.assignments, [("a".into(), vec![tp(0), tp(1)]), ("m".into(), vec![tp(2)])]);
}

#[test]
fn a_join_may_take_the_rebalance_timeout_and_five_seconds() {
    let mut rig = Rig::subscribed(&[("max.poll.interval.ms", "60000")], 1);
    rig.until(64_999);
    assert_eq!(rig.count(ApiKey::JoinGroup), 1);
    rig.until(65_000);
    assert_eq!(rig.closed, [Channel { to: COORDINATOR, purpose: Purpose::GroupCoordinator }]);
    rig.until(66_000);
    assert_eq!(rig.count(ApiKey::JoinGroup), 1, "and is repeated");
}

#[test]
fn an_eager_rebalance_revokes_everything_before_the_join() {
    let mut rig = Rig::member(&[], 2, &[0, 1]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    assert_eq!(rig.events(), [Revoking { partitions: vec![tp(0), tp(1)] }]);
    assert_eq!(rig.count(ApiKey::JoinGroup), 0, "the application has not finished");
    // Meanwhile it may commit in the old generation.
    rig.with(|c, now, out| c.commit(now, vec![offset(0, 1)], out));
    let Request::OffsetCommit(commit) = rig.answer(commit_response(None)) else { unreachable!() };
    assert_eq!(commit.group.generation, 1);
    rig.events();
    rig.with(|c, now, out| c.revoked(now, out));
    assert_eq!(rig.events(), [Revoked { partitions: vec![tp(0), tp(1)] }]);
    let join = rig.join("m", 2);
    assert_eq!((&*join.member_id, join.protocols[0].1.owned.len()), ("m", 0));
    rig.sync(&[1]);
    assert_eq!(rig.events(), [Assigned { partitions: vec![tp(1)], generation: 2 }]);
}

#[test]
fn a_rebalance_waits_for_the_application_to_poll() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 1)])]);
    assert_eq!(rig.poll(10), [(0, 0)]);
    rig.until(3_000);
    rig.events();
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    assert_eq!(rig.events(), [], "the application is processing");
    rig.poll(10);
    assert_eq!(rig.events(), [Revoking { partitions: vec![tp(0)] }]);
}

#[test]
fn offered_partitions_are_not_delivered() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 1)])]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    assert_eq!(rig.poll(10), []);
    assert_eq!(rig.position(0), Some(0));
}

#[test]
fn a_cooperative_rebalance_revokes_only_what_moves_and_then_joins_again() {
    let mut rig = Rig::member(&[("partition.assignment.strategy", "cooperative-sticky")], 3, &[0, 1]);
    rig.fetched(vec![]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    assert_eq!(rig.events(), [], "nothing is revoked before the join");
    let join = rig.join("m", 2);
    assert_eq!(join.protocols[0].1.owned, [tp(0), tp(1)]);
    assert_eq!(join.protocols[0].1.generation, 1);
    // Partition 0 goes on being read.
    rig.fetched(vec![batches(0, vec![data(0, 1)])]);
    assert_eq!(rig.poll(10), [(0, 0)]);
    rig.sync(&[0, 2]);
    rig.events();
    assert_eq!(rig.poll(10), []);
    assert_eq!(rig.events(), [Revoking { partitions: vec![tp(1)] }]);
    assert_eq!(rig.c.group_metadata().generation, 2);
    rig.with(|c, now, out| c.revoked(now, out));
    let expected = [Revoked { partitions: vec![tp(1)] }, Assigned { partitions: vec![tp(2)], generation: 2 }];
    assert_eq!(rig.events(), expected);
    assert_eq!(rig.position(0), Some(1), "what stays keeps its position");
    let again = rig.join("m", 3);
    assert_eq!(again.protocols[0].1.owned, [tp(0), tp(2)]);
}

#[test]
fn an_unknown_member_loses_its_partitions_and_joins_anew() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::UnknownMemberId));
    assert_eq!(rig.events(), [Lost { partitions: vec![tp(0)] }]);
    // A zombie goes on to present its old identity, so that it is refused (§4.5).
    assert_eq!((rig.c.group_metadata().generation, &*rig.c.group_metadata().member_id), (1, "m"));
    assert_eq!(&*rig.join("n", 5).member_id, "");
}

#[test]
fn an_old_generation_joins_anew_with_its_member_id() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::IllegalGeneration));
    assert_eq!(rig.events(), [Lost { partitions: vec![tp(0)] }]);
    assert_eq!(&*rig.join("m", 5).member_id, "m");
}

#[test]
fn a_sync_that_meets_a_new_rebalance_joins_again_without_revoking() {
    let mut rig = Rig::subscribed(&[], 1);
    rig.join("m", 1);
    rig.answer(SyncGroupResponse { error: Some(ErrorCode::RebalanceInProgress), assignment: vec![] });
    assert_eq!(&*rig.join("m", 2).member_id, "m");
    rig.sync(&[0]);
    assert_eq!(rig.events(), [Assigned { partitions: vec![tp(0)], generation: 2 }]);
}

#[test]
fn heartbeats_go_on_while_the_application_processes() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 1)])]);
    rig.poll(10);
    for beat in 1..=5 {
        rig.until(beat * 3_000);
        assert_eq!(heartbeat(&mut rig, None).group.generation, 1);
    }
}

#[test]
fn an_application_that_does_not_poll_in_time_leaves_the_group() {
    let mut rig = Rig::member(&[("max.poll.interval.ms", "10000"), ("heartbeat.interval.ms", "60000")], 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 2)])]);
    assert_eq!(rig.poll(1), [(0, 0)]);
    rig.events();
    rig.until(9_999);
    assert_eq!(rig.count(ApiKey::LeaveGroup), 0);
    rig.until(10_000);
    assert_eq!(rig.events(), [PollTimeout]);
    rig.answer(LeaveGroupResponse { error: None });
    // The application learns of it when it polls, before it is given anything.
    assert_eq!(rig.poll(10), []);
    assert_eq!(rig.events(), [Lost { partitions: vec![tp(0)] }]);
    assert_eq!(&*rig.join("n", 2).member_id, "");
}

#[test]
fn an_application_that_waits_in_a_poll_does_not_time_out() {
    let mut rig = Rig::member(&[("max.poll.interval.ms", "10000"), ("heartbeat.interval.ms", "60000")], 1, &[0]);
    rig.until(20_000);
    assert_eq!((rig.events(), rig.count(ApiKey::LeaveGroup)), (vec![], 0));
}

#[test]
fn a_revocation_that_takes_too_long_leaves_the_group() {
    let mut rig = Rig::member(&[("max.poll.interval.ms", "10000")], 1, &[0]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    rig.events();
    rig.until(6_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    rig.until(13_000);
    assert_eq!(rig.events(), [PollTimeout]);
    rig.with(|c, now, out| c.revoked(now, out));
    assert_eq!(rig.events(), [Revoked { partitions: vec![tp(0)] }]);
    assert_eq!(&*rig.join("n", 3).member_id, "");
}

#[test]
fn a_session_without_answers_looks_for_the_coordinator_again() {
    let mut rig = Rig::member(&[("session.timeout.ms", "6000"), ("request.timeout.ms", "30000")], 1, &[0]);
    rig.until(5_999);
    assert!(rig.closed.is_empty());
    rig.until(6_000);
    assert_eq!(rig.closed, [Channel { to: COORDINATOR, purpose: Purpose::GroupCoordinator }]);
    rig.until(6_200);
    assert_eq!(heartbeat(&mut rig, None).group.generation, 1, "the membership is kept until somebody says otherwise");
    assert_eq!(rig.events(), []);
}

#[test]
fn a_static_member_does_not_leave() {
    let mut rig = Rig::member(&[("group.instance.id", "i")], 1, &[0]);
    rig.with(|c, now, out| c.close(now, out));
    assert_eq!(rig.count(ApiKey::LeaveGroup), 0);
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::Closed));
}

#[test]
fn a_dynamic_member_leaves_when_it_closes() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.with(|c, now, out| c.close(now, out));
    assert!(!rig.c.is_dead());
    rig.answer(LeaveGroupResponse { error: None });
    assert_eq!(rig.events(), [Revoked { partitions: vec![tp(0)] }, ConsumerEvent::Closed]);
    assert_eq!(rig.c.poll_timeout(), Instant::NEVER);
}

#[test]
fn a_fenced_static_member_is_dead() {
    let mut rig = Rig::member(&[("group.instance.id", "i")], 1, &[0]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::FencedInstanceId));
    assert_eq!(rig.events(), [ConsumerEvent::Fatal(ConsumerError::Group(ErrorCode::FencedInstanceId))]);
    assert!(rig.c.is_dead());
}

#[test]
fn an_asynchronous_commit_is_not_retried() {
    let mut rig = Rig::member(&[], 1, &[0]);
    let id = rig.with(|c, now, out| c.commit(now, vec![offset(0, 1)], out));
    rig.answer(commit_response(Some(ErrorCode::CoordinatorLoadInProgress)));
    let failure = CommitFailure { error: ErrorCode::CoordinatorLoadInProgress, unknown: false };
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::CommitDone { id, result: Err(failure) }));
}

#[test]
fn a_lost_commit_has_an_unknown_outcome() {
    let mut rig = Rig::member(&[], 1, &[0]);
    let id = rig.with(|c, now, out| c.commit(now, vec![offset(0, 1)], out));
    rig.disconnect(COORDINATOR, Purpose::GroupCoordinator);
    let failure = CommitFailure { error: ErrorCode::NetworkException, unknown: true };
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::CommitDone { id, result: Err(failure) }));
}

#[test]
fn a_commit_of_which_a_part_was_refused_has_an_unknown_outcome() {
    let mut rig = Rig::member(&[], 2, &[0, 1]);
    let id = rig.with(|c, now, out| c.commit(now, vec![offset(0, 1), offset(1, 1)], out));
    let error = ErrorCode::OffsetMetadataTooLarge;
    rig.answer(OffsetCommitResponse { partitions: vec![(tp(0), None), (tp(1), Some(error))] });
    let failure = CommitFailure { error, unknown: true };
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::CommitDone { id, result: Err(failure) }));
}

#[test]
fn a_synchronous_commit_is_retried_at_the_coordinator_that_is_found() {
    let mut rig = Rig::member(&[], 1, &[0]);
    let id = rig.with(|c, now, out| c.commit_sync(now, vec![offset(0, 1)], out));
    rig.answer(commit_response(Some(ErrorCode::NotCoordinator)));
    rig.until(100);
    rig.answer(commit_response(None));
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::CommitDone { id, result: Ok(()) }));
}

#[test]
fn a_synchronous_commit_gives_up_after_its_time() {
    let mut rig = Rig::member(&[("default.api.timeout.ms", "1000"), ("heartbeat.interval.ms", "60000")], 1, &[0]);
    let id = rig.with(|c, now, out| c.commit_sync(now, vec![offset(0, 1)], out));
    rig.connects = false;
    rig.disconnect(COORDINATOR, Purpose::GroupCoordinator);
    rig.until(1_000);
    let failure = CommitFailure { error: ErrorCode::RequestTimedOut, unknown: true };
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::CommitDone { id, result: Err(failure) }));
}

#[test]
fn a_commit_of_an_old_generation_fails_and_the_partitions_are_lost() {
    let mut rig = Rig::member(&[], 1, &[0]);
    let id = rig.with(|c, now, out| c.commit_sync(now, vec![offset(0, 1)], out));
    rig.answer(commit_response(Some(ErrorCode::IllegalGeneration)));
    let failure = CommitFailure { error: ErrorCode::IllegalGeneration, unknown: false };
    let events = rig.events();
    assert!(events.contains(&ConsumerEvent::CommitDone { id, result: Err(failure) }));
    assert_eq!(events.last(), Some(&Lost { partitions: vec![tp(0)] }));
}

#[test]
fn a_commit_outside_a_generation_is_refused() {
    let mut rig = Rig::subscribed(&[], 1);
    let id = rig.with(|c, now, out| c.commit(now, vec![offset(0, 1)], out));
    let failure = CommitFailure { error: ErrorCode::RebalanceInProgress, unknown: false };
    assert_eq!(rig.events().last(), Some(&ConsumerEvent::CommitDone { id, result: Err(failure) }));
    assert_eq!(rig.count(ApiKey::OffsetCommit), 0);
}

fn committed(rig: &mut Rig) -> Vec<(u32, Offset)> {
    let Request::OffsetCommit(commit) = rig.answer(commit_response(None)) else { unreachable!() };
    commit.offsets.iter().map(|o| (o.tp.partition, o.offset)).collect()
}

#[test]
fn auto_commit_commits_what_was_delivered_before_the_current_poll() {
    let settings = [("enable.auto.commit", "true"), ("heartbeat.interval.ms", "60000")];
    let mut rig = Rig::member(&settings, 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 5)])]);
    assert_eq!(rig.poll(2).len(), 2);
    rig.until(6_000);
    assert_eq!(rig.count(ApiKey::OffsetCommit), 0, "the application may be in the middle of these records");
    assert_eq!(rig.poll(2).len(), 2);
    assert_eq!(committed(&mut rig), [(0, 2)]);
}

#[test]
fn auto_commit_precedes_a_rebalance() {
    let settings = [("enable.auto.commit", "true")];
    let mut rig = Rig::member(&settings, 1, &[0]);
    rig.c.set_auto_revoke(true);
    rig.fetched(vec![batches(0, vec![data(0, 2)])]);
    rig.poll(10);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    rig.poll(10);
    assert_eq!(rig.count(ApiKey::JoinGroup), 0);
    assert_eq!(committed(&mut rig), [(0, 2)]);
    assert_eq!(rig.count(ApiKey::JoinGroup), 1);
    assert_eq!(rig.events().last(), Some(&Revoked { partitions: vec![tp(0)] }));
}

#[test]
fn auto_commit_precedes_closing() {
    let mut rig = Rig::member(&[("enable.auto.commit", "true")], 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 2)])]);
    rig.poll(10);
    rig.with(|c, now, out| c.close(now, out));
    assert_eq!(rig.count(ApiKey::LeaveGroup), 0);
    assert_eq!(committed(&mut rig), [(0, 2)]);
    rig.answer(LeaveGroupResponse { error: None });
    assert!(rig.c.is_dead());
}

#[test]
fn committed_offsets_are_asked_until_they_are_stable() {
    let mut rig = Rig::member(&[], 1, &[0]);
    let id = rig.with(|c, now, out| c.committed(now, vec![tp(0)], out));
    rig.committed(vec![(tp(0), Err(ErrorCode::UnstableOffsetCommit))]);
    rig.until(100);
    rig.committed(vec![(tp(0), Ok((-1, -1)))]);
    assert_eq!(rig.events(), [ConsumerEvent::Committed { id, offsets: vec![(tp(0), None)] }]);
}

#[test]
fn a_dead_broker_does_not_keep_the_coordinator_from_being_found() {
    let mut rig = Rig::new(&[], 1);
    rig.connects = false;
    rig.with(|c, now, out| c.subscribe(now, vec![TOPIC], out));
    rig.poll(0);
    rig.disconnect(LEADER, Purpose::Client);
    rig.connects = true;
    // The first bootstrap server refused: the second is tried at once.
    rig.with(|c, now, out| c.net(now, NetInput::Connected(Channel { to: COORDINATOR, purpose: Purpose::Client }), out));
    rig.until(100);
    assert_eq!(rig.count(ApiKey::JoinGroup), 1);
}

#[test]
fn an_answer_to_an_earlier_join_is_ignored() {
    // The membership was lost while the join was parked: a second one follows on the same connection.
    let mut rig = Rig::member(&[("partition.assignment.strategy", "cooperative-sticky")], 1, &[0]);
    rig.until(3_000);
    heartbeat(&mut rig, Some(ErrorCode::RebalanceInProgress));
    rig.with(|c, _, _| c.reset_generation(true));
    rig.poll(0);
    assert_eq!(rig.count(ApiKey::JoinGroup), 2);
    rig.join("m", 2);
    assert_eq!((rig.count(ApiKey::SyncGroup), rig.count(ApiKey::JoinGroup)), (0, 1));
    rig.join("n", 3);
    assert_eq!(rig.count(ApiKey::SyncGroup), 1);
}
