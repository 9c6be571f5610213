//! §1.8, §3.5 and §3.6.

use super::super::end_txn::{decide_v1, decide_v2};
use super::super::metadata::{Metadata, TransactionalId};
use super::*;
use ErrorCode::*;
use TransactionState::*;

/// What EndTxn is answered at once, or `None` if it writes a record.
fn at_once(
    h: &mut Harness,
    version: i16,
    producer: ProducerIdAndEpoch,
    result: TransactionResult,
) -> Option<Result<ProducerIdAndEpoch, ErrorCode>> {
    let conn = h.ask_end(version, producer, result);
    h.answers.contains_key(&conn).then(|| h.ended(conn))
}

#[test]
fn the_table_of_version_4() {
    // §3.5; in Prepare* the transition to Complete is pending.
    let done = Some(Ok(ProducerIdAndEpoch::NONE));
    let invalid = Some(Err(InvalidTxnState));
    let busy = Some(Err(ConcurrentTransactions));
    let rows = [
        (Ongoing, None, None),
        (CompleteCommit, done, invalid),
        (CompleteAbort, invalid, done),
        (PrepareCommit, busy, busy),
        (PrepareAbort, busy, busy),
        (Empty, invalid, invalid),
    ];
    for (state, commit, abort) in rows {
        for (result, expected) in [(COMMIT, commit), (ABORT, abort)] {
            let mut h = Harness::loaded(1, value(state, 5));
            assert_eq!(at_once(&mut h, 4, pair(PID, 5), result), expected, "{state:?} {result:?}");
        }
    }
}

#[test]
fn the_table_of_version_4_without_pending() {
    // §3.5, the rows that a pending transition hides.
    for (state, commit, abort) in [
        (PrepareCommit, ConcurrentTransactions, InvalidTxnState),
        (PrepareAbort, InvalidTxnState, ConcurrentTransactions),
    ] {
        let id = TransactionalId::new(Metadata::loaded(value(state, 5)));
        assert_eq!(decide_v1(&id, pair(PID, 5), COMMIT), Err(commit));
        assert_eq!(decide_v1(&id, pair(PID, 5), ABORT), Err(abort));
    }
}

#[test]
fn version_4_checks_id_and_epoch_before_pending() {
    // §3.5, order.
    let mut h = Harness::loaded(1, value(PrepareCommit, 5));
    assert_eq!(at_once(&mut h, 4, pair(PID + 1, 5), COMMIT), Some(Err(InvalidProducerIdMapping)));
    assert_eq!(at_once(&mut h, 4, pair(PID, 4), COMMIT), Some(Err(ProducerFenced)));
    assert_eq!(at_once(&mut h, 4, pair(PID, 6), COMMIT), Some(Err(ProducerFenced)));
    assert_eq!(at_once(&mut h, 1, pair(PID, 6), COMMIT), Some(Err(InvalidProducerEpoch)), "below 2: 47");
}

#[test]
fn the_table_of_version_5() {
    // §3.6, columns "e equal" and "retry"; in Prepare* the transition to Complete is pending.
    let invalid = Some(Err(InvalidTxnState));
    let fenced = Some(Err(ProducerFenced));
    let busy = Some(Err(ConcurrentTransactions));
    let done = Some(Ok(pair(PID, 5)));
    let rows = [
        (Ongoing, None, fenced, None, fenced),
        (PrepareCommit, busy, busy, busy, busy),
        (PrepareAbort, busy, busy, busy, busy),
        (CompleteCommit, invalid, done, None, invalid),
        (CompleteAbort, invalid, invalid, None, done),
        (Empty, invalid, fenced, None, fenced),
    ];
    for (state, commit, commit_again, abort, abort_again) in rows {
        let cells = [(COMMIT, 5, commit), (COMMIT, 4, commit_again), (ABORT, 5, abort), (ABORT, 4, abort_again)];
        for (result, epoch, expected) in cells {
            let mut h = Harness::loaded(2, value(state, 5));
            assert_eq!(at_once(&mut h, 5, pair(PID, epoch), result), expected, "{state:?} {result:?} {epoch}");
        }
    }
}

#[test]
fn the_table_of_version_5_without_pending() {
    // §3.6, the rows that a pending transition hides.
    let rows = [
        (PrepareCommit, COMMIT, 5, ProducerFenced),
        (PrepareCommit, COMMIT, 4, ConcurrentTransactions),
        (PrepareCommit, ABORT, 5, ProducerFenced),
        (PrepareCommit, ABORT, 4, InvalidTxnState),
        (PrepareAbort, COMMIT, 5, ProducerFenced),
        (PrepareAbort, COMMIT, 4, InvalidTxnState),
        (PrepareAbort, ABORT, 5, ProducerFenced),
        (PrepareAbort, ABORT, 4, ConcurrentTransactions),
    ];
    for (state, result, epoch, error) in rows {
        let id = TransactionalId::new(Metadata::loaded(value(state, 5)));
        assert_eq!(decide_v2(&id, pair(PID, epoch), result, &Domains::default()), Err(error));
    }
}

#[test]
fn a_higher_epoch_is_fenced_and_another_producer_id_unknown_at_version_5() {
    // §3.6, order.
    for state in [Ongoing, CompleteCommit, CompleteAbort, Empty] {
        let id = TransactionalId::new(Metadata::loaded(value(state, 5)));
        let domains = Domains::default();
        assert_eq!(decide_v2(&id, pair(PID, 6), ABORT, &domains), Err(ProducerFenced));
        assert_eq!(decide_v2(&id, pair(PID, 3), ABORT, &domains), Err(ProducerFenced));
        assert_eq!(decide_v2(&id, pair(PID + 1, 5), ABORT, &domains), Err(InvalidProducerIdMapping));
    }
    let mut h = Harness::fresh(2);
    assert_eq!(at_once(&mut h, 5, pair(PID, 0), COMMIT), Some(Err(InvalidProducerIdMapping)), "no such id");
}

#[test]
fn version_5_checks_pending_first() {
    // KAFKA-18464 and KAFKA-18660: a commit followed by an empty abort at the new epoch must not fence the producer, and
    // the producer id may be about to change.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.ask_end(5, pair(PID, 5), COMMIT);
    for producer in [pair(PID, 6), pair(PID, 4), pair(PID + 1, 0)] {
        assert_eq!(at_once(&mut h, 5, producer, ABORT), Some(Err(ConcurrentTransactions)));
    }
}

#[test]
fn a_commit_is_answered_when_its_record_is_committed_and_before_any_marker() {
    // §3.6, trace B1.
    let mut h = Harness::loaded(2, value(Ongoing, 7));
    let conn = h.ask_end(5, pair(PID, 7), COMMIT);
    assert!(h.sent.is_empty() && !h.answers.contains_key(&conn));
    h.net.clear();
    h.commit();
    assert_eq!(h.ended(conn), Ok(pair(PID, 8)));
    assert!(matches!(h.net[0], Output::Respond(..)), "the answer goes first: {:?}", h.net);
    assert_eq!(h.marked(), [(NodeId(1), vec![data(0)]), (NodeId(2), vec![data(1)])]);
    let marker = h.sent[0].markers[0].clone();
    assert_eq!((marker.producer, marker.result), (pair(PID, 8), COMMIT));
    assert_eq!((marker.coordinator_epoch, marker.transaction_version), (EPOCH, 2));
    assert_eq!(h.state(), PrepareCommit);
    h.finish();
    assert_eq!(h.state(), CompleteCommit);
    assert_eq!(h.end(5, pair(PID, 7), COMMIT), Ok(pair(PID, 8)), "retry");
}

#[test]
fn below_version_5_the_epoch_stays_and_the_answer_has_no_pair() {
    // §3.5.
    let mut h = Harness::loaded(1, value(Ongoing, 7));
    assert_eq!(h.end(4, pair(PID, 7), ABORT), Ok(ProducerIdAndEpoch::NONE));
    let marker = h.sent[0].markers[0].clone();
    assert_eq!((marker.producer, marker.transaction_version), (pair(PID, 7), 0));
    h.finish();
    assert_eq!((h.state(), h.installed().producer), (CompleteAbort, pair(PID, 7)));
}

#[test]
fn an_empty_abort_bumps_the_epoch_and_completes_without_markers() {
    // §3.6, "Abort without partitions".
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        let conn = h.ask_end(5, pair(PID, 5), ABORT);
        h.settle_first(Ok(()));
        assert_eq!(h.ended(conn), Ok(pair(PID, 6)));
        assert_eq!((h.state(), h.installed().start_ms), (PrepareAbort, h.now.wall_ms));
        h.commit();
        assert_eq!(h.state(), CompleteAbort);
        assert!(h.sent.is_empty());
    }
}

#[test]
fn ending_at_an_exhausted_epoch_rotates_the_producer_id() {
    // §3.6, trace B6.
    let mut h = Harness::with(2, small(), &[value(Ongoing, 2)]);
    assert_eq!(h.end(5, pair(PID, 2), COMMIT), Ok(pair(FIRST_FRESH, 0)));
    assert!(h.sent.iter().flat_map(|s| &s.markers).all(|m| m.producer == pair(PID, 3)), "markers carry the old id");
    h.finish();
    let installed = h.installed();
    assert_eq!((installed.producer, installed.previous_producer_id), (pair(FIRST_FRESH, 0), PID));
    assert_eq!(h.end(5, pair(PID, 2), COMMIT), Ok(pair(FIRST_FRESH, 0)), "retry");
    assert_eq!(h.end(5, pair(PID, 2), ABORT), Err(InvalidTxnState));
    assert_eq!(h.init(pair(PID, 2)), Ok(pair(FIRST_FRESH, 0)), "lastEpoch stays EXH (§3.4)");
}

#[test]
fn the_retry_rule_of_the_rotation_ends_with_the_next_transition() {
    // §3.1: every transition sets prevPid.
    let mut h = Harness::with(2, small(), &[value(Ongoing, 2)]);
    let next = h.end(5, pair(PID, 2), COMMIT).expect("a pair");
    h.finish();
    assert_eq!(h.add(4, next, data(0)), None);
    assert_eq!(h.end(5, pair(PID, 2), COMMIT), Err(InvalidProducerIdMapping));
}

#[test]
fn the_rotation_survives_a_failover() {
    // KAFKA-20310: previous and next producer id are in the record.
    let mut h = Harness::with(2, small(), &[value(Ongoing, 2)]);
    assert_eq!(h.end(5, pair(PID, 2), COMMIT), Ok(pair(FIRST_FRESH, 0)));
    h.fail_over();
    h.finish();
    assert_eq!(h.installed().producer, pair(FIRST_FRESH, 0));
    h.fail_over();
    assert_eq!(h.end(5, pair(PID, 2), COMMIT), Ok(pair(FIRST_FRESH, 0)));
}

#[test]
fn an_abort_at_the_largest_epoch_goes_through_and_a_commit_does_not() {
    // §3.6: reachable only through old bugs.
    let mut h = Harness::with(2, small(), &[value(Ongoing, 3)]);
    assert_eq!(h.end(5, pair(PID, 3), COMMIT), Err(UnknownServerError));
    assert_eq!(h.end(5, pair(PID, 3), ABORT), Ok(pair(FIRST_FRESH, 0)));
    assert!(h.sent.iter().flat_map(|s| &s.markers).all(|m| m.producer == pair(PID, 3)));
}

#[test]
fn a_failed_prepare_leaves_the_transaction_open() {
    // §3.3 step 4.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    let conn = h.ask_end(5, pair(PID, 5), COMMIT);
    h.settle_first(Err(RequestTimedOut));
    assert_eq!(h.ended(conn), Err(CoordinatorNotAvailable));
    assert_eq!(h.installed(), value(Ongoing, 5));
    assert_eq!(h.end(5, pair(PID, 5), COMMIT), Ok(pair(PID, 6)));
}

#[test]
fn an_empty_id_is_refused() {
    // §1.8.
    let mut h = Harness::fresh(2);
    let conn = h.ask(EndTxnRequest { version: 5, transactional_id: "".into(), producer: pair(1, 1), result: COMMIT });
    assert_eq!(h.ended(conn), Err(InvalidRequest));
}
