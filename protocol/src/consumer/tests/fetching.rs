//! Fetch sessions, buffering and delivery.

use super::*;

fn listed(request: &FetchRequest) -> Vec<(u32, Offset)> {
    request.partitions.iter().map(|p| (p.tp.partition, p.fetch_offset)).collect()
}

fn fetch_in_flight(rig: &Rig) -> FetchRequest {
    let fetch = rig.requests.iter().find_map(|(_, _, request)| match request {
        Request::Fetch(fetch) => Some(FetchRequest::clone(fetch)),
        _ => None,
    });
    fetch.expect("a fetch is in flight")
}

#[test]
fn the_first_fetch_is_full_and_the_next_ones_name_only_what_changed() {
    // KIP-227.
    let mut rig = Rig::member(&[], 3, &[0, 1, 2]);
    let first = rig.fetched(vec![batches(0, vec![]), batches(1, vec![data(0, 2)]), batches(2, vec![])]);
    assert_eq!((first.session_id, first.session_epoch), (0, 0));
    assert_eq!(listed(&first), [(0, 0), (1, 0), (2, 0)]);
    assert_eq!(rig.poll(10), [(1, 0), (1, 1)]);
    let second = fetch_in_flight(&rig);
    assert_eq!((second.session_id, second.session_epoch), (7, 1));
    assert_eq!((listed(&second), second.forgotten.len()), (vec![(1, 2)], 0));
    rig.fetched(vec![]);
    assert_eq!(fetch_in_flight(&rig).session_epoch, 2);
    assert_eq!(listed(&fetch_in_flight(&rig)), [], "an idle partition costs nothing");
}

#[test]
fn one_fetch_is_in_flight_per_broker() {
    let mut rig = Rig::new(&[], 3);
    rig.leaders[2].0 = COORDINATOR;
    rig.with(|c, now, out| c.subscribe(now, vec![TOPIC], out));
    rig.poll(0);
    rig.join("m", 1);
    rig.sync(&[0, 1, 2]);
    rig.committed((0..3).map(|p| (tp(p), Ok((0, -1)))).collect());
    assert_eq!(rig.count(ApiKey::Fetch), 2);
    rig.with(|c, now, out| c.seek(now, tp(0), 5, out));
    assert_eq!(rig.count(ApiKey::Fetch), 2);
}

#[test]
fn nothing_is_fetched_from_a_broker_while_data_from_it_waits() {
    // KAFKA-17182: the session then need not forget what is buffered.
    let mut rig = Rig::member(&[("max.poll.records", "2")], 2, &[0, 1]);
    rig.fetched(vec![batches(0, vec![data(0, 3)]), batches(1, vec![data(0, 1)])]);
    assert_eq!(rig.count(ApiKey::Fetch), 0);
    assert_eq!(rig.poll(500), [(0, 0), (0, 1)]);
    assert_eq!(rig.count(ApiKey::Fetch), 0);
    assert_eq!(rig.poll(500), [(0, 2), (1, 0)]);
    assert_eq!(listed(&fetch_in_flight(&rig)), [(0, 3), (1, 1)]);
}

#[test]
fn a_lost_session_begins_again_with_a_full_fetch() {
    for (error, id) in [(ErrorCode::FetchSessionIdNotFound, 0), (ErrorCode::InvalidFetchSessionEpoch, 7)] {
        let mut rig = Rig::member(&[], 2, &[0, 1]);
        rig.fetched(vec![]);
        rig.answer(FetchResponse { error: Some(error), session_id: 0, partitions: vec![] });
        let again = fetch_in_flight(&rig);
        assert_eq!((again.session_id, again.session_epoch), (id, 0));
        assert_eq!(listed(&again), [(0, 0), (1, 0)]);
    }
}

#[test]
fn a_disconnect_begins_again_with_a_full_fetch_after_the_back_off() {
    let mut rig = Rig::member(&[], 2, &[0, 1]);
    rig.fetched(vec![]);
    rig.disconnect(LEADER, Purpose::Client);
    assert_eq!(rig.count(ApiKey::Fetch), 0);
    rig.until(50);
    let again = fetch_in_flight(&rig);
    assert_eq!((again.session_id, again.session_epoch, listed(&again)), (7, 0, vec![(0, 0), (1, 0)]));
}

#[test]
fn a_paused_partition_leaves_the_session_and_keeps_its_data() {
    let mut rig = Rig::member(&[], 2, &[0, 1]);
    rig.fetched(vec![batches(0, vec![data(0, 1)])]);
    rig.c.pause(tp(0));
    assert_eq!(rig.poll(10), []);
    let fetch = fetch_in_flight(&rig);
    assert_eq!((listed(&fetch), fetch.forgotten), (vec![], vec![tp(0)]));
    rig.events();
    rig.with(|c, now, out| c.resume(now, tp(0), out));
    assert_eq!(rig.events(), [ConsumerEvent::RecordsAvailable]);
    assert_eq!(rig.poll(10), [(0, 0)]);
    rig.fetched(vec![]);
    assert_eq!(listed(&fetch_in_flight(&rig)), [(0, 1)]);
}

#[test]
fn an_answer_to_an_older_position_is_ignored() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.with(|c, now, out| c.seek(now, tp(0), 10, out));
    rig.fetched(vec![batches(0, vec![data(0, 3)])]);
    assert_eq!(rig.poll(10), []);
    assert_eq!(listed(&fetch_in_flight(&rig)), [(0, 10)]);
}

#[test]
fn a_new_leader_is_fetched_from_and_the_old_session_forgets() {
    // Leaderships move to broker 2, in which another partition stays: sessions do not list one partition twice.
    let mut rig = Rig::member(&[], 2, &[0, 1]);
    rig.fetched(vec![]);
    rig.leaders[1] = (COORDINATOR, 1);
    rig.fetched(vec![failed(1, ErrorCode::NotLeaderOrFollower)]);
    let old = fetch_in_flight(&rig);
    assert_eq!((listed(&old), old.forgotten), (vec![], vec![tp(1)]));
    rig.until(100);
    let fetches: Vec<_> = rig.requests.iter().filter(|(_, _, r)| r.api_key() == ApiKey::Fetch).collect();
    let Request::Fetch(new) = &fetches[1].2 else { unreachable!() };
    assert_eq!((fetches[1].0.to, listed(new), new.session_epoch), (COORDINATOR, vec![(1, 0)], 0));
    assert_eq!(new.partitions[0].current_leader_epoch, 1);
}

#[test]
fn the_leader_named_by_an_error_is_used_at_once() {
    // KIP-951.
    let mut rig = Rig::member(&[], 1, &[0]);
    let answer =
        FetchPartitionResponse { current_leader: Some((COORDINATOR, 3)), ..failed(0, ErrorCode::FencedLeaderEpoch) };
    rig.fetched(vec![answer]);
    assert_eq!(fetch_in_flight(&rig).partitions[0].current_leader_epoch, 3);
    // Metadata that is older than that does not take it back.
    rig.until(1_000);
    assert_eq!(rig.c.metadata.leader(tp(0)), (Some(COORDINATOR), 3));
}

#[test]
fn records_are_announced_once_to_an_application_that_waits() {
    let mut rig = Rig::member(&[], 2, &[0, 1]);
    rig.fetched(vec![batches(0, vec![data(0, 1)]), batches(1, vec![data(0, 1)])]);
    assert_eq!(rig.events(), [ConsumerEvent::RecordsAvailable]);
    assert_eq!(rig.poll(10).len(), 2);
    rig.fetched(vec![batches(0, vec![data(1, 1)])]);
    assert_eq!(rig.events(), [], "the application is processing");
}

#[test]
fn the_consumer_knows_when_it_has_caught_up() {
    let mut rig = Rig::member(&[("isolation.level", "read_committed")], 1, &[0]);
    assert!(!rig.c.is_caught_up());
    // An open transaction: nothing below the last stable offset is left, though the high watermark is further.
    let answer = FetchPartitionResponse { high_watermark: 9, ..batches(0, vec![data(0, 1)]) };
    rig.fetched(vec![answer]);
    assert!(!rig.c.is_caught_up());
    rig.poll(10);
    assert!(rig.c.is_caught_up());
}

#[test]
fn a_broker_that_leads_nothing_is_not_connected_to() {
    let mut rig = Rig::member(&[], 1, &[0]);
    rig.leaders[0] = (COORDINATOR, 1);
    rig.until(1_000);
    rig.disconnect(LEADER, Purpose::Client);
    rig.until(1_500);
    assert_eq!(fetch_in_flight(&rig).partitions[0].current_leader_epoch, 1);
    assert!(!rig.c.connections.is_connected(Channel { to: LEADER, purpose: Purpose::Client }));
    assert_eq!(rig.c.brokers.iter().map(|b| (b.node, b.members)).collect::<Vec<_>>(), [(LEADER, 0), (COORDINATOR, 1)]);
}
