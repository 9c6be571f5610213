//! §6.2, §4.4.

use super::*;
use ConsumerEvent::PositionReset;

fn reset(partition: u32, position: Offset, reason: PositionReason) -> ConsumerEvent {
    PositionReset { tp: tp(partition), position, reason }
}

/// A member whose OffsetFetch for partition 0 is out.
fn initializing(settings: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::subscribed(settings, 1);
    rig.join("m", 1);
    rig.sync(&[0]);
    rig.events();
    rig
}

#[test]
fn reading_begins_at_the_committed_offset_and_asks_for_a_stable_one() {
    let mut rig = initializing(&[]);
    let request = rig.committed(vec![(tp(0), Ok((42, NO_LEADER_EPOCH)))]);
    assert!(request.require_stable);
    assert_eq!(rig.events(), [reset(0, 42, PositionReason::Committed)]);
    assert_eq!(rig.position(0), Some(42));
}

#[test]
fn an_unstable_offset_is_asked_again_and_is_never_no_offset() {
    // 88: the previous owner's transaction is open (§4.4, §4.5).
    let mut rig = initializing(&[]);
    rig.committed(vec![(tp(0), Err(ErrorCode::UnstableOffsetCommit))]);
    assert_eq!((rig.events(), rig.position(0)), (vec![], None));
    assert_eq!((rig.count(ApiKey::ListOffsets), rig.count(ApiKey::OffsetFetch)), (0, 0));
    rig.until(99);
    assert_eq!(rig.count(ApiKey::OffsetFetch), 0);
    rig.until(100);
    rig.committed(vec![(tp(0), Err(ErrorCode::UnstableOffsetCommit))]);
    rig.until(299);
    assert_eq!(rig.count(ApiKey::OffsetFetch), 0, "the second pause is twice the first");
    rig.until(300);
    rig.committed(vec![(tp(0), Ok((7, NO_LEADER_EPOCH)))]);
    assert_eq!(rig.position(0), Some(7));
}

#[test]
fn one_unstable_partition_repeats_the_whole_question() {
    let mut rig = Rig::subscribed(&[], 2);
    rig.join("m", 1);
    rig.sync(&[0, 1]);
    rig.committed(vec![(tp(0), Ok((3, -1))), (tp(1), Err(ErrorCode::UnstableOffsetCommit))]);
    assert_eq!(rig.position(0), None);
    rig.until(100);
    let again = rig.committed(vec![(tp(0), Ok((4, -1))), (tp(1), Ok((5, -1)))]);
    assert_eq!(again.partitions, Some(vec![tp(0), tp(1)]));
    assert_eq!((rig.position(0), rig.position(1)), (Some(4), Some(5)));
}

#[test]
fn without_a_committed_offset_the_policy_decides() {
    for (policy, spec, reason) in [
        ("earliest", OffsetSpec::Earliest, PositionReason::Earliest),
        ("latest", OffsetSpec::Latest, PositionReason::Latest),
    ] {
        let mut rig = initializing(&[("auto.offset.reset", policy), ("isolation.level", "read_committed")]);
        rig.committed(vec![(tp(0), Ok((-1, NO_LEADER_EPOCH)))]);
        let asked = rig.answer(ListOffsetsResponse { partitions: vec![(tp(0), Ok((9, 0)))] });
        let expected =
            ListOffsetsRequest { isolation: IsolationLevel::ReadCommitted, partitions: vec![(tp(0), 0, spec)] };
        assert_eq!(asked, expected.into());
        assert_eq!(rig.events(), [reset(0, 9, reason)]);
    }
}

#[test]
fn without_a_policy_the_application_must_seek() {
    let mut rig = initializing(&[("auto.offset.reset", "none")]);
    rig.committed(vec![(tp(0), Ok((-1, NO_LEADER_EPOCH)))]);
    assert_eq!(rig.events(), [ConsumerEvent::Fatal(ConsumerError::NoOffsetForPartition(tp(0)))]);
    assert_eq!(rig.count(ApiKey::Fetch), 0);
    rig.with(|c, now, out| c.seek(now, tp(0), 5, out));
    assert_eq!((rig.position(0), rig.count(ApiKey::Fetch)), (Some(5), 1));
}

#[test]
fn a_new_leader_whose_watermark_lags_is_asked_again() {
    // 78, §1.11.
    let mut rig = initializing(&[]);
    rig.committed(vec![(tp(0), Ok((-1, NO_LEADER_EPOCH)))]);
    rig.answer(ListOffsetsResponse { partitions: vec![(tp(0), Err(ErrorCode::OffsetNotAvailable))] });
    assert_eq!(rig.count(ApiKey::ListOffsets), 0);
    rig.until(200);
    rig.answer(ListOffsetsResponse { partitions: vec![(tp(0), Ok((2, 0)))] });
    assert_eq!(rig.position(0), Some(2));
}

#[test]
fn out_of_range_resets_unless_the_position_has_moved() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.fetched(vec![failed(0, ErrorCode::OffsetOutOfRange)]);
    rig.answer(ListOffsetsResponse { partitions: vec![(tp(0), Ok((30, 0)))] });
    assert_eq!(rig.events(), [reset(0, 30, PositionReason::Earliest)]);

    let mut rig = Rig::member(&[], 1, &[0]);
    rig.with(|c, now, out| c.seek(now, tp(0), 10, out));
    rig.fetched(vec![failed(0, ErrorCode::OffsetOutOfRange)]);
    assert_eq!((rig.count(ApiKey::ListOffsets), rig.position(0)), (0, Some(10)));
}

/// A member that has read offsets 0 to 4 (epoch 0) of partition 0, whose leader epoch then becomes 1.
fn after_leader_change(settings: &[(&str, &str)]) -> Rig {
    let mut rig = Rig::member(settings, 1, &[0]);
    rig.fetched(vec![batches(0, vec![data(0, 5)])]);
    rig.poll(10);
    rig.until(1_000);
    rig.leaders[0].1 = 1;
    rig.fetched(vec![failed(0, ErrorCode::FencedLeaderEpoch)]);
    rig.events();
    rig
}

fn epoch_end(epoch: LeaderEpoch, end_offset: Offset) -> OffsetForLeaderEpochResponse {
    OffsetForLeaderEpochResponse { partitions: vec![(tp(0), Ok(EpochEndOffset { epoch, end_offset }))] }
}

#[test]
fn a_position_is_validated_after_a_change_of_leader() {
    let mut rig = after_leader_change(&[]);
    assert_eq!(rig.count(ApiKey::Fetch), 0, "nothing is read before the answer");
    let asked = rig.answer(epoch_end(0, 5));
    assert_eq!(asked, OffsetForLeaderEpochRequest { partitions: vec![(tp(0), 1, 0)] }.into());
    assert_eq!((rig.events(), rig.position(0), rig.count(ApiKey::Fetch)), (vec![], Some(5), 1));
}

#[test]
fn truncation_goes_back_to_the_divergence_point() {
    let mut rig = after_leader_change(&[]);
    rig.answer(epoch_end(0, 3));
    assert_eq!(rig.events(), [reset(0, 3, PositionReason::Truncated)]);
}

#[test]
fn truncation_to_an_unknown_point_resets() {
    let mut rig = after_leader_change(&[]);
    rig.answer(epoch_end(NO_LEADER_EPOCH, -1));
    assert_eq!(rig.count(ApiKey::ListOffsets), 1);
}

#[test]
fn truncation_without_a_policy_is_an_error() {
    let mut rig = after_leader_change(&[("auto.offset.reset", "none")]);
    rig.answer(epoch_end(0, 3));
    assert_eq!(rig.events(), [ConsumerEvent::Fatal(ConsumerError::LogTruncation(tp(0), 3))]);
}

#[test]
fn a_committed_position_with_an_epoch_is_validated() {
    let mut rig = initializing(&[]);
    rig.committed(vec![(tp(0), Ok((42, 0)))]);
    assert_eq!((rig.count(ApiKey::Fetch), rig.count(ApiKey::OffsetForLeaderEpoch)), (0, 1));
    rig.answer(epoch_end(0, 50));
    assert_eq!(rig.count(ApiKey::Fetch), 1);
}

#[test]
fn an_answer_for_an_earlier_ownership_is_ignored() {
    // The partition was revoked and came back while the OffsetFetch was on its way.
    let mut rig = initializing(&[]);
    let (channel, correlation, _) = rig.requests.pop_front().unwrap();
    rig.with(|c, now, out| c.assign(now, vec![], out));
    rig.with(|c, now, out| c.assign(now, vec![tp(0)], out));
    let stale = OffsetFetchResponse { error: None, partitions: vec![(tp(0), Ok((1, -1)))] };
    rig.with(|c, now, out| c.net(now, NetInput::Response(channel, correlation, stale.into()), out));
    assert_eq!(rig.position(0), None);
    rig.committed(vec![(tp(0), Ok((2, -1)))]);
    assert_eq!(rig.position(0), Some(2));
}

#[test]
fn a_consumer_without_a_group_begins_by_policy() {
    let mut rig = Rig::new(&[("group.id", "")], 1);
    rig.with(|c, now, out| c.assign(now, vec![tp(0)], out));
    rig.answer(ListOffsetsResponse { partitions: vec![(tp(0), Ok((6, 0)))] });
    assert_eq!((rig.position(0), rig.count(ApiKey::OffsetFetch)), (Some(6), 0));
}

#[test]
fn the_epoch_of_a_committed_offset_unseats_a_leader_of_an_older_one() {
    // Kafka's `updateLastSeenEpochIfNewer`: a deposed leader is not asked about an epoch that it has not heard of.
    let mut rig = initializing(&[]);
    rig.committed(vec![(tp(0), Ok((23, 1)))]);
    rig.until(1_000);
    assert_eq!(rig.position(0), Some(23));
    assert_eq!((rig.count(ApiKey::OffsetForLeaderEpoch), rig.count(ApiKey::Fetch)), (0, 0), "there is nobody to ask");
    rig.leaders[0] = (LEADER, 1);
    rig.until(2_000);
    assert_eq!(rig.count(ApiKey::OffsetForLeaderEpoch), 1, "until the metadata has caught up");
}
