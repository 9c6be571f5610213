//! Registration, heartbeats, roles and restarts (§7.2, §7.5, KIP-966).

use super::*;

#[test]
fn a_broker_wants_to_stay_fenced_until_it_has_applied_its_own_registration() {
    let world = World::new(1, 1);
    let beats = &world.controller.heartbeats;
    assert!(beats.iter().any(|b| !b.want_fence), "it asks to be unfenced at last: {beats:?}");
    assert!(beats.iter().filter(|b| !b.want_fence).all(|b| b.current_metadata_version > 4));
    assert!(world.broker(1).is_leader(TP));
    assert_eq!(world.broker(1).broker_epoch(), 101);
}

#[test]
fn a_broker_serves_from_the_first_time_that_it_is_unfenced() {
    // §7.8.
    let mut world = World::new(1, 1);
    assert!(world.broker(1).is_serving());
    world.fence(1, true);
    assert!(world.broker(1).is_serving(), "its listeners stay open");
    world.stop(1, |_| Ending::Crash);
    world.controller.unfence = false;
    world.start(1);
    world.flow();
    assert!(world.broker(1).is_leader(TP), "it has caught up");
    assert!(!world.broker(1).is_serving());
    world.controller.unfence = true;
    world.run(2_000);
    assert!(world.broker(1).is_serving());
}

#[test]
fn before_its_registration_is_applied_a_broker_leads_nothing() {
    // The image may still show the leadership of an earlier incarnation.
    let mut world = World::new(1, 1);
    world.stop(1, |_| Ending::Crash);
    world.controller.refuse_registrations = 1;
    world.start(1);
    world.flow();
    assert!(!world.broker(1).is_leader(TP));
    let conn = world.send(1, produce(Acks::All, plain(1)));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotLeaderOrFollower)));
    assert!(world.broker(1).log(TP).is_some(), "the log is loaded all the same");
    world.run(100); // DUPLICATE_BROKER_REGISTRATION is tried again after a pause
    assert_eq!(world.controller.registrations.len(), 3);
    assert!(world.broker(1).is_leader(TP));
}

#[test]
fn only_a_clean_shutdown_lets_the_next_registration_name_the_previous_broker_epoch() {
    let mut world = World::new(1, 1);
    world.stop(1, |_| Ending::Clean);
    world.start(1);
    world.flow();
    world.stop(1, |_| Ending::Crash);
    world.start(1);
    world.flow();
    let epochs: Vec<i64> = world.controller.registrations.iter().map(|r| r.previous_broker_epoch).collect();
    assert_eq!(epochs, [-1, 101, -1]);
}

#[test]
fn heartbeats_follow_at_their_interval() {
    let mut world = World::new(1, 1);
    let before = world.controller.heartbeats.len();
    world.run(6_000);
    assert_eq!(world.controller.heartbeats.len(), before + 3);
}

#[test]
fn a_controlled_shutdown_ends_when_the_controller_agrees() {
    let mut world = World::new(1, 1);
    let (now, mut out) = (world.now(), Vec::new());
    world.broker_mut(1).begin_shutdown(now, &mut out);
    world.take(node(1), out);
    world.run(0);
    assert!(world.controller.heartbeats.last().is_some_and(|b| b.want_shutdown));
    assert!(!world.broker(1).is_stopped());
    world.controller.grant_shutdown = true;
    world.run(2_000);
    assert!(world.broker(1).is_stopped());
}

#[test]
fn metadata_that_is_held_back_is_applied_at_the_end_of_the_hold() {
    let mut world = World::new(2, 1);
    let until = Instant(world.now().mono.0 + 500_000_000);
    world.broker_mut(1).hold_metadata(until);
    world.elect(TP, Some(2), &[2, 1]);
    assert!(world.broker(1).is_leader(TP) && world.broker(2).is_leader(TP));
    world.run(499);
    assert!(world.broker(1).is_leader(TP));
    world.run(1);
    assert!(!world.broker(1).is_leader(TP));
}

#[test]
fn a_replica_that_is_assigned_elsewhere_is_deleted() {
    let mut world = World::new(2, 1);
    let mut p = world.controller.image.partition(TP).expect("a partition").clone();
    p.replicas = [node(1)].into();
    p.isr = vec![node(1)];
    p.partition_epoch += 1;
    world.change(MetadataChange::Partition(TP, p));
    world.flow();
    assert!(world.broker(2).log(TP).is_none());
    assert!(world.broker(1).log(TP).is_some());
}

#[test]
fn an_idle_cluster_sends_only_empty_fetches() {
    let mut world = World::new(2, 1);
    world.run(1_000);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(2_000);
    let Request::Fetch(fetch) = world.catch().request else { panic!("not a fetch") };
    assert!(fetch.session_epoch > 0 && fetch.partitions.is_empty() && fetch.forgotten.is_empty());
}

#[test]
fn metadata_shows_no_leader_that_is_not_alive_and_find_coordinator_answers_15() {
    // §1.2, §1.11.
    let mut world = World::new(2, 1);
    world.fence(1, true);
    let Response::Metadata(m) = world.ask(2, MetadataRequest { topics: Some(vec![TOPIC, TopicId(9)]) }) else {
        panic!("not an answer to Metadata")
    };
    assert_eq!(m.brokers, [node(2)]);
    assert_eq!(m.topics[0].partitions[0], PartitionMetadata { leader: None, leader_epoch: 0 });
    assert_eq!(m.topics[1].error, Some(ErrorCode::UnknownTopicOrPartition));
    let ask = FindCoordinatorRequest { key_type: CoordinatorType::Group, key: "g".into() };
    let answer = world.ask(2, ask.clone());
    assert_eq!(answer, FindCoordinatorResponse { node: Err(ErrorCode::CoordinatorNotAvailable) }.into());
    world.fence(1, false);
    assert_eq!(world.ask(2, ask), FindCoordinatorResponse { node: Ok(node(1)) }.into());
}
