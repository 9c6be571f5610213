//! The follower (§7.3) and what replication promises as a whole (§9.3).

use super::*;

/// Broker 2 follows broker 1, and the test answers its fetches.
fn follower() -> (World, Caught) {
    let mut world = World::new(2, 1);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let caught = world.catch();
    (world, caught)
}

fn stamped(base_offset: Offset, leader_epoch: LeaderEpoch) -> Arc<RecordBatch> {
    Arc::new(RecordBatch { base_offset, leader_epoch, ..plain(1) })
}

fn says(answer: FetchPartitionResponse) -> FetchResponse {
    FetchResponse { error: None, session_id: 5, partitions: vec![answer] }
}

fn data(batches: Vec<Arc<RecordBatch>>, high_watermark: Offset) -> FetchPartitionResponse {
    FetchPartitionResponse {
        tp: TP,
        error: None,
        high_watermark,
        last_stable_offset: high_watermark,
        log_start_offset: 0,
        aborted: Vec::new(),
        diverging_epoch: None,
        current_leader: None,
        batches,
    }
}

fn positions(caught: &Caught) -> Vec<(Offset, LeaderEpoch, LeaderEpoch)> {
    let Request::Fetch(r) = &caught.request else { panic!("not a fetch") };
    r.partitions.iter().map(|p| (p.fetch_offset, p.current_leader_epoch, p.last_fetched_epoch)).collect()
}

/// Lets the follower have `n` records of each of the leader epochs 0, 1, ..., as given, and returns its next fetch.
fn having(world: &mut World, mut caught: Caught, counts: &[usize]) -> Caught {
    let mut base = world.log(2).log_end_offset();
    for (epoch, count) in counts.iter().enumerate() {
        if epoch > 0 {
            world.elect(TP, Some(1), &[1, 2]);
            let nothing = FetchResponse { error: None, session_id: 5, partitions: Vec::new() };
            world.reply(&caught, nothing); // the position with the new epoch goes out
            caught = world.catch();
        }
        let batches = (base..).take(*count).map(|offset| stamped(offset, epoch as i32)).collect();
        base += *count as i64;
        world.reply(&caught, says(data(batches, 0)));
        caught = world.catch();
    }
    caught
}

#[test]
fn a_follower_appends_and_tells_its_new_position() {
    let (mut world, caught) = follower();
    world.reply(&caught, says(data(vec![stamped(0, 0), stamped(1, 0)], 1)));
    assert_eq!((world.log(2).log_end_offset(), world.log(2).high_watermark()), (2, 1));
    assert_eq!(positions(&world.catch()), [(2, 0, 0)]);
}

#[test]
fn the_high_watermark_of_a_follower_is_at_most_its_log_end_and_may_go_down() {
    let (mut world, caught) = follower();
    world.reply(&caught, says(data(vec![stamped(0, 0), stamped(1, 0)], 9)));
    assert_eq!(world.log(2).high_watermark(), 2);
    let caught = world.catch();
    world.reply(&caught, says(data(Vec::new(), 1)));
    assert_eq!(world.log(2).high_watermark(), 1);
}

#[test]
fn batches_of_a_newer_epoch_than_the_fetch_are_not_appended() {
    // KAFKA-18723, R1.
    let (mut world, caught) = follower();
    world.reply(&caught, says(data(vec![stamped(0, 0), stamped(1, 1), stamped(2, 1)], 0)));
    assert_eq!(world.log(2).log_end_offset(), 1);
}

#[test]
fn an_answer_to_an_older_leader_epoch_is_dropped() {
    // KAFKA-18991: data, divergence and error alike.
    let diverging = FetchPartitionResponse {
        diverging_epoch: Some(EpochEndOffset { epoch: 0, end_offset: 0 }),
        ..data(Vec::new(), 0)
    };
    let failed = FetchPartitionResponse { error: Some(ErrorCode::FencedLeaderEpoch), ..data(Vec::new(), -1) };
    for late in [data(vec![stamped(1, 0)], 0), diverging, failed] {
        let (mut world, caught) = follower();
        let caught = having(&mut world, caught, &[1]);
        world.elect(TP, Some(1), &[1, 2]);
        world.reply(&caught, says(late));
        assert_eq!(world.log(2).log_end_offset(), 1);
        assert_eq!(positions(&world.catch()), [(1, 1, 0)]);
    }
}

#[test]
fn where_a_follower_truncates_to() {
    // §7.3. Own log: epochs 0, 1, 2 with 2, 2 and 2 records; epoch 2 is the newest.
    let cases = [
        // The leader's answer, and the end afterwards.
        ((2, 5), 5), // the same epoch here: the leader's end
        ((2, 9), 6), // ... but never beyond the own end
        ((1, 3), 3), // an older epoch that is known here: the smaller of both ends
        ((1, 9), 4),
        ((0, 9), 2),
    ];
    for ((epoch, end_offset), expected) in cases {
        let (mut world, caught) = follower();
        let caught = having(&mut world, caught, &[2, 2, 2]);
        assert_eq!(positions(&caught), [(6, 2, 2)]);
        let diverging_epoch = Some(EpochEndOffset { epoch, end_offset });
        world.reply(&caught, says(FetchPartitionResponse { diverging_epoch, ..data(Vec::new(), 6) }));
        assert_eq!(world.log(2).log_end_offset(), expected, "diverging at {epoch}:{end_offset}");
        assert_eq!(world.log(2).high_watermark(), 0, "a diverging answer does not touch the high watermark");
        let next = positions(&world.catch());
        assert_eq!(
            next.iter().map(|p| p.0).collect::<Vec<_>>(),
            [expected],
            "it fetches again, for ever smaller epochs"
        );
    }
}

#[test]
fn an_epoch_that_is_unknown_here_truncates_to_the_end_of_the_next_smaller_one() {
    // §7.3, e' smaller: the leader's end is not used. Own log: epochs 0 and 2.
    let (mut world, caught) = follower();
    let caught = having(&mut world, caught, &[2, 0, 2]);
    let diverging_epoch = Some(EpochEndOffset { epoch: 1, end_offset: 1 });
    world.reply(&caught, says(FetchPartitionResponse { diverging_epoch, ..data(Vec::new(), 0) }));
    assert_eq!(world.log(2).log_end_offset(), 2);
    assert_eq!(positions(&world.catch()), [(2, 2, 0)]);
}

#[test]
fn without_epochs_a_follower_starts_from_its_high_watermark() {
    let (mut world, caught) = follower();
    assert_eq!(world.log(2).latest_epoch(), None);
    world.elect(TP, Some(1), &[1, 2]);
    world.reply(&caught, FetchResponse { error: None, session_id: 5, partitions: Vec::new() });
    assert_eq!(positions(&world.catch()), [(0, 1, NO_LEADER_EPOCH)]);
}

#[test]
fn an_offset_out_of_range_moves_a_follower_into_the_leaders_log() {
    let out_of_range = |start, end| FetchPartitionResponse {
        error: Some(ErrorCode::OffsetOutOfRange),
        log_start_offset: start,
        diverging_epoch: Some(EpochEndOffset { epoch: 0, end_offset: end }),
        ..data(Vec::new(), -1)
    };
    let (mut world, caught) = follower();
    let caught = having(&mut world, caught, &[4]);
    world.reply(&caught, says(out_of_range(0, 3)));
    assert_eq!(world.log(2).log_end_offset(), 3);
    let caught = world.catch();
    world.reply(&caught, says(out_of_range(10, 20)));
    assert_eq!((world.log(2).log_start_offset(), world.log(2).log_end_offset()), (10, 10));
}

#[test]
fn a_partition_in_error_is_left_out_for_the_back_off() {
    let (mut world, caught) = follower();
    let error = Some(ErrorCode::UnknownLeaderEpoch);
    world.reply(&caught, says(FetchPartitionResponse { error, ..data(Vec::new(), -1) }));
    let caught = world.catch();
    let Request::Fetch(r) = &caught.request else { panic!("not a fetch") };
    assert_eq!((&r.forgotten[..], r.partitions.len()), (&[TP][..], 0));
    world.reply(&caught, FetchResponse { error: None, session_id: 5, partitions: Vec::new() });
    assert!(positions(&world.catch()).is_empty());
    world.run(1_000);
    let caught = Caught { from: node(2), ..caught };
    let correlation = caught.correlation + 1;
    world
        .reply(&Caught { correlation, ..caught }, FetchResponse { error: None, session_id: 5, partitions: Vec::new() });
    assert_eq!(positions(&world.catch()), [(0, 0, NO_LEADER_EPOCH)]);
}

#[test]
fn a_fenced_follower_waits_for_new_metadata() {
    let (mut world, caught) = follower();
    let error = Some(ErrorCode::FencedLeaderEpoch);
    world.reply(&caught, says(FetchPartitionResponse { error, ..data(Vec::new(), -1) }));
    let caught = world.catch();
    world.run(10_000);
    world.reply(&caught, FetchResponse { error: None, session_id: 5, partitions: Vec::new() });
    let caught = world.catch();
    assert!(positions(&caught).is_empty());
    world.elect(TP, Some(1), &[1, 2]);
    world.reply(&caught, FetchResponse { error: None, session_id: 5, partitions: Vec::new() });
    assert_eq!(positions(&world.catch()), [(0, 1, NO_LEADER_EPOCH)]);
}

#[test]
fn a_lost_session_begins_anew_with_all_positions() {
    let (mut world, caught) = follower();
    let error = Some(ErrorCode::FetchSessionIdNotFound);
    world.reply(&caught, FetchResponse { error, session_id: 0, partitions: Vec::new() });
    let caught = world.catch();
    let Request::Fetch(r) = &caught.request else { panic!("not a fetch") };
    assert_eq!((r.session_id, r.session_epoch, r.partitions.len()), (0, 0, 4));
}

#[test]
fn a_fetch_without_answer_closes_the_connection_after_the_socket_timeout() {
    let (mut world, _) = follower();
    world.run(31_500);
    let caught = world.catch();
    let Request::Fetch(r) = &caught.request else { panic!("not a fetch") };
    assert_eq!((r.session_epoch, r.partitions.len()), (0, 4));
}

#[test]
fn an_unreplicated_tail_is_cut_off_when_the_old_leader_returns() {
    // R1, R2.
    let mut world = World::new(3, 2);
    let first = world.send(1, produce(Acks::All, plain(1)));
    world.run(0);
    assert_eq!(world.outcome(first), Some(Ok(0)));
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let lost = world.send(1, produce(Acks::All, plain(2)));
    world.stop(1, |_| Ending::Crash);
    world.intercept.clear();
    world.elect(TP, Some(2), &[2, 3]);
    let next = world.send(2, produce(Acks::All, plain(1)));
    world.run(5_000);
    assert_eq!((world.outcome(lost), world.outcome(next)), (None, Some(Ok(1))));
    world.start(1);
    world.run(5_000);
    for id in [1, 2, 3] {
        assert_eq!((world.log(id).log_end_offset(), world.log(id).high_watermark()), (2, 2), "broker {id}");
        assert_eq!(world.log(id).replay_difference(), None);
    }
    world.check_prefixes();
}

#[test]
fn a_replicated_batch_is_a_duplicate_at_the_new_leader() {
    // §7.6, B4.
    let mut world = World::new(3, 2);
    let conn = world.send(1, produce(Acks::All, of(7, 0, 0, false)));
    world.run(0);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    world.stop(1, |_| Ending::Crash);
    world.elect(TP, Some(2), &[2, 3]);
    let conn = world.send(2, produce(Acks::All, of(7, 0, 0, false)));
    world.run(2_000);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    assert_eq!(world.log(2).log_end_offset(), 1);
}

/// A small generator, for scripts of faults.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    (*state >> 33) % below
}

#[test]
fn acknowledged_writes_survive_crashes_power_loss_and_clean_elections() {
    // R1, R2, R3, L2: one replica at a time fails, elections stay within the in-sync set.
    for seed in 0..40u64 {
        let mut state = seed;
        let mut world = World::with(3, 2, |c| c.replica_lag_time_max_ms = 2_000);
        let mut leader = 1;
        let mut written = 0;
        let mut acknowledged: Vec<(Offset, i64)> = Vec::new();
        let mut waiting: Vec<(ConnId, i64)> = Vec::new();
        for _ in 0..30 {
            match draw(&mut state, 6) {
                0..=3 => {
                    written += 1;
                    let mut batch = plain(1);
                    batch.max_timestamp_ms = written; // tells the batches apart
                    waiting.push((world.send(leader, produce(Acks::All, batch)), written));
                    let pause = draw(&mut state, 30);
                    world.run(pause);
                }
                4 => {
                    // The leader fails and comes back after a while.
                    let isr = world.controller.image.partition(TP).expect("a partition").isr.clone();
                    let old = leader;
                    let power = draw(&mut state, 2) == 0;
                    let keep = draw(&mut state, 20) as i64;
                    world.stop(old, |log| {
                        let keep_until = (log.log_end_offset() - keep).max(0);
                        if power { Ending::PowerLoss { keep_until } } else { Ending::Crash }
                    });
                    let heirs: Vec<i32> = isr.iter().map(|n| n.0).filter(|id| *id != old).collect();
                    leader = heirs[draw(&mut state, heirs.len() as u64) as usize];
                    world.fence(old, true);
                    for tp in [TP, TP1] {
                        world.elect(tp, Some(leader), &heirs);
                    }
                    let pause = draw(&mut state, 3_000);
                    world.run(pause);
                    world.start(old);
                    world.run(6_000);
                    assert_eq!(world.controller.image.partition(TP).expect("a partition").isr.len(), 3, "seed {seed}");
                }
                _ => {
                    // The leadership moves without a failure.
                    leader = 1 + draw(&mut state, 3) as i32;
                    world.elect(TP, Some(leader), &[1, 2, 3]);
                    let pause = draw(&mut state, 700);
                    world.run(pause);
                }
            }
            world.check_prefixes();
            waiting.retain(|(conn, id)| match world.answers.remove(conn) {
                Some(Response::Produce(r)) => {
                    if r.partitions[0].error.is_none() {
                        acknowledged.push((r.partitions[0].base_offset, *id));
                    }
                    false
                }
                _ => true,
            });
            let log = world.log(leader);
            for (offset, id) in &acknowledged {
                let kept = log.batches().any(|b| b.base_offset == *offset && b.max_timestamp_ms == *id);
                assert!(kept, "seed {seed}: acknowledged batch {id} at {offset} is gone");
            }
        }
        world.run(10_000);
        world.check_prefixes();
        assert!(acknowledged.len() > 5, "seed {seed}");
        for id in 1..=3 {
            assert_eq!(world.log(id).replay_difference(), None, "seed {seed}");
            assert_eq!(world.log(id).high_watermark(), world.log(id).log_end_offset(), "seed {seed}");
            assert_eq!(world.log(id).log_end_offset(), world.log(leader).log_end_offset(), "seed {seed}");
        }
    }
}
