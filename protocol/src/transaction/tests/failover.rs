//! §3.3 and §3.10.

use super::*;
use ErrorCode::*;
use TransactionState::*;

#[test]
fn requests_see_14_while_the_partition_is_loaded_and_16_where_it_is_not_owned() {
    // §3.10.
    let mut h = Harness::empty(2, Domains::default());
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(NotCoordinator));
    h.elect(EPOCH);
    let producer = pair(PID, 5);
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(CoordinatorLoadInProgress));
    assert_eq!(h.add(4, producer, data(0)), Some(CoordinatorLoadInProgress));
    assert_eq!(h.verify(producer, data(0)), Some(CoordinatorLoadInProgress));
    assert_eq!(h.end(5, producer, COMMIT), Err(CoordinatorLoadInProgress));
    h.load();
    assert_eq!(h.end(5, producer, COMMIT), Err(InvalidProducerIdMapping));
}

#[test]
fn the_last_record_of_an_id_wins() {
    // §3.10.
    let h = Harness::with(2, Domains::default(), &[value(Ongoing, 5), value(CompleteCommit, 6), value(Empty, 7)]);
    assert_eq!(h.installed(), value(Empty, 7));
}

#[test]
fn a_prepared_transaction_is_resumed_with_all_its_markers() {
    // §3.10, C8; transactionVersion 2 survives (§3.9).
    for (state, result, complete) in [(PrepareCommit, COMMIT, CompleteCommit), (PrepareAbort, ABORT, CompleteAbort)] {
        let mut h = Harness::loaded(2, value(state, 8));
        assert_eq!(h.marked(), [(NodeId(1), vec![data(0)]), (NodeId(2), vec![data(1)])]);
        let marker = h.sent[0].markers[0].clone();
        assert_eq!((marker.producer, marker.result, marker.transaction_version), (pair(PID, 8), result, 2));
        assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(ConcurrentTransactions), "Complete is pending");
        h.answer_markers(None);
        // Another failover: which markers were acknowledged is not persisted.
        h.fail_over();
        assert_eq!(h.marked(), [(NodeId(1), vec![data(0)]), (NodeId(2), vec![data(1)])]);
        assert!(h.sent.iter().flat_map(|s| &s.markers).all(|m| m.coordinator_epoch == EPOCH + 1));
        h.finish();
        assert_eq!(h.state(), complete);
    }
}

#[test]
fn other_states_stay_as_they_are() {
    // §3.10, C8.
    for state in [Empty, Ongoing, CompleteCommit, CompleteAbort] {
        let h = Harness::loaded(2, value(state, 8));
        assert!(h.sent.is_empty() && h.uncommitted.is_empty());
        assert_eq!(h.installed(), value(state, 8));
    }
}

#[test]
fn the_clock_of_an_open_transaction_goes_on() {
    // §3.7: startTime is persisted.
    let mut h = Harness::loaded(2, value(Ongoing, 8));
    h.advance(55_000);
    h.fail_over();
    h.advance(10_000);
    assert_eq!(h.uncommitted.len(), 1);
}

#[test]
fn a_record_committed_after_resignation_is_not_installed() {
    // §3.3 step 3: 16.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    let conn = h.ask_end(5, pair(PID, 5), COMMIT);
    h.run(|c, turn| c.resigned(turn, 0));
    h.commit();
    assert_eq!(h.ended(conn), Err(NotCoordinator));
    assert!(h.sent.is_empty());
}

#[test]
fn a_record_committed_while_loading_again_is_answered_14() {
    // §3.3 step 3.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    let conn = h.ask_end(5, pair(PID, 5), COMMIT);
    h.elect(EPOCH + 1);
    h.commit();
    assert_eq!(h.ended(conn), Err(CoordinatorLoadInProgress));
    h.load();
    assert_eq!(h.marked().len(), 2, "the record was in the log: the loader resumes it");
}

#[test]
fn a_record_of_an_earlier_epoch_is_not_installed_at_the_next_one() {
    // §3.3 step 3: the SAME coordinator epoch.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    let first = h.ask_end(5, pair(PID, 5), COMMIT);
    h.elect(EPOCH + 1);
    h.load();
    let second = h.ask_end(5, pair(PID, 5), ABORT);
    h.settle_first(Ok(()));
    assert_eq!(h.ended(first), Err(NotCoordinator));
    assert_eq!(h.state(), Ongoing);
    h.settle_first(Err(NotEnoughReplicas));
    assert_eq!(h.ended(second), Err(CoordinatorNotAvailable));
}

#[test]
fn a_failure_of_an_earlier_epoch_does_not_clear_what_is_pending_at_the_next_one() {
    // §3.3 step 4.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.ask_end(5, pair(PID, 5), COMMIT);
    h.elect(EPOCH + 1);
    h.load();
    h.ask_end(5, pair(PID, 5), ABORT);
    h.settle_first(Err(NotLeaderOrFollower));
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(ConcurrentTransactions));
}

#[test]
fn answers_to_markers_of_an_earlier_epoch_are_dropped() {
    // §3.9: every callback first compares coordinator epochs.
    let mut h = Harness::loaded(2, value(PrepareCommit, 8));
    h.elect(EPOCH + 1);
    h.load();
    assert_eq!(h.sent.len(), 2, "one request in flight on each connection");
    h.answer_markers(None);
    h.answer_markers(None);
    assert!(h.uncommitted.is_empty(), "the old answers settled nothing");
    h.finish();
    assert_eq!(h.state(), CompleteCommit);
}

#[test]
fn resignation_drops_the_markers_that_wait() {
    // §3.10.
    let mut h = Harness::loaded(2, value(PrepareCommit, 8));
    h.answer_markers(Some(NotEnoughReplicas));
    h.run(|c, turn| c.resigned(turn, 0));
    h.answer_markers(Some(NotEnoughReplicas));
    h.advance(60_000);
    assert!(h.sent.is_empty());
    assert_eq!(h.coordinator.poll_timeout(), Instant::NEVER, "nothing is left to do");
}

#[test]
fn a_load_for_an_earlier_epoch_is_ignored() {
    // §3.10.
    let mut h = Harness::empty(2, Domains::default());
    h.elect(EPOCH);
    h.elect(EPOCH + 1);
    h.run(|c, turn| c.loaded(turn, 0, EPOCH, core::iter::empty()));
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(CoordinatorLoadInProgress));
}

#[test]
fn markers_that_wait_are_dropped_at_the_next_election() {
    // §3.10: drop old queues for the partition.
    let mut h = Harness::empty(2, Domains::default());
    h.connects = false;
    h.log = Harness::loaded(2, value(PrepareCommit, 8)).log;
    h.elect(EPOCH);
    h.load();
    h.elect(EPOCH + 1);
    h.load();
    for node in [1, 2] {
        let channel = Channel { to: NodeId(node), purpose: Purpose::TxnMarkers };
        h.run(|c, turn| c.net(turn, NetInput::Connected(channel)));
    }
    let epochs: Vec<_> = h.sent.iter().flat_map(|s| &s.markers).map(|m| m.coordinator_epoch).collect();
    assert_eq!(epochs, [EPOCH + 1, EPOCH + 1]);
}

#[test]
fn markers_in_flight_at_the_next_election_are_not_sent_again() {
    // §3.9: after a disconnect, too, coordinator epochs are compared first.
    let mut h = Harness::loaded(2, value(PrepareCommit, 8));
    h.elect(EPOCH + 1);
    h.load();
    h.sent.clear();
    for node in [1, 2] {
        let channel = Channel { to: NodeId(node), purpose: Purpose::TxnMarkers };
        h.run(|c, turn| c.net(turn, NetInput::Disconnected(channel)));
    }
    h.advance(100);
    let epochs: Vec<_> = h.sent.iter().flat_map(|s| &s.markers).map(|m| m.coordinator_epoch).collect();
    assert_eq!(epochs, [EPOCH + 1, EPOCH + 1]);
}
