//! Changes of the in-sync set (§7.2).

use super::*;

const ISR: [NodeId; 2] = [NodeId(1), NodeId(2)];

/// Broker 1 leads, broker 2's fetcher is cut off, and one record waits.
fn lagging() -> (World, ConnId) {
    let mut world = World::with(2, 1, |c| c.replica_lag_time_max_ms = 1_000);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let conn = world.send(1, produce(Acks::All, plain(1)));
    (world, conn)
}

fn isr(world: &World) -> Vec<NodeId> {
    world.broker(1).partitions.get(TP).expect("a partition").isr().expect("the leader").to_vec()
}

fn maximal_isr(world: &World) -> Vec<NodeId> {
    world.broker(1).partitions.get(TP).expect("a partition").maximal_isr().expect("the leader")
}

/// Lets broker 2 fetch again.
fn heal(world: &mut World) {
    world.intercept.clear();
    for caught in core::mem::take(&mut world.caught) {
        world.break_off(&caught);
    }
    world.run(1_000);
}

#[test]
fn a_follower_that_lags_leaves_and_the_write_completes() {
    let (mut world, conn) = lagging();
    world.run(999);
    assert_eq!(isr(&world), ISR);
    world.run(1_000);
    assert_eq!(isr(&world), [node(1)]);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    let alter = &world.controller.alters[0];
    assert_eq!((alter.leader_epoch, alter.partition_epoch), (0, 0));
    assert_eq!(alter.isr, [(node(1), world.broker(1).broker_epoch())]);
}

#[test]
fn a_follower_at_the_leaders_log_end_never_lags() {
    let mut world = World::with(2, 1, |c| c.replica_lag_time_max_ms = 1_000);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(60_000);
    assert_eq!(isr(&world), ISR);
}

#[test]
fn an_idle_follower_was_caught_up_until_its_last_fetch() {
    // Its session carries nothing for the partition, yet each of its fetches says that it is level.
    let mut world = World::with(2, 1, |c| c.replica_lag_time_max_ms = 1_000);
    world.run(20_000);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    world.send(1, produce(Acks::Leader, plain(1)));
    let check = |world: &mut World| {
        let broker = world.broker_mut(1);
        let mut out = Vec::new();
        broker.check_isr(&mut out);
        !out.is_empty()
    };
    assert!(!check(&mut world), "fetched half a second ago");
}

#[test]
fn while_a_shrink_is_in_flight_the_old_members_count() {
    let (mut world, conn) = lagging();
    world.intercept.insert(Purpose::ControllerAlterPartition);
    world.run(2_000);
    let caught = world.caught.iter().find(|c| c.channel.purpose == Purpose::ControllerAlterPartition);
    assert!(caught.is_some());
    assert_eq!(maximal_isr(&world), ISR);
    assert_eq!(world.log(1).high_watermark(), 0); // R6
    assert_eq!(world.outcome(conn), None);
}

#[test]
fn while_an_expansion_is_in_flight_the_new_member_counts() {
    let (mut world, _) = lagging();
    world.run(2_000);
    assert_eq!(isr(&world), [node(1)]);
    world.intercept = [Purpose::ControllerAlterPartition].into();
    for caught in core::mem::take(&mut world.caught) {
        world.break_off(&caught);
    }
    world.run(1_000);
    let caught = world.catch();
    assert_eq!(caught.channel.purpose, Purpose::ControllerAlterPartition);
    assert_eq!((isr(&world), maximal_isr(&world)), (vec![node(1)], ISR.to_vec()));
    let Request::AlterPartition(request) = &caught.request else { panic!("not an AlterPartition") };
    let epochs: Vec<i64> = [1, 2].map(|id| world.broker(id).broker_epoch()).into();
    assert_eq!(request.partitions[0].isr.iter().map(|(_, e)| *e).collect::<Vec<_>>(), epochs);
    // Only one proposal at a time.
    world.run(5_000);
    assert!(world.caught.is_empty());
}

#[test]
fn a_follower_that_catches_up_comes_back() {
    let (mut world, _) = lagging();
    world.run(2_000);
    assert_eq!(isr(&world), [node(1)]);
    heal(&mut world);
    assert_eq!(isr(&world), ISR);
    assert_eq!(world.log(2).log_end_offset(), 1);
}

#[test]
fn a_fenced_follower_does_not_come_back() {
    let (mut world, _) = lagging();
    world.run(2_000);
    world.controller.unfence = false;
    world.fence(2, true);
    heal(&mut world);
    assert_eq!(world.log(2).log_end_offset(), 1);
    assert_eq!(isr(&world), [node(1)]);
}

#[test]
fn how_a_leader_takes_the_controllers_refusals() {
    // §7.2: 107 and 55: back to the committed set; 3, 74, 95, 42, 100, 108: the stricter set stays until new metadata;
    // anything else: sent again.
    use ErrorCode::*;
    for error in [IneligibleReplica, OperationNotAttempted] {
        let (mut world, _) = lagging();
        world.controller.alter_errors.push_back(error);
        while world.controller.alters.is_empty() {
            world.run(100);
        }
        let leader = world.broker(1).partitions.get(TP).expect("a partition").leader().expect("the leader");
        assert!(leader.proposed.is_none() && leader.isr == ISR, "{error}");
    }
    let waiting = [
        UnknownTopicOrPartition,
        FencedLeaderEpoch,
        InvalidUpdateVersion,
        InvalidRequest,
        UnknownTopicId,
        NewLeaderElected,
    ];
    for error in waiting {
        let (mut world, _) = lagging();
        world.controller.alter_errors.push_back(error);
        world.run(5_000);
        assert_eq!(world.controller.alters.len(), 1, "{error}");
        assert_eq!(maximal_isr(&world), ISR, "{error}");
        let mut p = world.controller.image.partition(TP).expect("a partition").clone();
        p.partition_epoch += 1;
        world.change(MetadataChange::Partition(TP, p));
        world.run(1_000);
        assert_eq!(isr(&world), [node(1)], "{error}");
    }
    let (mut world, _) = lagging();
    world.controller.alter_errors.extend([NotController, UnknownServerError]);
    world.run(2_000);
    assert_eq!(world.controller.alters.len(), 3);
    assert_eq!(isr(&world), [node(1)]);
}

#[test]
fn a_lost_alter_partition_is_sent_again() {
    let (mut world, _) = lagging();
    world.intercept.insert(Purpose::ControllerAlterPartition);
    world.run(2_000);
    world.intercept.remove(&Purpose::ControllerAlterPartition);
    let at = world.caught.iter().position(|c| c.channel.purpose == Purpose::ControllerAlterPartition);
    let caught = world.caught.remove(at.expect("an AlterPartition")).expect("in range");
    world.break_off(&caught);
    world.run(50);
    assert_eq!(isr(&world), [node(1)]);
}

#[test]
fn a_follower_of_an_idle_partition_joins_as_soon_as_it_is_eligible() {
    let (mut world, _) = lagging();
    world.run(2_000);
    world.controller.unfence = false;
    world.fence(2, true);
    heal(&mut world);
    world.run(5_000);
    assert_eq!(isr(&world), [node(1)]);
    world.fence(2, false); // nothing is written; the next fetch is empty
    world.run(500);
    assert_eq!(isr(&world), ISR);
    // A refusal as ineligible is tried again, too.
    let (mut world, _) = lagging();
    world.run(2_000);
    world.controller.alter_errors.push_back(ErrorCode::IneligibleReplica);
    heal(&mut world);
    world.run(1_000);
    assert_eq!(isr(&world), ISR);
}

#[test]
fn a_member_that_is_about_to_join_holds_the_high_watermark_back_even_if_it_vanishes() {
    // R6: the maximal in-sync set counts, whatever else is known of the new member.
    let (mut world, _) = lagging();
    world.run(2_000);
    world.intercept = [Purpose::ControllerAlterPartition].into();
    for caught in core::mem::take(&mut world.caught) {
        world.break_off(&caught);
    }
    world.run(1_000); // it has caught up, and the expansion is in flight
    assert_eq!(maximal_isr(&world), ISR);
    world.controller.unfence = false;
    world.stop(2, |_| Ending::Crash);
    world.fence(2, true);
    world.run(5_000);
    let conn = world.send(1, produce(Acks::All, plain(1)));
    world.run(1_000);
    assert_eq!(world.outcome(conn), None);
    assert_eq!((world.log(1).high_watermark(), world.log(1).log_end_offset()), (1, 2));
}
