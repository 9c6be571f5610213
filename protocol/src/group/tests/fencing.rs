//! Who may commit: §4.3, classic rows, and the rules of plain OffsetCommit.

use super::*;
use ErrorCode::*;

fn txn_error(rig: &mut Rig, version: i16, group: GroupMetadata) -> Option<ErrorCode> {
    let conn = rig.send(txn_request(version, 7, group, P0, 1));
    rig.commit_error(conn)
}

fn plain_error(rig: &mut Rig, group: GroupMetadata) -> Option<ErrorCode> {
    let conn = rig.plain(group, P0, 1);
    rig.commit_error(conn)
}

#[test]
fn a_missing_group_is_made_for_a_commit_without_generation() {
    // §4.3 row "group missing".
    let mut rig = Rig::new();
    assert_eq!(txn_error(&mut rig, 5, nobody()), None);
    let mut rig = Rig::new();
    assert_eq!(plain_error(&mut rig, nobody()), None);
    assert_eq!(rig.committed(P0), Some(1));
}

#[test]
fn a_missing_group_with_generation_is_69_or_22_by_version() {
    // §4.3 row "group missing"; §1.10.
    let mut rig = Rig::new();
    assert_eq!(txn_error(&mut rig, 5, identity("m", 1)), Some(IllegalGeneration));
    assert_eq!(txn_error(&mut rig, 6, identity("m", 1)), Some(GroupIdNotFound));
    assert_eq!(plain_error(&mut rig, identity("m", 1)), Some(GroupIdNotFound));
    assert!(rig.log.is_empty());
}

#[test]
fn an_empty_group_accepts_a_negative_generation_without_further_checks() {
    // §4.3 row "generation < 0 and state Empty": not even the member id is looked at.
    let mut rig = Rig::new();
    let member = rig.one_member();
    rig.leave(&member);
    assert_eq!(txn_error(&mut rig, 5, identity("stranger", -1)), None);
    assert_eq!(plain_error(&mut rig, identity("stranger", -1)), None);
    assert_eq!(txn_error(&mut rig, 5, identity(&member, 1)), Some(UnknownMemberId));
}

#[test]
fn a_stranger_is_25_and_a_wrong_generation_22() {
    // §4.3 row "generation ≥ 0 or memberId ≠ ''".
    let mut rig = Rig::new();
    let member = rig.one_member();
    for error in [txn_error, |rig: &mut Rig, _: i16, group| plain_error(rig, group)] {
        assert_eq!(error(&mut rig, 5, identity(&member, 1)), None);
        assert_eq!(error(&mut rig, 5, identity(&member, 0)), Some(IllegalGeneration));
        assert_eq!(error(&mut rig, 5, identity(&member, 2)), Some(IllegalGeneration));
        assert_eq!(error(&mut rig, 5, identity(&member, -1)), Some(IllegalGeneration));
        assert_eq!(error(&mut rig, 5, identity("stranger", 1)), Some(UnknownMemberId));
        assert_eq!(error(&mut rig, 5, identity("", 1)), Some(UnknownMemberId));
    }
}

#[test]
fn a_static_id_is_checked_before_the_member() {
    // §4.3: static id unknown 25, owned by another member 82.
    let mut rig = Rig::new();
    let conn = rig.send(join_request("", Some("i")));
    rig.at(3_000);
    let member = rig.joined(conn).member_id;
    let with = |member: &str, instance: &str| GroupMetadata {
        group_instance_id: Some(instance.into()),
        ..identity(member, 1)
    };
    assert_eq!(txn_error(&mut rig, 5, with(&member, "i")), None);
    assert_eq!(txn_error(&mut rig, 5, with(&member, "other")), Some(UnknownMemberId));
    assert_eq!(txn_error(&mut rig, 5, with("somebody", "i")), Some(FencedInstanceId));
    assert_eq!(plain_error(&mut rig, with("somebody", "i")), Some(FencedInstanceId));
}

#[test]
fn no_group_metadata_means_no_fencing_for_transactions_only() {
    // §4.3 row "no group metadata at all": accepted in any state; a plain commit is 25.
    let mut rig = Rig::new();
    rig.one_member();
    assert_eq!(txn_error(&mut rig, 5, nobody()), None);
    assert_eq!(plain_error(&mut rig, nobody()), Some(UnknownMemberId));
}

#[test]
fn completing_rebalance_refuses_plain_commits_only() {
    // §4.3 row "CompletingRebalance".
    let mut rig = Rig::new();
    let (member, conn) = rig.join_new();
    rig.at(3_000);
    assert_eq!(rig.joined(conn).generation, 1);
    assert_eq!(txn_error(&mut rig, 5, identity(&member, 1)), None);
    assert_eq!(plain_error(&mut rig, identity(&member, 1)), Some(RebalanceInProgress));
}

#[test]
fn preparing_rebalance_still_accepts_the_old_generation() {
    // §4.3, last paragraph.
    let mut rig = Rig::new();
    let member = rig.one_member();
    let (_, parked) = rig.join_new();
    assert_eq!(rig.heartbeat(&member, 1), Some(RebalanceInProgress));
    assert_eq!(txn_error(&mut rig, 5, identity(&member, 1)), None);
    assert_eq!(plain_error(&mut rig, identity(&member, 1)), None);
    assert_eq!(rig.answer(parked), None);
}

#[test]
fn an_empty_group_id_is_24_except_for_plain_offsets() {
    // §1.10.
    let mut rig = Rig::new();
    let empty = GroupMetadata::only_group("".into());
    assert_eq!(txn_error(&mut rig, 5, empty.clone()), Some(InvalidGroupId));
    let conn = rig.send(HeartbeatRequest { group: empty.clone() });
    assert_eq!(rig.answer(conn), Some(HeartbeatResponse { error: Some(InvalidGroupId) }.into()));
    assert_eq!(plain_error(&mut rig, empty), None);
}

#[test]
fn metadata_that_is_too_long_fails_only_its_partition() {
    // §4.2 step 2.
    let mut rig = Rig::new();
    let long = OffsetToCommit { metadata: "x".repeat(4_097).into(), ..to_commit(P0, 1) };
    let most = OffsetToCommit { metadata: "x".repeat(4_096).into(), ..to_commit(P1, 2) };
    let conn = rig.send(OffsetCommitRequest { group: nobody(), offsets: vec![long, most] });
    let partitions = vec![(P0, Some(OffsetMetadataTooLarge)), (P1, None)];
    assert_eq!(rig.answer(conn), Some(OffsetCommitResponse { partitions }.into()));
    assert_eq!((rig.committed(P0), rig.committed(P1)), (None, Some(2)));
}

#[test]
fn a_fencing_error_fails_every_partition() {
    // §4.2 step 2.
    let mut rig = Rig::new();
    rig.one_member();
    let end = rig.end();
    let request = TxnOffsetCommitRequest {
        offsets: vec![to_commit(P0, 1), to_commit(P1, 1)],
        ..txn_request(5, 7, identity("zombie", 1), P0, 1)
    };
    let conn = rig.send(request);
    let partitions = vec![(P0, Some(UnknownMemberId)), (P1, Some(UnknownMemberId))];
    assert_eq!(rig.answer(conn), Some(TxnOffsetCommitResponse { partitions }.into()));
    assert_eq!(rig.end(), end);
}

#[test]
fn zombie_eos_group_id_only_fences_nobody_who_commits_in_a_transaction() {
    // Against §4.3; the variant of that name.
    let mut rig = Rig::new();
    let member = rig.one_member();
    assert_eq!(txn_error(&mut rig, 5, identity(&member, 0)), Some(IllegalGeneration));
    let variant = crate::config::BrokerVariant::ZombieEosGroupIdOnly;
    Arc::make_mut(&mut rig.gc.config).variant = crate::config::BrokerVariants::NONE.with(variant);
    assert_eq!(txn_error(&mut rig, 5, identity(&member, 0)), None);
    assert_eq!(plain_error(&mut rig, identity(&member, 0)), Some(IllegalGeneration), "plain commits are fenced");
}
