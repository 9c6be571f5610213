//! §3.7.

use super::*;
use ErrorCode::*;
use TransactionState::*;

/// An open transaction of epoch 7 that began at wall time 0 with a time-out of 60 s, after the sweep that finds it.
fn timed_out(tv: u8) -> Harness {
    let mut h = Harness::loaded(tv, value(Ongoing, 7));
    h.advance(10_000);
    assert_eq!(h.state(), Ongoing);
    h.advance(60_000);
    h.commit();
    assert_eq!((h.state(), h.installed().producer), (PrepareAbort, pair(PID, 8)));
    h
}

#[test]
fn a_timed_out_producer_below_version_2_is_fenced_for_good() {
    // §3.7, column TV1.
    let mut h = timed_out(1);
    for _ in 0..2 {
        assert_eq!(
            h.add(3, pair(PID, 7), data(2)),
            Some(if h.state() == PrepareAbort { ConcurrentTransactions } else { ProducerFenced })
        );
        assert_eq!(h.end(4, pair(PID, 7), ABORT), Err(ProducerFenced));
        assert_eq!(h.end(4, pair(PID, 7), COMMIT), Err(ProducerFenced));
        h.finish();
    }
}

#[test]
fn a_timed_out_producer_of_version_2_aborts_and_goes_on() {
    // §3.7, column TV2, ABORT.
    let mut h = timed_out(2);
    assert_eq!(h.end(5, pair(PID, 7), ABORT), Err(ConcurrentTransactions));
    h.finish();
    assert_eq!(h.end(5, pair(PID, 7), ABORT), Ok(pair(PID, 8)));
    assert_eq!(h.add(4, pair(PID, 8), data(0)), None);
}

#[test]
fn a_timed_out_commit_of_version_2_is_refused() {
    // §3.7, column TV2, COMMIT; adds of the fenced epoch see 90.
    let mut h = timed_out(2);
    assert_eq!(h.end(5, pair(PID, 7), COMMIT), Err(ConcurrentTransactions));
    h.finish();
    assert_eq!(h.end(5, pair(PID, 7), COMMIT), Err(InvalidTxnState));
    assert_eq!(h.add(4, pair(PID, 7), data(2)), Some(ProducerFenced));
}

#[test]
fn a_time_out_at_an_exhausted_epoch_rotates_and_its_producer_goes_on() {
    // KAFKA-20090.
    let mut h = Harness::with(2, small(), &[value(Ongoing, 2)]);
    h.advance(70_000);
    h.finish();
    assert_eq!((h.state(), h.installed().producer), (CompleteAbort, pair(FIRST_FRESH, 0)));
    assert_eq!(h.end(5, pair(PID, 2), ABORT), Ok(pair(FIRST_FRESH, 0)));
}

#[test]
fn the_time_out_is_exclusive_and_counted_from_the_first_partition() {
    // §3.7: startTime + timeoutMs < now.
    let mut open = value(Ongoing, 7);
    open.start_ms = 1_000;
    let mut h = Harness::loaded(2, open);
    h.advance(60_000);
    assert!(h.uncommitted.is_empty(), "at 61 s it is not yet late");
    h.advance(10_000);
    assert_eq!(h.uncommitted.len(), 1);
}

#[test]
fn a_time_out_touches_only_open_transactions_without_a_pending_transition() {
    // §3.7, C10.
    for state in [Empty, PrepareCommit, PrepareAbort, CompleteCommit, CompleteAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        h.advance(70_000);
        assert!(h.uncommitted.is_empty(), "{state:?}");
    }
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.ask_end(5, pair(PID, 5), COMMIT);
    h.advance(70_000);
    assert_eq!(h.uncommitted.len(), 1, "only the commit");
}

#[test]
fn a_failed_abort_is_tried_again_by_the_next_sweep() {
    // §3.7, "+ retry on failure".
    let mut h = Harness::loaded(2, value(Ongoing, 7));
    h.advance(70_000);
    h.refuse(NotEnoughReplicas);
    assert_eq!(h.state(), Ongoing);
    h.advance(9_000);
    assert!(h.uncommitted.is_empty());
    h.advance(1_000);
    h.commit();
    assert_eq!(h.state(), PrepareAbort);
}

#[test]
fn a_stalled_sweep_comes_later() {
    // The background job is a thread like any other.
    let mut h = Harness::loaded(2, value(Ongoing, 7));
    h.coordinator.postpone_sweep(Span::from_secs(100));
    h.advance(109_000);
    assert!(h.uncommitted.is_empty());
    h.advance(1_000);
    assert_eq!(h.uncommitted.len(), 1);
}

fn expire(h: &mut Harness) {
    // A week and an hour later, in one step.
    h.advance(604_800_000 + 3_600_000);
}

#[test]
fn an_unused_id_expires_and_comes_back_as_another_producer() {
    // §3.7, id expiry.
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        expire(&mut h);
        let conn = h.ask_init(ProducerIdAndEpoch::NONE);
        assert_eq!(h.init_answer(conn), Err(ConcurrentTransactions), "the tombstone is pending");
        h.commit();
        assert_eq!(h.coordinator.transactions(), []);
        assert_eq!(h.end(5, pair(PID, 5), ABORT), Err(InvalidProducerIdMapping));
        assert_eq!(h.init(ProducerIdAndEpoch::NONE), Ok(pair(FIRST_FRESH, 0)));
    }
}

#[test]
fn an_id_in_use_does_not_expire() {
    // §3.7, id expiry: only Empty and Complete*.
    for state in [PrepareCommit, PrepareAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        expire(&mut h);
        assert!(h.uncommitted.is_empty(), "{state:?}");
    }
}

#[test]
fn a_failed_tombstone_leaves_the_id() {
    // §3.7: pending cleared on failure.
    let mut h = Harness::loaded(2, value(Empty, 5));
    expire(&mut h);
    h.refuse(NotEnoughReplicas);
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Ok(pair(PID, 6)));
}

#[test]
fn a_tombstone_deletes_the_id_at_loading() {
    // §3.10.
    let mut h = Harness::loaded(2, value(Empty, 5));
    expire(&mut h);
    h.commit();
    h.fail_over();
    assert_eq!(h.coordinator.transactions(), []);
}
