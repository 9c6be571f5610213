//! Fetches of consumers and ListOffsets (§1.11, §2.8, §2.9, KIP-227).

use super::*;
use IsolationLevel::{ReadCommitted, ReadUncommitted};

/// Opens a session over `positions`.
fn open(positions: Vec<FetchPartition>) -> FetchRequest {
    FetchRequest { session_epoch: 0, partitions: positions, ..read(0, ReadUncommitted, 0) }
}

/// The next fetch of a session.
fn next(session_id: u32, session_epoch: i32, partitions: Vec<FetchPartition>) -> FetchRequest {
    FetchRequest { session_id, session_epoch, partitions, ..read(0, ReadUncommitted, 0) }
}

fn write(world: &mut World, tp: TopicPartition) {
    let mut request = produce(Acks::Leader, plain(1));
    request.partitions[0].tp = tp;
    let conn = world.send(1, request);
    assert!(matches!(world.outcome(conn), Some(Ok(_))));
}

#[test]
fn a_consumer_reads_below_the_high_watermark_only() {
    let mut world = World::new(2, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    write(&mut world, TP);
    let answer = fetched(world.ask(1, read(0, ReadUncommitted, 0)));
    assert!(answer.partitions[0].batches.is_empty());
    assert_eq!(answer.partitions[0].high_watermark, 0);
    world.intercept.clear();
    let caught = world.catch();
    world.break_off(&caught);
    world.run(1_000);
    let answer = fetched(world.ask(1, read(0, ReadUncommitted, 0)));
    assert_eq!(answer.partitions[0].batches.len(), 1);
}

#[test]
fn a_long_poll_ends_with_the_data_or_with_its_time() {
    let mut world = World::new(1, 1);
    let conn = world.send(1, read(0, ReadUncommitted, 500));
    world.run(499);
    assert_eq!(world.answer(conn), None);
    world.run(1);
    assert!(fetched(world.answer(conn).expect("an answer")).partitions[0].batches.is_empty());
    let conn = world.send(1, read(0, ReadUncommitted, 500));
    write(&mut world, TP);
    assert_eq!(fetched(world.answer(conn).expect("an answer")).partitions[0].batches.len(), 1);
}

#[test]
fn min_bytes_are_counted_over_all_partitions() {
    let mut world = World::new(1, 1);
    let one = plain(1).size as i32;
    let mut request = open(vec![position(TP, 0), position(TP1, 0)]);
    (request.min_bytes, request.max_wait_ms) = (2 * one, 500);
    let conn = world.send(1, request);
    write(&mut world, TP);
    assert_eq!(world.answer(conn), None);
    write(&mut world, TP1);
    let answer = fetched(world.answer(conn).expect("an answer"));
    assert_eq!(answer.partitions.iter().map(|p| p.batches.len()).collect::<Vec<_>>(), [1, 1]);
}

#[test]
fn a_leader_change_answers_a_parked_fetch_with_6_and_the_new_leader() {
    let mut world = World::new(2, 1);
    let conn = world.send(1, read(0, ReadUncommitted, 500));
    world.elect(TP, Some(2), &[2, 1]);
    let answer = fetched(world.answer(conn).expect("an answer"));
    assert_eq!(answer.partitions[0].error, Some(ErrorCode::NotLeaderOrFollower));
    assert_eq!(answer.partitions[0].current_leader, Some((node(2), 1)));
}

#[test]
fn what_a_fetch_is_refused_for() {
    // §1.11: 1, 3, 6, 74, 75.
    let mut world = World::new(2, 1);
    world.elect(TP, Some(1), &[1, 2]);
    let mut error = |to: i32, p: FetchPartition| {
        let request = FetchRequest { partitions: vec![p], ..read(0, ReadUncommitted, 500) };
        fetched(world.ask(to, request)).partitions[0].error
    };
    assert_eq!(error(1, position(TP, 1)), Some(ErrorCode::OffsetOutOfRange));
    assert_eq!(error(1, position(TopicPartition::new(TOPIC, 9), 0)), Some(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(error(2, position(TP, 0)), Some(ErrorCode::NotLeaderOrFollower));
    let at = |epoch| FetchPartition { current_leader_epoch: epoch, ..position(TP, 0) };
    assert_eq!(error(1, at(0)), Some(ErrorCode::FencedLeaderEpoch));
    assert_eq!(error(1, at(2)), Some(ErrorCode::UnknownLeaderEpoch));
}

#[test]
fn read_committed_waits_for_the_last_stable_offset_and_names_aborted_transactions() {
    // §2.8, §2.9.
    let mut world = World::with(1, 1, |c| c.transaction_verification = false);
    let data = ProduceRequest { version: 11, ..produce(Acks::All, of(7, 0, 0, true)) };
    let conn = world.send(1, data);
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    write(&mut world, TP);
    let open = fetched(world.ask(1, read(0, ReadCommitted, 0)));
    assert!(open.partitions[0].batches.is_empty());
    assert_eq!((open.partitions[0].last_stable_offset, open.partitions[0].high_watermark), (0, 2));
    assert_eq!(fetched(world.ask(1, read(0, ReadUncommitted, 0))).partitions[0].batches.len(), 2);
    let conn = world.send(1, read(0, ReadCommitted, 500));
    write(&mut world, TP); // moves the high watermark, not the last stable offset
    assert_eq!(world.answer(conn), None);
    let marker = TxnMarkerEntry {
        producer: ProducerIdAndEpoch::new(7, 0),
        result: TransactionResult::Abort,
        coordinator_epoch: 0,
        transaction_version: 0,
        partitions: vec![TP],
    };
    world.ask(1, WriteTxnMarkersRequest { markers: vec![marker] });
    let answer = fetched(world.answer(conn).expect("an answer"));
    assert_eq!(answer.partitions[0].batches.len(), 4);
    assert_eq!(answer.partitions[0].aborted, [AbortedTransaction { producer_id: 7, first_offset: 0 }]);
    let plain_read = fetched(world.ask(1, read(0, ReadUncommitted, 0)));
    assert!(plain_read.partitions[0].aborted.is_empty());
}

#[test]
fn an_incremental_fetch_carries_only_partitions_with_news() {
    // KIP-227.
    let mut world = World::new(1, 1);
    let first = fetched(world.ask(1, open(vec![position(TP, 0), position(TP1, 0)])));
    assert_eq!(first.partitions.len(), 2, "a full fetch is answered in full");
    let id = first.session_id;
    assert!(id > 0);
    assert!(fetched(world.ask(1, next(id, 1, Vec::new()))).partitions.is_empty());
    write(&mut world, TP1);
    let answer = fetched(world.ask(1, next(id, 2, Vec::new())));
    assert_eq!(answer.partitions.iter().map(|p| p.tp).collect::<Vec<_>>(), [TP1]);
    // The position did not move: the data comes again. Then it does.
    assert_eq!(fetched(world.ask(1, next(id, 3, Vec::new()))).partitions[0].batches.len(), 1);
    assert!(fetched(world.ask(1, next(id, 4, vec![position(TP1, 1)]))).partitions.is_empty());
    // A partition that left the session says nothing any more.
    let forgotten = FetchRequest { forgotten: vec![TP1], ..next(id, 5, Vec::new()) };
    assert!(fetched(world.ask(1, forgotten)).partitions.is_empty());
    write(&mut world, TP1);
    assert!(fetched(world.ask(1, next(id, 6, Vec::new()))).partitions.is_empty());
    assert!(world.broker(1).partitions.get(TP1).expect("a partition").watchers.is_empty());
}

#[test]
fn a_move_of_the_high_watermark_alone_is_told_with_the_next_answer() {
    let mut world = World::new(1, 1);
    write(&mut world, TP);
    let mut request = open(vec![position(TP, 0)]);
    request.isolation = ReadCommitted;
    let first = fetched(world.ask(1, request));
    let id = first.session_id;
    let moved = FetchRequest { isolation: ReadCommitted, ..next(id, 1, vec![position(TP, 1)]) };
    assert!(fetched(world.ask(1, moved)).partitions.is_empty());
    // An open transaction: the high watermark moves on, nothing can be read.
    let mut config = BrokerConfig::clone(&world.config);
    config.transaction_verification = false;
    world.broker_mut(1).config = Arc::new(config);
    let waiting = FetchRequest { isolation: ReadCommitted, max_wait_ms: 500, ..next(id, 2, Vec::new()) };
    let conn = world.send(1, waiting);
    let data = ProduceRequest { version: 11, ..produce(Acks::All, of(7, 0, 0, true)) };
    world.send(1, data);
    assert_eq!(world.answer(conn), None);
    world.run(500);
    let answer = fetched(world.answer(conn).expect("an answer"));
    assert_eq!((answer.partitions.len(), answer.partitions[0].high_watermark), (1, 2));
    assert!(answer.partitions[0].batches.is_empty());
}

#[test]
fn unknown_sessions_are_70_and_wrong_epochs_71() {
    let mut world = World::new(1, 1);
    let error = fetched(world.ask(1, next(9, 1, Vec::new()))).error;
    assert_eq!(error, Some(ErrorCode::FetchSessionIdNotFound));
    let id = fetched(world.ask(1, open(vec![position(TP, 0)]))).session_id;
    let error = fetched(world.ask(1, next(id, 2, Vec::new()))).error;
    assert_eq!(error, Some(ErrorCode::InvalidFetchSessionEpoch));
    // Epoch 0 with the old id closes it and opens another.
    let again = fetched(world.ask(1, FetchRequest { session_id: id, ..open(vec![position(TP, 0)]) }));
    assert_ne!(again.session_id, id);
    assert_eq!(fetched(world.ask(1, next(id, 1, Vec::new()))).error, Some(ErrorCode::FetchSessionIdNotFound));
}

/// A reader that kept the session of an earlier run of the broker was served, at its own isolation level, what a
/// follower's new session of the same number asked for: data above the last stable offset. Chaos found it.
#[test]
fn a_session_of_an_earlier_run_or_of_another_kind_of_reader_is_unknown() {
    let mut world = World::new(1, 1);
    let old = fetched(world.ask(1, open(vec![position(TP, 0)]))).session_id;
    let as_follower = FetchRequest { replica: Some((NodeId(2), 1)), ..next(old, 1, Vec::new()) };
    assert_eq!(fetched(world.ask(1, as_follower)).error, Some(ErrorCode::FetchSessionIdNotFound));
    world.stop(1, |_| Ending::Crash);
    world.start(1);
    world.run(1_000);
    let new = fetched(world.ask(1, open(vec![position(TP, 0)]))).session_id;
    assert_ne!(old, new);
    assert_eq!(fetched(world.ask(1, next(old, 1, Vec::new()))).error, Some(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn without_a_free_slot_a_fetch_has_no_session() {
    let mut world = World::with(1, 1, |c| c.max_incremental_fetch_sessions = 1);
    let first = fetched(world.ask(1, open(vec![position(TP, 0)]))).session_id;
    assert_eq!(fetched(world.ask(1, open(vec![position(TP, 0)]))).session_id, 0);
    world.run(121_000); // a session that nobody used for two minutes makes room
    assert_ne!(fetched(world.ask(1, open(vec![position(TP, 0)]))).session_id, 0);
    assert_eq!(fetched(world.ask(1, next(first, 1, Vec::new()))).error, Some(ErrorCode::FetchSessionIdNotFound));
}

#[test]
fn only_the_first_batch_of_an_answer_may_exceed_the_limits() {
    let mut world = World::new(1, 1);
    for tp in [TP, TP1] {
        write(&mut world, tp);
        write(&mut world, tp);
    }
    let mut request = open(vec![position(TP, 0), position(TP1, 0)]);
    request.max_bytes = 1;
    let answer = fetched(world.ask(1, request));
    let counts: Vec<_> = answer.partitions.iter().map(|p| p.batches.len()).collect();
    assert_eq!(counts, [1, 0]);
    // The partition that got nothing has its turn first next time.
    let mut request = next(answer.session_id, 1, vec![position(TP, 1)]);
    request.max_bytes = 1;
    let answer = fetched(world.ask(1, request));
    assert_eq!((answer.partitions[0].tp, answer.partitions[0].batches.len()), (TP1, 1));
}

#[test]
fn list_offsets_is_78_while_a_new_leaders_high_watermark_is_below_its_epoch() {
    // §1.11, §7.2.
    let mut world = World::new(2, 2);
    write(&mut world, TP);
    world.run(0);
    let ask = |isolation, spec| ListOffsetsRequest { isolation, partitions: vec![(TP, NO_LEADER_EPOCH, spec)] };
    let latest = |world: &mut World, to: i32| {
        let Response::ListOffsets(r) = world.ask(to, ask(ReadUncommitted, OffsetSpec::Latest)) else {
            panic!("not an answer to ListOffsets")
        };
        r.partitions[0].1
    };
    assert_eq!(latest(&mut world, 1), Ok((1, 0)));
    assert_eq!(latest(&mut world, 2), Err(ErrorCode::NotLeaderOrFollower));
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    write(&mut world, TP); // stays above the high watermark
    world.elect(TP, Some(1), &[1, 2]);
    assert_eq!(latest(&mut world, 1), Err(ErrorCode::OffsetNotAvailable));
    let Response::ListOffsets(r) = world.ask(1, ask(ReadUncommitted, OffsetSpec::Earliest)) else {
        panic!("not an answer to ListOffsets")
    };
    assert_eq!(r.partitions[0].1, Ok((0, 0)));
}
