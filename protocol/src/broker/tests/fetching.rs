//! What a follower's fetch tells the leader (§7.2).

use super::*;

/// A world whose followers are played by the test: brokers 2 and 3 are registered, their fetchers are cut off.
fn world(brokers: i32, min_isr: u32) -> World {
    let mut world = World::new(brokers, min_isr);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    world
}

/// Fetch of follower `id` at `offset`, without session, answered at once.
fn follow(world: &mut World, id: i32, offset: Offset, last_epoch: LeaderEpoch) -> FetchPartitionResponse {
    let epoch = world.controller.image.brokers[&node(id)].epoch;
    follow_with(world, id, epoch, offset, last_epoch)
}

fn follow_with(
    world: &mut World,
    id: i32,
    broker_epoch: i64,
    offset: Offset,
    last_epoch: LeaderEpoch,
) -> FetchPartitionResponse {
    let leader_epoch = world.controller.image.partition(TP).expect("a partition").leader_epoch;
    let at =
        FetchPartition { current_leader_epoch: leader_epoch, last_fetched_epoch: last_epoch, ..position(TP, offset) };
    let request = FetchRequest {
        replica: Some((node(id), broker_epoch)),
        partitions: vec![at],
        ..read(0, IsolationLevel::ReadUncommitted, 0)
    };
    fetched(world.ask(1, request)).partitions.remove(0)
}

fn write(world: &mut World, acks: Acks) -> ConnId {
    world.send(1, produce(acks, plain(1)))
}

#[test]
fn the_high_watermark_is_the_least_log_end_of_the_in_sync_set() {
    let mut world = world(3, 2);
    write(&mut world, Acks::Leader);
    write(&mut world, Acks::Leader);
    follow(&mut world, 2, 2, 0);
    assert_eq!(world.log(1).high_watermark(), 0);
    follow(&mut world, 3, 1, 0);
    assert_eq!(world.log(1).high_watermark(), 1);
    follow(&mut world, 3, 2, 0);
    assert_eq!(world.log(1).high_watermark(), 2);
}

#[test]
fn the_answer_to_a_follower_carries_the_high_watermark_before_its_own_fetch() {
    let mut world = world(2, 2);
    write(&mut world, Acks::Leader);
    let answer = follow(&mut world, 2, 1, 0);
    assert_eq!(answer.high_watermark, 0);
    assert_eq!(world.log(1).high_watermark(), 1);
}

#[test]
fn a_follower_reads_up_to_the_log_end() {
    let mut world = world(2, 2);
    write(&mut world, Acks::Leader);
    assert_eq!(follow(&mut world, 2, 0, NO_LEADER_EPOCH).batches.len(), 1);
    assert_eq!(world.log(1).high_watermark(), 0);
}

#[test]
fn a_diverging_answer_and_an_error_record_nothing() {
    let mut world = world(2, 2);
    world.elect(TP, Some(1), &[1, 2]); // epoch 1
    write(&mut world, Acks::Leader);
    write(&mut world, Acks::Leader);
    // Epoch 0 is empty in the leader's log: the follower's two records of it diverge at 0.
    let answer = follow(&mut world, 2, 2, 0);
    assert_eq!(answer.diverging_epoch, Some(EpochEndOffset { epoch: 0, end_offset: 0 }));
    assert!(answer.batches.is_empty());
    assert_eq!(world.log(1).high_watermark(), 0);
    assert_eq!(follow(&mut world, 2, 3, NO_LEADER_EPOCH).error, Some(ErrorCode::OffsetOutOfRange));
    assert_eq!(world.log(1).high_watermark(), 0);
    follow(&mut world, 2, 2, 1);
    assert_eq!(world.log(1).high_watermark(), 2);
}

#[test]
fn a_fetch_with_an_old_broker_epoch_is_6_and_records_nothing() {
    let mut world = world(2, 2);
    write(&mut world, Acks::Leader);
    let epoch = world.controller.image.brokers[&node(2)].epoch;
    let answer = follow_with(&mut world, 2, epoch - 1, 1, 0);
    assert_eq!(answer.error, Some(ErrorCode::NotLeaderOrFollower));
    assert_eq!(world.log(1).high_watermark(), 0);
}

#[test]
fn a_fetch_of_a_broker_that_has_no_replica_is_6() {
    let mut world = world(2, 1);
    assert_eq!(follow_with(&mut world, 1, 1, 0, -1).error, Some(ErrorCode::NotLeaderOrFollower));
    let mut p = world.controller.image.partition(TP).expect("a partition").clone();
    p.replicas = [node(1)].into();
    p.isr = vec![node(1)];
    p.partition_epoch += 1;
    world.change(MetadataChange::Partition(TP, p));
    world.flow();
    assert_eq!(follow(&mut world, 2, 0, -1).error, Some(ErrorCode::NotLeaderOrFollower));
}

#[test]
fn below_min_isr_the_high_watermark_stands_still_whatever_the_acks() {
    // KIP-966, §7.2.
    let mut world = world(3, 2);
    let mut p = world.controller.image.partition(TP).expect("a partition").clone();
    p.isr = vec![node(1)];
    p.partition_epoch += 1;
    world.fence(2, true);
    world.fence(3, true);
    world.change(MetadataChange::Partition(TP, p));
    world.flow();
    write(&mut world, Acks::Leader);
    follow(&mut world, 2, 1, 0);
    follow(&mut world, 3, 1, 0);
    assert_eq!(world.log(1).high_watermark(), 0);
}

#[test]
fn the_effective_min_isr_is_at_most_the_replication_factor() {
    let mut world = world(1, 3);
    let conn = write(&mut world, Acks::All);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
}

#[test]
fn a_new_leader_waits_for_every_member_of_the_in_sync_set_to_fetch() {
    // §7.2: what was known of followers is unknown at a new leader; the high watermark may lag.
    let mut world = World::new(3, 2);
    let conn = world.send(1, produce(Acks::All, plain(1)));
    world.run(0);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    world.elect(TP, Some(2), &[1, 2, 3]);
    let conn = world.send(2, produce(Acks::All, plain(1)));
    assert_eq!(world.outcome(conn), None);
    assert!(world.log(2).high_watermark() <= 1);
}

#[test]
fn a_caught_up_follower_outside_the_in_sync_set_holds_the_high_watermark_back() {
    // §7.2: eligible and caught up in the lag-time sense counts as if it were in sync.
    let mut world = world(3, 2);
    let mut p = world.controller.image.partition(TP).expect("a partition").clone();
    p.isr = vec![node(1), node(2)];
    p.partition_epoch += 1;
    world.change(MetadataChange::Partition(TP, p));
    world.flow();
    world.intercept.insert(Purpose::ControllerAlterPartition);
    world.controller.alter_errors.push_back(ErrorCode::IneligibleReplica);
    follow(&mut world, 3, 0, NO_LEADER_EPOCH); // level with the leader, an expansion is proposed
    write(&mut world, Acks::Leader);
    follow(&mut world, 2, 1, 0);
    assert_eq!(world.log(1).high_watermark(), 0);
    follow(&mut world, 3, 1, 0);
    assert_eq!(world.log(1).high_watermark(), 1);
}
