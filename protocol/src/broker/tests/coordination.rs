//! The coordinators inside their brokers: transactions and offset commits from end to end (§3, §4.2, B1), WriteTxnMarkers
//! (§1.9), elections (§3.10).

use super::*;

const STATE: TopicPartition = TopicPartition::new(TopicId::TRANSACTION_STATE, 0);
const OFFSETS: TopicPartition = TopicPartition::new(TopicId::CONSUMER_OFFSETS, 0);

fn init(world: &mut World, to: i32) -> ProducerIdAndEpoch {
    for _ in 0..50 {
        let request = InitProducerIdRequest {
            version: 5,
            transactional_id: Some("t".into()),
            transaction_timeout_ms: 60_000,
            producer: ProducerIdAndEpoch::NONE,
        };
        let conn = world.send(to, request);
        world.run(20);
        match world.answer(conn) {
            Some(Response::InitProducerId(InitProducerIdResponse { result: Ok(producer) })) => return producer,
            Some(Response::InitProducerId(InitProducerIdResponse { result: Err(e) })) => assert!(e.is_retriable()),
            other => panic!("{other:?}"),
        }
    }
    panic!("no producer id");
}

fn append(world: &mut World, to: i32, producer: ProducerIdAndEpoch, sequence: Sequence) -> Result<Offset, ErrorCode> {
    let conn = world.send(to, produce(Acks::All, of(producer.id, producer.epoch, sequence, true)));
    world.run(150);
    world.outcome(conn).expect("an answer")
}

fn end(world: &mut World, to: i32, producer: ProducerIdAndEpoch, result: TransactionResult) -> EndTxnResponse {
    let conn = world.send(to, EndTxnRequest { version: 5, transactional_id: "t".into(), producer, result });
    world.flow();
    match world.answer(conn) {
        Some(Response::EndTxn(r)) => r,
        other => panic!("{other:?}"),
    }
}

fn readable(world: &mut World, from: i32) -> usize {
    let answer = fetched(world.ask(from, read(0, IsolationLevel::ReadCommitted, 0)));
    answer.partitions[0].batches.len()
}

fn commit_offset(world: &mut World, to: i32, producer: ProducerIdAndEpoch, offset: Offset) -> Option<ErrorCode> {
    let request = TxnOffsetCommitRequest {
        version: 5,
        transactional_id: "t".into(),
        producer,
        group: GroupMetadata::only_group("g".into()),
        offsets: vec![OffsetToCommit { tp: TP1, offset, leader_epoch: 0, metadata: "".into() }],
    };
    let conn = world.send(to, request);
    world.run(20);
    match world.answer(conn) {
        Some(Response::TxnOffsetCommit(r)) => r.partitions[0].1,
        other => panic!("{other:?}"),
    }
}

fn marker(epoch: ProducerEpoch, result: TransactionResult, partitions: Vec<TopicPartition>) -> TxnMarkerEntry {
    let producer = ProducerIdAndEpoch::new(7, epoch);
    TxnMarkerEntry { producer, result, coordinator_epoch: 3, transaction_version: 0, partitions }
}

fn markers_answered(response: Option<Response>) -> WriteTxnMarkersResponse {
    match response {
        Some(Response::WriteTxnMarkers(r)) => r,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_transaction_is_committed_from_end_to_end() {
    // B1, on one broker and on three.
    for brokers in [1, 3] {
        let mut world = World::new(brokers, 2);
        let producer = init(&mut world, 1);
        assert_eq!(append(&mut world, 1, producer, 0), Ok(0));
        assert_eq!(commit_offset(&mut world, 1, producer, 42), None);
        assert_eq!(readable(&mut world, 1), 0);
        assert!(world.broker(1).committed_offsets().is_empty());
        let ended = end(&mut world, 1, producer, TransactionResult::Commit);
        assert_eq!((ended.error, ended.producer.epoch), (None, producer.epoch + 1));
        world.run(100);
        assert_eq!(readable(&mut world, 1), 2, "the record and its marker");
        let offsets = world.broker(1).committed_offsets();
        assert_eq!(offsets.iter().map(|(g, tp, o)| (&**g, *tp, o.offset)).collect::<Vec<_>>(), [("g", TP1, 42)]);
        let transactions = world.broker(1).transactions();
        assert_eq!(transactions[0].1.state, TransactionState::CompleteCommit);
        assert_eq!(append(&mut world, 1, ended.producer, 0), Ok(2));
        for id in 1..=brokers {
            assert_eq!(world.log(id).replay_difference(), None);
        }
        world.check_prefixes();
    }
}

#[test]
fn an_aborted_transaction_leaves_neither_records_nor_offsets() {
    let mut world = World::new(1, 1);
    let producer = init(&mut world, 1);
    assert_eq!(append(&mut world, 1, producer, 0), Ok(0));
    assert_eq!(commit_offset(&mut world, 1, producer, 42), None);
    assert_eq!(end(&mut world, 1, producer, TransactionResult::Abort).error, None);
    world.run(100);
    let answer = fetched(world.ask(1, read(0, IsolationLevel::ReadCommitted, 0)));
    assert_eq!(answer.partitions[0].aborted.len(), 1);
    assert!(world.broker(1).committed_offsets().is_empty());
}

#[test]
fn a_coordinators_successor_finishes_what_was_decided() {
    // §3.10: the decision is in the log, the markers are sent again.
    let mut world = World::new(3, 2);
    let producer = init(&mut world, 1);
    assert_eq!(append(&mut world, 1, producer, 0), Ok(0));
    world.intercept.insert(Purpose::TxnMarkers);
    assert_eq!(end(&mut world, 1, producer, TransactionResult::Commit).error, None);
    world.run(100);
    assert_eq!(readable(&mut world, 1), 0);
    world.intercept.clear();
    world.stop(1, |_| Ending::Crash);
    world.fence(1, true);
    for tp in [STATE, OFFSETS, TP, TP1] {
        world.elect(tp, Some(2), &[2, 3]);
    }
    world.run(2_000);
    assert_eq!(world.broker(2).transactions()[0].1.state, TransactionState::CompleteCommit);
    assert_eq!(readable(&mut world, 2), 2);
}

#[test]
fn offsets_survive_the_group_coordinators_failover() {
    let mut world = World::new(3, 2);
    let producer = init(&mut world, 1);
    assert_eq!(commit_offset(&mut world, 1, producer, 42), None);
    world.elect(OFFSETS, Some(2), &[1, 2, 3]);
    world.run(1_000);
    assert_eq!(end(&mut world, 1, producer, TransactionResult::Commit).error, None);
    world.run(1_000);
    let committed = |world: &World, id| world.broker(id).committed_offsets().len();
    assert_eq!((committed(&world, 1), committed(&world, 2)), (0, 1));
    let ask = OffsetFetchRequest { group_id: "g".into(), partitions: Some(vec![TP1]), require_stable: true };
    let Response::OffsetFetch(r) = world.ask(2, ask) else { panic!("not an answer to OffsetFetch") };
    assert_eq!(r.partitions[0].1, Ok((42, 0)));
}

#[test]
fn requests_are_14_until_the_coordinators_log_is_read_and_16_elsewhere() {
    let mut world = World::new(2, 1);
    init(&mut world, 1);
    world.broker_mut(2).postpone(Job::CoordinatorLoad, Span::from_millis(700));
    world.elect(STATE, Some(2), &[1, 2]);
    let ask = |world: &mut World, to| {
        let request = InitProducerIdRequest {
            version: 5,
            transactional_id: Some("t".into()),
            transaction_timeout_ms: 60_000,
            producer: ProducerIdAndEpoch::NONE,
        };
        match world.ask(to, request) {
            Response::InitProducerId(r) => r.result,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(ask(&mut world, 2), Err(ErrorCode::CoordinatorLoadInProgress));
    assert_eq!(ask(&mut world, 1), Err(ErrorCode::NotCoordinator));
    world.run(1_000);
    assert!(init(&mut world, 2).epoch > 0);
}

#[test]
fn a_coordinators_record_that_is_not_replicated_is_not_answered() {
    // C3: nothing is answered before the record is below the high watermark.
    let mut world = World::new(3, 2);
    let producer = init(&mut world, 1);
    assert_eq!(append(&mut world, 1, producer, 0), Ok(0));
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let commit =
        EndTxnRequest { version: 5, transactional_id: "t".into(), producer, result: TransactionResult::Commit };
    let conn = world.send(1, commit);
    world.run(1_000);
    assert_eq!(world.answer(conn), None);
    // Leadership moves: the waiting write fails with 6, the client sees 16.
    world.elect(STATE, Some(2), &[1, 2, 3]);
    let Some(Response::EndTxn(r)) = world.answer(conn) else { panic!("no answer") };
    assert_eq!(r.error, Some(ErrorCode::NotCoordinator));
}

#[test]
fn the_transaction_log_needs_min_isr_before_the_append() {
    // §1.3, 15: NOT_ENOUGH_REPLICAS of the log is COORDINATOR_NOT_AVAILABLE to the client.
    let mut world = World::new(2, 2);
    let producer = init(&mut world, 1);
    world.controller.unfence = false;
    world.fence(2, true);
    let mut p = world.controller.image.partition(STATE).expect("a partition").clone();
    p.isr = vec![node(1)];
    p.partition_epoch += 1;
    world.change(MetadataChange::Partition(STATE, p));
    world.flow();
    let end_offset = world.broker(1).log(STATE).expect("a replica").log_end_offset();
    let abort = end(&mut world, 1, producer, TransactionResult::Abort);
    assert_eq!(abort.error, Some(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(world.broker(1).log(STATE).expect("a replica").log_end_offset(), end_offset);
}

#[test]
fn write_txn_markers_is_answered_once_with_an_outcome_for_each_marker() {
    // §1.9: 3 for a partition without replica here, 6 at a follower, 47 for an old epoch; entries of one id are merged.
    let mut world = World::new(2, 1);
    world.elect(TP1, Some(2), &[2, 1]);
    world.send(1, produce(Acks::Leader, of(7, 5, 0, false)));
    let unknown = TopicPartition::new(TOPIC, 9);
    let markers = vec![
        marker(5, TransactionResult::Commit, vec![TP, TP1, unknown]),
        marker(4, TransactionResult::Commit, vec![TP]),
    ];
    let conn = world.send(1, WriteTxnMarkersRequest { markers });
    world.flow();
    let answer = markers_answered(world.answer(conn)).markers;
    assert_eq!(answer.len(), 1);
    let expected = [
        (TP, None),
        (TP1, Some(ErrorCode::NotLeaderOrFollower)),
        (unknown, Some(ErrorCode::UnknownTopicOrPartition)),
        (TP, Some(ErrorCode::InvalidProducerEpoch)),
    ];
    assert_eq!(answer[0], (7, expected.to_vec()));
    // An older coordinator is fenced (52).
    let old = TxnMarkerEntry { coordinator_epoch: 2, ..marker(5, TransactionResult::Commit, vec![TP]) };
    let conn = world.send(1, WriteTxnMarkersRequest { markers: vec![old] });
    let answer = markers_answered(world.answer(conn)).markers;
    assert_eq!(answer[0].1, [(TP, Some(ErrorCode::TransactionCoordinatorFenced))]);
}

#[test]
fn a_marker_is_answered_when_the_high_watermark_has_passed_it() {
    let mut world = World::new(2, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let markers = vec![marker(0, TransactionResult::Abort, vec![TP, OFFSETS])];
    let conn = world.send(1, WriteTxnMarkersRequest { markers: markers.clone() });
    assert_eq!(world.answer(conn), None);
    world.run(5_000); // the group coordinator gives up after offsets.commit.timeout.ms, the partition does not
    assert_eq!(world.answer(conn), None);
    world.run(25_000);
    let answer = markers_answered(world.answer(conn)).markers;
    assert_eq!(answer[0].1[0], (TP, Some(ErrorCode::RequestTimedOut)));
    assert!(answer[0].1[1].1.is_some());
    // Too small an in-sync set is found before the append; not so for the group's partition.
    world.controller.unfence = false;
    world.fence(2, true);
    for tp in [TP, OFFSETS] {
        let mut p = world.controller.image.partition(tp).expect("a partition").clone();
        p.isr = vec![node(1)];
        p.partition_epoch += 1;
        world.change(MetadataChange::Partition(tp, p));
    }
    world.flow();
    let ends = |world: &World| [TP, OFFSETS].map(|tp| world.broker(1).log(tp).expect("a replica").log_end_offset());
    let before = ends(&world);
    let conn = world.send(1, WriteTxnMarkersRequest { markers });
    world.run(31_000);
    let answer = markers_answered(world.answer(conn)).markers;
    assert_eq!(answer[0].1[0], (TP, Some(ErrorCode::NotEnoughReplicas)));
    assert_eq!(ends(&world), [before[0], before[1] + 1]);
}

#[test]
fn what_a_txn_offset_commit_is_refused_for() {
    // §1.10: 24, 16, and the outcome of the add: 49 and 47 as they are.
    let mut world = World::new(2, 1);
    let producer = init(&mut world, 1);
    let nobody = TxnOffsetCommitRequest {
        version: 5,
        transactional_id: "t".into(),
        producer,
        group: GroupMetadata::only_group("".into()),
        offsets: vec![OffsetToCommit { tp: TP1, offset: 1, leader_epoch: 0, metadata: "".into() }],
    };
    let Response::TxnOffsetCommit(r) = world.ask(1, nobody) else { panic!("not an answer to TxnOffsetCommit") };
    assert_eq!(r.partitions[0].1, Some(ErrorCode::InvalidGroupId));
    assert_eq!(commit_offset(&mut world, 2, producer, 1), Some(ErrorCode::NotCoordinator));
    let stranger = ProducerIdAndEpoch::new(producer.id + 1, producer.epoch);
    assert_eq!(commit_offset(&mut world, 1, stranger, 1), Some(ErrorCode::InvalidProducerIdMapping));
    let zombie = ProducerIdAndEpoch::new(producer.id, producer.epoch + 1);
    assert_eq!(commit_offset(&mut world, 1, zombie, 1), Some(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn the_sweep_aborts_a_transaction_that_lasts_too_long_unless_it_is_late() {
    let mut world = World::new(1, 1);
    let producer = init(&mut world, 1);
    assert_eq!(append(&mut world, 1, producer, 0), Ok(0));
    world.broker_mut(1).postpone(Job::TransactionSweep, Span::from_secs(120));
    world.run(75_000);
    assert_eq!(world.broker(1).transactions()[0].1.state, TransactionState::Ongoing);
    world.run(60_000);
    assert_eq!(world.broker(1).transactions()[0].1.state, TransactionState::CompleteAbort);
    let log = world.log(1);
    assert_eq!(log.last_stable_offset(), log.high_watermark());
}

#[test]
fn what_a_group_coordinator_loads_above_the_high_watermark_is_not_yet_committed() {
    // §4.4: a stable fetch looks at the newest state and waits until that is replicated.
    let mut world = World::new(3, 2);
    world.intercept.insert(Purpose::ReplicaFetcher);
    world.run(500);
    let offsets = vec![OffsetToCommit { tp: TP1, offset: 7, leader_epoch: 0, metadata: "".into() }];
    let commit = world.send(1, OffsetCommitRequest { group: GroupMetadata::only_group("g".into()), offsets });
    world.elect(OFFSETS, Some(1), &[1, 2, 3]); // another epoch: the log is read again
    assert!(matches!(world.answer(commit), Some(Response::OffsetCommit(_))));
    let ask = OffsetFetchRequest { group_id: "g".into(), partitions: Some(vec![TP1]), require_stable: true };
    let fetch = world.send(1, ask);
    assert_eq!(world.answer(fetch), None);
    world.intercept.clear();
    for caught in core::mem::take(&mut world.caught) {
        world.break_off(&caught);
    }
    world.run(2_000);
    let Some(Response::OffsetFetch(r)) = world.answer(fetch) else { panic!("no answer") };
    assert_eq!(r.partitions[0].1, Ok((7, 0)));
}
