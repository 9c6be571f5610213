//! §1.3 and §3.4.

use super::*;
use ErrorCode::*;

const NONE: ProducerIdAndEpoch = ProducerIdAndEpoch::NONE;

fn record_of(h: &Harness) -> TransactionMetadataValue {
    let Entry::Batch(batch, _) = &h.uncommitted[0].entry else { panic!("a batch") };
    let Payload::TransactionLog(records) = &batch.payload else { panic!("a transaction log batch") };
    TransactionMetadataValue::clone(records[0].value.as_ref().expect("no tombstone"))
}

#[test]
fn a_new_id_gets_a_fresh_producer_id_and_epoch_zero() {
    // §3.4, row "none".
    let mut h = Harness::fresh(2);
    assert_eq!(h.init(NONE), Ok(pair(FIRST_FRESH, 0)));
    assert_eq!(h.state(), TransactionState::Empty);
}

#[test]
fn a_new_id_is_cached_before_its_record_is_committed_and_stays_so_when_that_fails() {
    // §3.4, prelude: metadata is created in the cache.
    let mut h = Harness::fresh(2);
    let first = h.ask_init(NONE);
    assert_eq!(h.installed().producer, pair(FIRST_FRESH, NO_PRODUCER_EPOCH));
    h.refuse(NotEnoughReplicas);
    assert_eq!(h.init_answer(first), Err(CoordinatorNotAvailable));
    assert_eq!(h.init(pair(77, 3)), Ok(pair(FIRST_FRESH, 0)), "any given pair is accepted while the epoch is -1");
}

#[test]
fn nothing_is_answered_before_the_record_is_committed() {
    // §3.3 step 3, C3.
    let mut h = Harness::fresh(2);
    let conn = h.ask_init(NONE);
    assert!(!h.answers.contains_key(&conn));
    let ticket = h.uncommitted[0].ticket;
    h.run(|c, turn| c.written(turn, ticket, Ok(0)));
    assert!(!h.answers.contains_key(&conn));
    h.commit();
    assert_eq!(h.init_answer(conn), Ok(pair(FIRST_FRESH, 0)));
}

#[test]
fn the_table_for_epochs_that_are_not_exhausted() {
    // §3.4, rows "Empty, CompleteCommit, CompleteAbort; e < EXH".
    use TransactionState::*;
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let rows = [(NONE, Ok(pair(PID, 6))), (pair(PID, 5), Ok(pair(PID, 6))), (pair(PID, 4), Err(ProducerFenced))];
        for (given, expected) in rows {
            let mut h = Harness::loaded(2, value(state, 5));
            assert_eq!(h.init(given), expected, "{state:?} {given:?}");
            assert_eq!(h.state(), if expected.is_ok() { Empty } else { state });
        }
    }
}

#[test]
fn a_given_pair_of_another_producer_is_fenced() {
    // §3.4, prelude.
    let mut h = Harness::loaded(2, value(TransactionState::Empty, 5));
    assert_eq!(h.init(pair(PID + 1, 5)), Err(ProducerFenced));
    let old = InitProducerIdRequest {
        version: 3,
        transactional_id: Some(ID.into()),
        transaction_timeout_ms: 1,
        producer: pair(PID + 1, 5),
    };
    let conn = h.ask(old);
    assert_eq!(h.init_answer(conn), Err(InvalidProducerEpoch), "versions below 4 know 47 only");
}

#[test]
fn a_repeated_call_is_answered_without_a_bump() {
    // §3.4, row "== lastEpoch".
    let mut h = Harness::loaded(2, value(TransactionState::Empty, 5));
    assert_eq!(h.init(pair(PID, 5)), Ok(pair(PID, 6)));
    assert_eq!(h.init(pair(PID, 5)), Ok(pair(PID, 6)));
    assert_eq!(h.init(NONE), Ok(pair(PID, 7)));
    assert_eq!(h.init(pair(PID, 6)), Err(ProducerFenced), "a call without a pair forgets lastEpoch");
}

#[test]
fn the_last_epoch_is_lost_at_failover() {
    // §3.2.
    let mut h = Harness::loaded(2, value(TransactionState::Empty, 5));
    assert_eq!(h.init(pair(PID, 5)), Ok(pair(PID, 6)));
    h.fail_over();
    assert_eq!(h.init(pair(PID, 5)), Err(ProducerFenced));
}

#[test]
fn an_exhausted_epoch_rotates_the_producer_id() {
    // §3.4, rows "e >= EXH".
    for epoch in [2, 3] {
        for given in [NONE, pair(PID, epoch)] {
            let mut h = Harness::with(2, small(), &[value(TransactionState::CompleteCommit, epoch)]);
            assert_eq!(h.init(given), Ok(pair(FIRST_FRESH, 0)));
            assert_eq!(h.installed().previous_producer_id, PID);
            // The retry of a producer that gave its pair is recognised by the previous producer id.
            let retry = if given == NONE { Err(ProducerFenced) } else { Ok(pair(FIRST_FRESH, 0)) };
            assert_eq!(h.init(pair(PID, epoch)), retry, "retry after {given:?}");
        }
        let mut h = Harness::with(2, small(), &[value(TransactionState::CompleteCommit, epoch)]);
        assert_eq!(h.init(pair(PID, 1)), Err(UnknownServerError));
    }
}

#[test]
fn the_last_epoch_handed_out_is_one_below_the_largest() {
    // C5.
    let mut h = Harness::with(1, small(), &[]);
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(h.init(NONE).expect("an answer"));
    }
    let (first, second) = (FIRST_FRESH, FIRST_FRESH + 1);
    assert_eq!(answers, [pair(first, 0), pair(first, 1), pair(first, 2), pair(second, 0), pair(second, 1)]);
}

#[test]
fn a_prepared_transaction_is_waited_for() {
    // §3.4, rows "PrepareCommit, PrepareAbort".
    for state in [TransactionState::PrepareCommit, TransactionState::PrepareAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
    }
}

#[test]
fn a_pending_transition_comes_before_the_check_of_the_pair() {
    // §3.4, prelude: pending -> 51.
    let mut h = Harness::loaded(2, value(TransactionState::Empty, 5));
    h.ask_init(NONE);
    let second = h.ask_init(pair(PID + 1, 0));
    assert_eq!(h.init_answer(second), Err(ConcurrentTransactions));
}

#[test]
fn an_open_transaction_is_fenced_and_aborted_and_the_next_call_bumps_again() {
    // §3.4, row "Ongoing", and trace B3, at both transaction versions.
    for tv in [1, 2] {
        let mut h = Harness::loaded(tv, value(TransactionState::Ongoing, 7));
        let conn = h.ask_init(NONE);
        let record = record_of(&h);
        assert_eq!((record.state, record.producer), (TransactionState::PrepareAbort, pair(PID, 8)));
        assert_eq!(record.client_transaction_version, if tv == 2 { 2 } else { 0 });
        assert!(!h.answers.contains_key(&conn), "51 comes after the record is committed");
        h.commit();
        assert_eq!(h.init_answer(conn), Err(ConcurrentTransactions));
        assert!(h.sent.iter().flat_map(|s| &s.markers).all(|m| m.producer == pair(PID, 8) && m.result == ABORT));
        h.finish();
        assert_eq!(h.state(), TransactionState::CompleteAbort);
        assert_eq!(h.init(NONE), Ok(pair(PID, 9)));
    }
}

#[test]
fn the_fence_bumps_once_at_transaction_version_2() {
    // KAFKA-19367.
    let mut h = Harness::loaded(2, value(TransactionState::Ongoing, 7));
    assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
    assert_eq!(h.installed().producer, pair(PID, 8));
}

#[test]
fn after_a_fence_the_fenced_producer_may_call_again_at_version_2_only() {
    // §3.4, "lastEpoch after Prepare".
    let expected = [(1, Err(ProducerFenced)), (2, Ok(pair(PID, 8)))];
    for (tv, expected) in expected {
        let mut h = Harness::loaded(tv, value(TransactionState::Ongoing, 7));
        assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
        h.finish();
        assert_eq!(h.init(pair(PID, 7)), expected);
    }
}

#[test]
fn a_failed_fence_raises_the_epoch_only_once_below_version_2_and_not_at_all_at_version_2() {
    // §3.4, "Failed fence" (hasFailedEpochFence).
    for (tv, after_failure, in_record) in [(1, 8, 8), (2, 7, 8)] {
        let mut h = Harness::loaded(tv, value(TransactionState::Ongoing, 7));
        for _ in 0..3 {
            let conn = h.ask_init(NONE);
            h.refuse(NotEnoughReplicas);
            assert_eq!(h.init_answer(conn), Err(CoordinatorNotAvailable));
            assert_eq!(h.installed().producer, pair(PID, after_failure));
        }
        assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
        assert_eq!(h.installed().producer, pair(PID, in_record));
        // A Prepare record that succeeds clears the flag: the next fence raises the epoch again.
        h.finish();
        let next = h.init(NONE).expect("an answer");
        assert_eq!(h.add(4, next, data(0)), None);
        assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
        assert_eq!(h.installed().producer.epoch, next.epoch + 1);
    }
}

#[test]
fn a_fence_at_an_exhausted_epoch_rotates_at_version_2() {
    // KAFKA-20090, §3.4: nextPid with e=1 for the one who fenced.
    let mut h = Harness::with(2, small(), &[value(TransactionState::Ongoing, 2)]);
    assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
    assert_eq!((h.installed().producer, h.installed().next_producer_id), (pair(PID, 3), FIRST_FRESH));
    h.finish();
    assert_eq!(h.installed().producer, pair(FIRST_FRESH, 0));
    assert_eq!(h.init(NONE), Ok(pair(FIRST_FRESH, 1)));
}

#[test]
fn a_fence_at_an_exhausted_epoch_below_version_2_rotates_with_the_repeated_call() {
    // §3.4, "Near exhaustion"; V7.
    for epoch in [1, 2] {
        let mut h = Harness::with(1, small(), &[value(TransactionState::Ongoing, epoch)]);
        assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
        assert!(h.sent.iter().flat_map(|s| &s.markers).all(|m| m.producer == pair(PID, epoch + 1)));
        h.finish();
        assert_eq!(h.init(NONE), Ok(pair(FIRST_FRESH, 0)));
    }
}

#[test]
fn a_fence_without_a_producer_id_at_hand_changes_nothing() {
    // §1.3: 14 when no producer id is at hand.
    let mut h = Harness::with(2, small(), &[value(TransactionState::Ongoing, 2)]);
    h.coordinator.producer_ids = ProducerIds::new(NodeId(1), Span::from_secs(30));
    h.controller = false;
    assert_eq!(h.init(NONE), Err(CoordinatorLoadInProgress));
    assert_eq!(h.installed(), value(TransactionState::Ongoing, 2));
    assert_eq!(h.verify(pair(PID, 2), data(0)), None, "the producer is not fenced");
}

#[test]
fn the_request_is_checked_before_the_id() {
    // §1.3, errors 42, 50 and 16.
    let mut h = Harness::fresh(2);
    let request = |id: &str, timeout, producer| InitProducerIdRequest {
        version: 5,
        transactional_id: Some(id.into()),
        transaction_timeout_ms: timeout,
        producer,
    };
    let rows = [
        (request("", 1, NONE), InvalidRequest),
        (request(ID, 1, pair(5, -1)), InvalidRequest),
        (request(ID, 1, pair(-1, 5)), InvalidRequest),
        (request(ID, 0, NONE), InvalidTransactionTimeout),
        (request(ID, 900_001, NONE), InvalidTransactionTimeout),
    ];
    for (request, error) in rows {
        let conn = h.ask(request);
        assert_eq!(h.init_answer(conn), Err(error));
    }
    h.run(|c, turn| c.resigned(turn, 0));
    assert_eq!(h.init(NONE), Err(NotCoordinator));
}

#[test]
fn the_empty_record_takes_the_timeout_of_the_request() {
    // §3.4, last paragraph but two.
    let mut h = Harness::loaded(2, value(TransactionState::CompleteCommit, 5));
    h.ask(InitProducerIdRequest {
        version: 5,
        transactional_id: Some(ID.into()),
        transaction_timeout_ms: 1234,
        producer: NONE,
    });
    assert_eq!(h.uncommitted[0].timeout, Span::from_millis(1234));
    h.commit();
    let installed = h.installed();
    assert_eq!((installed.timeout_ms, installed.start_ms, installed.client_transaction_version), (1234, -1, 2));
}

#[test]
fn append_errors_are_mapped() {
    // §3.3 step 4.
    let rows = [
        (UnknownTopicOrPartition, CoordinatorNotAvailable),
        (NotEnoughReplicas, CoordinatorNotAvailable),
        (NotEnoughReplicasAfterAppend, CoordinatorNotAvailable),
        (RequestTimedOut, CoordinatorNotAvailable),
        (NotLeaderOrFollower, NotCoordinator),
        (KafkaStorageError, NotCoordinator),
        (MessageTooLarge, UnknownServerError),
        (RecordListTooLarge, UnknownServerError),
    ];
    for (append, answer) in rows {
        let mut h = Harness::loaded(2, value(TransactionState::Empty, 5));
        let conn = h.ask_init(NONE);
        h.settle_first(Err(append));
        assert_eq!(h.init_answer(conn), Err(answer));
        assert_eq!(h.init(NONE), Ok(pair(PID, 6)), "pending is cleared and nothing was installed");
    }
}

#[test]
fn format_version_0_does_not_store_what_it_has_no_field_for() {
    // §3.2.
    for (tv, previous, client) in [(0, NO_PRODUCER_ID, 0), (1, PID, 2)] {
        let mut h = Harness::loaded(tv, value(TransactionState::CompleteCommit, 5));
        h.ask_init(NONE);
        let record = record_of(&h);
        assert_eq!((record.previous_producer_id, record.client_transaction_version), (previous, client));
    }
}

#[test]
fn a_fence_below_version_2_forgets_the_last_epoch() {
    // §3.4, "lastEpoch after Prepare: TV1 fence -1": the producer that was fenced may not repeat an older call.
    let mut h = Harness::loaded(1, value(TransactionState::Empty, 5));
    assert_eq!(h.init(pair(PID, 5)), Ok(pair(PID, 6)));
    assert_eq!(h.add(3, pair(PID, 6), data(0)), None);
    assert_eq!(h.init(NONE), Err(ConcurrentTransactions));
    h.finish();
    assert_eq!(h.init(pair(PID, 5)), Err(ProducerFenced));
}
