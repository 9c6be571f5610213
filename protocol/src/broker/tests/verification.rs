//! The pre-flight of transactional batches and the add/verify channel (§1.7, §2.5, §2.6).

use super::*;

fn world() -> World {
    let mut world = World::new(1, 1);
    world.intercept.insert(Purpose::AddPartitions);
    world
}

fn transactional(version: i16, epoch: ProducerEpoch, sequence: Sequence) -> ProduceRequest {
    ProduceRequest { version, ..produce(Acks::All, of(7, epoch, sequence, true)) }
}

fn asked(caught: &Caught) -> AddPartitionsTransaction {
    let Request::AddPartitionsToTxn(r) = &caught.request else { panic!("not an AddPartitionsToTxn") };
    assert_eq!((r.version, r.transactions.len()), (5, 1));
    r.transactions[0].clone()
}

fn verdict(error: Option<ErrorCode>) -> AddPartitionsToTxnResponse {
    AddPartitionsToTxnResponse { error: None, transactions: vec![("t".into(), vec![(TP, error)])] }
}

#[test]
fn version_12_adds_and_version_11_verifies_before_the_first_batch_only() {
    let mut world = world();
    for (version, verify_only, epoch) in [(11, true, 0), (12, false, 1)] {
        let conn = world.send(1, transactional(version, epoch, 0));
        let caught = world.catch();
        let question = asked(&caught);
        assert_eq!(question.verify_only, verify_only);
        assert_eq!((question.producer, &question.partitions[..]), (ProducerIdAndEpoch::new(7, epoch), &[TP][..]));
        assert_eq!(world.outcome(conn), None);
        world.reply(&caught, verdict(None));
        let base = world.outcome(conn).expect("an answer").expect("success");
        // The transaction is open at that epoch now: nothing more is asked.
        let conn = world.send(1, transactional(version, epoch, 1));
        assert_eq!(world.outcome(conn), Some(Ok(base + 1)));
        assert!(world.caught.is_empty());
        let marker = TxnMarkerEntry {
            producer: ProducerIdAndEpoch::new(7, epoch),
            result: TransactionResult::Commit,
            coordinator_epoch: 0,
            transaction_version: 0,
            partitions: vec![TP],
        };
        world.ask(1, WriteTxnMarkersRequest { markers: vec![marker] });
    }
}

#[test]
fn verification_can_be_switched_off_below_transaction_version_2_only() {
    let mut world = World::with(1, 1, |c| c.transaction_verification = false);
    world.intercept.insert(Purpose::AddPartitions);
    let conn = world.send(1, transactional(11, 0, 0));
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    let conn = world.send(1, transactional(12, 1, 0));
    assert_eq!(world.outcome(conn), None);
    assert!(!asked(&world.catch()).verify_only);
}

#[test]
fn what_the_coordinators_errors_become() {
    // §1.6, 19, 47, 48, 49, 51, 120; §1.7 translation.
    use ErrorCode::*;
    let cases = [
        (10, NetworkException, NotEnoughReplicas),
        (11, CoordinatorLoadInProgress, NotEnoughReplicas),
        (12, CoordinatorNotAvailable, NotEnoughReplicas),
        (12, NotCoordinator, NotEnoughReplicas),
        (11, ConcurrentTransactions, NotEnoughReplicas),
        (12, ProducerFenced, InvalidProducerEpoch),
        (12, InvalidProducerIdMapping, InvalidProducerIdMapping),
        (10, TransactionAbortable, InvalidTxnState),
        (11, TransactionAbortable, TransactionAbortable),
    ];
    for (version, answered, shown) in cases {
        let mut world = world();
        let conn = world.send(1, transactional(version, 0, 0));
        let caught = world.catch();
        world.reply(&caught, verdict(Some(answered)));
        assert_eq!(world.outcome(conn), Some(Err(shown)), "{answered} at version {version}");
        assert_eq!(world.log(1).log_end_offset(), 0);
    }
}

#[test]
fn a_failed_authorization_of_the_whole_request_is_48() {
    let mut world = world();
    let conn = world.send(1, transactional(12, 0, 0));
    let caught = world.catch();
    let error = Some(ErrorCode::ClusterAuthorizationFailed);
    world.reply(&caught, AddPartitionsToTxnResponse { error, transactions: Vec::new() });
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::InvalidTxnState)));
}

#[test]
fn a_lost_channel_is_13_and_shown_as_19() {
    let mut world = world();
    let conn = world.send(1, transactional(12, 0, 0));
    let caught = world.catch();
    world.break_off(&caught);
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotEnoughReplicas)));
    // The next one waits for the reconnect back-off and goes out.
    let conn = world.send(1, transactional(12, 0, 0));
    assert!(world.caught.is_empty());
    world.run(50);
    let caught = world.catch();
    world.reply(&caught, verdict(None));
    assert_eq!(world.outcome(conn), Some(Ok(0)));
}

#[test]
fn a_channel_without_answer_is_closed_after_the_request_timeout() {
    let mut world = world();
    let conn = world.send(1, transactional(12, 0, 0));
    world.run(29_999);
    assert_eq!(world.outcome(conn), None);
    world.run(1);
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotEnoughReplicas)));
}

#[test]
fn an_add_that_meets_51_is_repeated_every_20_ms_for_100_ms() {
    // §1.6, TV2 server-side retry.
    let mut world = world();
    let conn = world.send(1, transactional(12, 0, 0));
    let mut tries = 0;
    while let Some(caught) = world.caught.pop_front() {
        tries += 1;
        world.reply(&caught, verdict(Some(ErrorCode::ConcurrentTransactions)));
        if tries < 6 {
            assert_eq!(world.outcome(conn), None);
        }
        world.run(20);
    }
    assert_eq!(tries, 6); // at 0, 20, .. 100 ms
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::ConcurrentTransactions)));
}

#[test]
fn an_unknown_coordinator_is_15_and_shown_as_19() {
    let mut world = world();
    world.elect(TopicPartition::new(TopicId(0), 0), None, &[1]);
    let conn = world.send(1, transactional(11, 0, 0));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotEnoughReplicas)));
}

#[test]
fn a_stored_epoch_above_the_requests_is_47_at_once() {
    // §2.5.
    let mut world = world();
    let conn = world.send(1, produce(Acks::All, of(7, 3, 0, false)));
    assert_eq!(world.outcome(conn), Some(Ok(0)));
    let conn = world.send(1, transactional(12, 2, 0));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::InvalidProducerEpoch)));
    assert!(world.caught.is_empty());
}

#[test]
fn one_request_is_in_flight_and_the_queue_has_one_entry_for_each_id() {
    // §1.7: same epoch replaces with 13, higher with 47, lower is refused with 47; in flight is never replaced.
    let mut world = world();
    let in_flight = world.send(1, transactional(12, 5, 0));
    let first = world.catch();
    let same = world.send(1, transactional(12, 5, 0));
    assert_eq!(world.outcome(same), None);
    let again = world.send(1, transactional(12, 5, 0));
    assert_eq!(world.outcome(same), Some(Err(ErrorCode::NotEnoughReplicas)));
    let higher = world.send(1, transactional(12, 6, 0));
    assert_eq!(world.outcome(again), Some(Err(ErrorCode::InvalidProducerEpoch)));
    let lower = world.send(1, transactional(12, 4, 0));
    assert_eq!(world.outcome(lower), Some(Err(ErrorCode::InvalidProducerEpoch)));
    assert_eq!((world.outcome(in_flight), world.outcome(higher)), (None, None));
    assert!(world.caught.is_empty(), "one request at a time");
    world.reply(&first, verdict(Some(ErrorCode::ProducerFenced)));
    assert_eq!(world.outcome(in_flight), Some(Err(ErrorCode::InvalidProducerEpoch)));
    let second = world.catch();
    assert_eq!(asked(&second).producer.epoch, 6);
    world.reply(&second, verdict(None));
    assert_eq!(world.outcome(higher), Some(Ok(0)));
}

#[test]
fn a_marker_between_verification_and_append_makes_the_append_48() {
    // §2.5, B5.
    let mut world = world();
    let conn = world.send(1, transactional(11, 0, 0));
    let caught = world.catch();
    let marker = TxnMarkerEntry {
        producer: ProducerIdAndEpoch::new(7, 0),
        result: TransactionResult::Abort,
        coordinator_epoch: 0,
        transaction_version: 0,
        partitions: vec![TP],
    };
    world.ask(1, WriteTxnMarkersRequest { markers: vec![marker] });
    world.reply(&caught, verdict(None));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::InvalidTxnState)));
}

#[test]
fn a_leadership_that_is_lost_during_verification_is_6_at_the_append() {
    let mut world = World::new(2, 1);
    world.intercept.insert(Purpose::AddPartitions);
    let conn = world.send(1, transactional(12, 0, 0));
    let caught = world.catch();
    world.elect(TP, Some(2), &[2, 1]);
    world.reply(&caught, verdict(None));
    assert_eq!(world.outcome(conn), Some(Err(ErrorCode::NotLeaderOrFollower)));
}
