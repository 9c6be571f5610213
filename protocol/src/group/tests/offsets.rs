//! Pending, committed and stable offsets: §4.2, §4.4, §4.5, §1.9.

use super::*;
use ErrorCode::*;

#[test]
fn a_transactional_offset_is_committed_by_its_marker() {
    // §4.2 steps 4 and 5.
    let mut rig = Rig::new();
    let conn = rig.txn(7, nobody(), P0, 10);
    assert_eq!(rig.commit_error(conn), None);
    assert_eq!(rig.committed(P0), None);
    assert_eq!(rig.gc.pending_offsets().len(), 1);
    assert_eq!(rig.marker(7, Commit), Some(MarkerDone { token: 77, outcome: Ok(()) }));
    assert_eq!(rig.committed(P0), Some(10));
    assert!(rig.gc.pending_offsets().is_empty());
}

#[test]
fn an_abort_marker_discards_pending_offsets() {
    // §4.2 step 5.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.txn(7, nobody(), P0, 10);
    rig.marker(7, Abort);
    assert_eq!(rig.committed(P0), Some(3));
    assert!(rig.gc.pending_offsets().is_empty());
}

#[test]
fn a_marker_of_an_unknown_producer_is_written_and_changes_nothing() {
    // §4.2 step 5.
    let mut rig = Rig::new();
    rig.txn(7, nobody(), P0, 10);
    let end = rig.end();
    assert_eq!(rig.marker(8, Commit).map(|d| d.outcome), Some(Ok(())));
    assert_eq!(rig.end(), end + 1);
    assert_eq!((rig.committed(P0), rig.gc.pending_offsets().len()), (None, 1));
}

#[test]
fn the_greater_record_offset_wins_not_the_later_decision() {
    // §4.2 step 5, KAFKA-5247: staged first, plain commit, then the marker.
    let mut rig = Rig::new();
    rig.txn(7, nobody(), P0, 10);
    rig.plain(nobody(), P0, 12);
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(12));
    rig.fail_over();
    assert_eq!(rig.committed(P0), Some(12));
    // And the other way round: the transaction's record is the later one.
    rig.plain(nobody(), P0, 20);
    rig.txn(7, nobody(), P0, 15);
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(15));
}

#[test]
fn two_transactions_materialise_by_record_offset() {
    // §4.2 step 5: the second to stage wins, whoever is decided last.
    let mut rig = Rig::new();
    rig.txn(7, nobody(), P0, 10);
    rig.txn(8, nobody(), P0, 20);
    rig.marker(8, Commit);
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(20));
}

#[test]
fn a_retry_overwrites_the_pending_offset() {
    // §4.2 step 3.
    let mut rig = Rig::new();
    rig.txn(7, nobody(), P0, 10);
    rig.txn(7, nobody(), P0, 11);
    assert_eq!(rig.gc.pending_offsets().len(), 1);
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(11));
}

#[test]
fn a_commit_is_answered_when_the_high_watermark_passes_it() {
    // §4.2 step 3.
    let mut rig = Rig::new();
    rig.replicated = false;
    let txn = rig.txn(7, nobody(), P0, 10);
    let plain = rig.plain(nobody(), P1, 4);
    assert_eq!(rig.answer(txn), None);
    rig.replicate_one();
    assert_eq!(rig.commit_error(txn), None);
    assert_eq!(rig.answer(plain), None);
    rig.replicate_one();
    assert_eq!(rig.commit_error(plain), None);
}

#[test]
fn after_five_seconds_a_commit_is_answered_15_although_it_is_written() {
    // §4.2 step 3: 15 does not mean "not written".
    let mut rig = Rig::new();
    rig.replicated = false;
    let conn = rig.txn(7, nobody(), P0, 10);
    rig.at(4_999);
    assert_eq!(rig.answer(conn), None);
    rig.at(5_000);
    assert_eq!(rig.commit_error(conn), Some(CoordinatorNotAvailable));
    assert_eq!(rig.gc.pending_offsets().len(), 1);
    // The late high watermark answers nobody twice, and makes the entry stable.
    rig.replicate();
    assert_eq!(rig.answer(conn), None);
    let fetch = rig.fetch(true);
    assert_eq!(rig.fetched(fetch), Some(Err(UnstableOffsetCommit)));
}

#[test]
fn a_failed_append_changes_nothing() {
    // §1.10, §4.2: errors of the append as clients see them; 47 and 48 of the log pass.
    for (of_log, seen) in [
        (NotCoordinator, NotCoordinator),
        (NotLeaderOrFollower, NotCoordinator),
        (NotEnoughReplicas, CoordinatorNotAvailable),
        (InvalidProducerEpoch, InvalidProducerEpoch),
        (InvalidTxnState, InvalidTxnState),
    ] {
        let mut rig = Rig::new();
        rig.fail = Some(of_log);
        let conn = rig.txn(7, nobody(), P0, 10);
        assert_eq!(rig.commit_error(conn), Some(seen));
        assert!(rig.gc.pending_offsets().is_empty());
    }
}

#[test]
fn a_marker_that_could_not_be_written_is_rolled_back() {
    // §4.2 step 5; errors by §1.9.
    let mut rig = Rig::new();
    rig.txn(7, nobody(), P0, 10);
    for (of_log, seen) in [
        (InvalidProducerEpoch, InvalidProducerEpoch),
        (TransactionCoordinatorFenced, TransactionCoordinatorFenced),
        (NotCoordinator, NotLeaderOrFollower),
        (CoordinatorNotAvailable, NotLeaderOrFollower),
    ] {
        rig.fail = Some(of_log);
        assert_eq!(rig.marker(7, Commit), Some(MarkerDone { token: 77, outcome: Err(seen) }));
        assert_eq!((rig.committed(P0), rig.gc.pending_offsets().len()), (None, 1));
    }
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(10));
}

#[test]
fn markers_where_nobody_leads_or_loads_are_shown_as_6() {
    // §1.9: 14, 15 and 16 are shown as 6.
    let mut rig = Rig::new();
    rig.resign();
    assert_eq!(rig.marker(7, Commit).map(|d| d.outcome), Some(Err(NotLeaderOrFollower)));
    rig.elect(0);
    assert_eq!(rig.marker(7, Commit).map(|d| d.outcome), Some(Err(NotLeaderOrFollower)));
}

#[test]
fn a_marker_is_reported_when_the_high_watermark_passes_it_or_by_7() {
    // §1.9.
    let mut rig = Rig::new();
    rig.replicated = false;
    assert_eq!(rig.marker(7, Commit), None);
    rig.replicate_one();
    assert_eq!(rig.done.pop(), Some(MarkerDone { token: 77, outcome: Ok(()) }));
    assert_eq!(rig.marker(7, Commit), None);
    let (ticket, _) = rig.in_flight.pop_front().expect("the marker is in flight");
    rig.call(|gc, turn| gc.committed(turn, ticket, Err(RequestTimedOut)));
    assert_eq!(rig.done.pop(), Some(MarkerDone { token: 77, outcome: Err(RequestTimedOut) }));
}

#[test]
fn resigning_answers_16_and_leaves_markers_to_their_writes() {
    // §1.9, §1.10.
    let mut rig = Rig::new();
    rig.replicated = false;
    let commit = rig.plain(nobody(), P0, 1);
    let fetch = rig.fetch(true);
    assert_eq!(rig.marker(7, Commit), None);
    rig.resign();
    assert_eq!(rig.commit_error(commit), Some(NotCoordinator));
    assert_eq!(rig.fetched(fetch), Some(Err(NotCoordinator)));
    assert!(rig.done.is_empty());
    let (ticket, _) = rig.in_flight.pop_back().expect("the marker is in flight");
    rig.call(|gc, turn| gc.committed(turn, ticket, Err(NotLeaderOrFollower)));
    assert_eq!(rig.done.pop(), Some(MarkerDone { token: 77, outcome: Err(NotLeaderOrFollower) }));
}

#[test]
fn loading_is_14_and_no_owner_16() {
    // §1.10, §1.11.
    let mut rig = Rig::new();
    rig.resign();
    let conn = rig.plain(nobody(), P0, 1);
    assert_eq!(rig.commit_error(conn), Some(NotCoordinator));
    rig.elect(0);
    let conn = rig.txn(7, nobody(), P0, 1);
    assert_eq!(rig.commit_error(conn), Some(CoordinatorLoadInProgress));
    let conn = rig.fetch(true);
    assert_eq!(rig.fetched(conn), Some(Err(CoordinatorLoadInProgress)));
    assert_eq!(rig.heartbeat("m", 1), None);
    rig.load();
    let conn = rig.fetch(true);
    assert_eq!(rig.fetched(conn), Some(Ok(-1)));
}

#[test]
fn require_stable_refuses_while_a_transaction_is_open() {
    // §4.4, G2. A reader without it gets the old committed value.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.txn(7, nobody(), P0, 10);
    let (stable, other) = (rig.fetch(true), rig.fetch(false));
    assert_eq!(rig.fetched(stable), Some(Err(UnstableOffsetCommit)));
    assert_eq!(rig.fetched(other), Some(Ok(3)));
    rig.marker(7, Commit);
    let stable = rig.fetch(true);
    assert_eq!(rig.fetched(stable), Some(Ok(10)));
}

#[test]
fn require_stable_looks_at_the_newest_state_and_waits_for_it() {
    // §4.4.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.replicated = false;
    rig.plain(nobody(), P0, 4);
    rig.plain(nobody(), P0, 5);
    let (stable, other) = (rig.fetch(true), rig.fetch(false));
    assert_eq!(rig.fetched(stable), None);
    assert_eq!(rig.fetched(other), Some(Ok(3)));
    rig.replicate_one();
    let other = rig.fetch(false);
    assert_eq!(rig.fetched(other), Some(Ok(4)));
    assert_eq!(rig.fetched(stable), None);
    rig.replicate_one();
    assert_eq!(rig.fetched(stable), Some(Ok(5)));
}

#[test]
fn a_marker_that_is_not_yet_committed_holds_stable_readers_only() {
    // §4.4: the materialised value is the newest state.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.txn(7, nobody(), P0, 10);
    rig.replicated = false;
    rig.marker(7, Commit);
    let (stable, other) = (rig.fetch(true), rig.fetch(false));
    assert_eq!(rig.fetched(stable), None);
    assert_eq!(rig.fetched(other), Some(Ok(3)));
    rig.replicate();
    assert_eq!(rig.fetched(stable), Some(Ok(10)));
}

#[test]
fn a_stable_read_is_answered_16_after_five_seconds() {
    // §4.4.
    let mut rig = Rig::new();
    rig.replicated = false;
    rig.plain(nobody(), P0, 3);
    rig.at(1_000);
    let fetch = rig.fetch(true);
    rig.at(5_999);
    assert_eq!(rig.fetched(fetch), None);
    rig.at(6_000);
    assert_eq!(rig.fetched(fetch), Some(Err(NotCoordinator)));
    // Once the high watermark is there, readers are served again.
    rig.replicate();
    let fetch = rig.fetch(true);
    assert_eq!(rig.fetched(fetch), Some(Ok(3)));
}

#[test]
fn a_fetch_of_everything_lists_committed_partitions() {
    // §4.4: 88 for a committed partition that is open; one that is only pending is not listed.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.txn(7, nobody(), P0, 10);
    rig.txn(7, nobody(), P1, 10);
    let all = |require_stable| OffsetFetchRequest { group_id: GROUP.into(), partitions: None, require_stable };
    let conn = rig.send(all(true));
    let partitions = vec![(P0, Err(UnstableOffsetCommit))];
    assert_eq!(rig.answer(conn), Some(OffsetFetchResponse { error: None, partitions }.into()));
    let conn = rig.send(all(false));
    let partitions = vec![(P0, Ok((3, 0)))];
    assert_eq!(rig.answer(conn), Some(OffsetFetchResponse { error: None, partitions }.into()));
}

#[test]
fn pending_offsets_survive_a_failover() {
    // §4.2 last line, G4.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.txn(7, nobody(), P0, 10);
    rig.fail_over();
    let fetch = rig.fetch(true);
    assert_eq!(rig.fetched(fetch), Some(Err(UnstableOffsetCommit)));
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(10));
    rig.fail_over();
    assert_eq!((rig.committed(P0), rig.gc.pending_offsets().len()), (Some(10), 0));
}

#[test]
fn what_was_loaded_above_the_high_watermark_is_not_yet_stable() {
    // §4.4 and §4.1: "committed" is below the high watermark, after a failover too.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    let high_watermark = rig.end();
    rig.plain(nobody(), P0, 4);
    rig.plain(nobody(), P0, 5);
    rig.fail_over_at(high_watermark);
    let (stable, other) = (rig.fetch(true), rig.fetch(false));
    assert_eq!(rig.fetched(stable), None);
    assert_eq!(rig.fetched(other), Some(Ok(3)));
    rig.replicate();
    assert_eq!(rig.fetched(stable), Some(Ok(5)));
}

#[test]
fn kip_447_case_1_a_commit_before_the_rebalance_makes_the_new_owner_wait() {
    // §4.5 case 1.
    let mut rig = Rig::new();
    let a = rig.one_member();
    let (b, joining) = rig.join_new();
    let conn = rig.txn(7, identity(&a, 1), P0, 10);
    assert_eq!(rig.commit_error(conn), None);
    let conn = rig.join(&a);
    assert_eq!(rig.joined(conn).generation, 2);
    rig.joined(joining);
    rig.sync(&b, 2, &[]);
    rig.sync(&a, 2, &[(&b, P0)]);
    let fetch = rig.fetch(true);
    assert_eq!(rig.fetched(fetch), Some(Err(UnstableOffsetCommit)));
    rig.marker(7, Commit);
    let fetch = rig.fetch(true);
    assert_eq!(rig.fetched(fetch), Some(Ok(10)));
}

#[test]
fn kip_447_case_2_a_commit_after_the_rebalance_is_refused() {
    // §4.5 case 2: B fetched first, so the generation has advanced; and what a bare group id gives away.
    let mut rig = Rig::new();
    let a = rig.one_member();
    let (b, joining) = rig.join_new();
    // A falls silent; its session ends.
    rig.at(13_000);
    assert_eq!(rig.joined(joining).generation, 2);
    let conn = rig.sync(&b, 2, &[(&b, P0)]);
    assert_eq!(rig.synced(conn), Some(Ok(vec![P0])));
    let fetch = rig.fetch(true);
    assert_eq!(rig.fetched(fetch), Some(Ok(-1)));
    let conn = rig.txn(7, identity(&a, 1), P0, 10);
    assert_eq!(rig.commit_error(conn), Some(UnknownMemberId));
    let conn = rig.txn(7, identity(&b, 1), P0, 10);
    assert_eq!(rig.commit_error(conn), Some(IllegalGeneration));
    let conn = rig.txn(7, nobody(), P0, 10);
    assert_eq!(rig.commit_error(conn), None);
}

/// Offsets live for one minute and are looked through every ten seconds.
fn forgetful() -> Rig {
    Rig::with(|config| {
        config.offsets_retention_minutes = 1;
        config.offsets_retention_check_ms = 10_000;
    })
}

#[test]
fn offsets_of_an_empty_group_expire_by_tombstone() {
    // §4.2 step 7.
    let mut rig = forgetful();
    rig.at(5_000);
    rig.plain(nobody(), P0, 3);
    rig.at(64_999);
    assert_eq!(rig.committed(P0), Some(3));
    rig.at(70_000);
    assert_eq!(rig.committed(P0), None);
    rig.fail_over();
    assert_eq!(rig.committed(P0), None);
}

#[test]
fn expiry_skips_partitions_with_pending_offsets() {
    // §4.2 step 7, KAFKA-19163.
    let mut rig = forgetful();
    rig.plain(nobody(), P0, 3);
    rig.plain(nobody(), P1, 3);
    rig.txn(7, nobody(), P0, 10);
    rig.at(100_000);
    assert_eq!((rig.committed(P0), rig.committed(P1)), (Some(3), None));
    rig.marker(7, Abort);
    rig.at(110_000);
    assert_eq!(rig.committed(P0), None);
}

#[test]
fn a_group_with_nothing_but_pending_offsets_is_kept() {
    // §4.2 step 7, KAFKA-19163.
    let mut rig = forgetful();
    rig.txn(7, nobody(), P0, 10);
    rig.at(200_000);
    assert_eq!(rig.end(), 1, "no tombstone of the group is written");
    rig.marker(7, Commit);
    assert_eq!(rig.committed(P0), Some(10));
    rig.fail_over();
    assert_eq!(rig.committed(P0), Some(10));
}

#[test]
fn offsets_of_a_group_with_members_do_not_expire() {
    // §4.2 step 7; after the last member left, the time counts from there.
    let mut rig = forgetful();
    let member = rig.one_member();
    rig.plain(identity(&member, 1), P0, 3);
    for ms in (5_000..=100_000).step_by(5_000) {
        rig.at(ms);
        assert_eq!(rig.heartbeat(&member, 1), None);
    }
    assert_eq!(rig.committed(P0), Some(3));
    rig.leave(&member);
    rig.at(159_999);
    assert_eq!(rig.committed(P0), Some(3));
    rig.at(160_000);
    assert_eq!(rig.committed(P0), None);
}

#[test]
fn a_tombstone_removes_pending_offsets_too() {
    // §4.2 step 6: as DeleteGroups or OffsetDelete would leave it in the log.
    let mut rig = Rig::new();
    rig.plain(nobody(), P0, 3);
    rig.txn(7, nobody(), P0, 10);
    rig.txn(7, nobody(), P1, 20);
    let record = GroupLogRecord::Offset { group_id: GROUP.into(), tp: P0, value: None };
    let mut batch = RecordBatch::of_records([].into());
    batch.base_offset = rig.end();
    batch.last_offset_delta = 0;
    batch.payload = crate::batch::Payload::GroupLog([record].into());
    rig.log.push(batch);
    rig.fail_over();
    assert_eq!(rig.committed(P0), None);
    assert_eq!(rig.gc.pending_offsets().len(), 1);
    rig.marker(7, Commit);
    assert_eq!((rig.committed(P0), rig.committed(P1)), (None, Some(20)));
}

#[test]
fn a_tombstone_that_is_not_yet_committed_hides_nothing_from_readers_of_the_past() {
    // §4.1: the committed version still has the offset, although the newest one has not even the group.
    let mut rig = forgetful();
    rig.plain(nobody(), P0, 3);
    rig.replicated = false;
    rig.at(60_000);
    assert_eq!(rig.committed(P0), None);
    let all = OffsetFetchRequest { group_id: GROUP.into(), partitions: None, require_stable: false };
    let (one, all) = (rig.fetch(false), rig.send(all));
    assert_eq!(rig.fetched(one), Some(Ok(3)));
    let partitions = vec![(P0, Ok((3, 0)))];
    assert_eq!(rig.answer(all), Some(OffsetFetchResponse { error: None, partitions }.into()));
    rig.replicate();
    let one = rig.fetch(false);
    assert_eq!(rig.fetched(one), Some(Ok(-1)));
}

#[test]
fn a_postponed_expiry_comes_later() {
    let mut rig = forgetful();
    rig.plain(nobody(), P0, 3);
    rig.at(55_000);
    rig.gc.postpone_expiry(Span::from_secs(30));
    rig.at(89_999);
    assert_eq!(rig.committed(P0), Some(3));
    rig.at(90_000);
    assert_eq!(rig.committed(P0), None);
}
