//! §1.9 and §3.9.

use super::*;
use ErrorCode::*;
use TransactionState::*;

/// A committed decision about partitions 0 (broker 1) and 1 (broker 2), its markers on their way.
fn decided() -> Harness {
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    assert_eq!(h.end(5, pair(PID, 5), COMMIT), Ok(pair(PID, 6)));
    assert_eq!(h.marked(), [(NodeId(1), vec![data(0)]), (NodeId(2), vec![data(1)])]);
    h
}

fn channel(node: i32) -> Channel {
    Channel { to: NodeId(node), purpose: Purpose::TxnMarkers }
}

#[test]
fn the_complete_record_follows_the_last_marker() {
    // C2.
    let mut h = decided();
    h.answer_markers(None);
    assert!(h.uncommitted.is_empty());
    h.answer_markers(None);
    assert_eq!(h.uncommitted.len(), 1);
    assert_eq!(h.state(), PrepareCommit, "not before the record is committed");
    h.commit();
    assert_eq!(h.state(), CompleteCommit);
}

#[test]
fn retriable_errors_send_the_marker_again() {
    // §1.9, rows 3 and 6, 19, 20, 7, 56.
    for error in [
        UnknownTopicOrPartition,
        NotLeaderOrFollower,
        NotEnoughReplicas,
        NotEnoughReplicasAfterAppend,
        RequestTimedOut,
        KafkaStorageError,
    ] {
        let mut h = decided();
        let refused = h.answer_markers(Some(error));
        h.answer_markers(None);
        assert!(h.uncommitted.is_empty());
        h.advance(20);
        assert_eq!(h.sent[0].markers, refused.markers, "{error}");
        h.finish();
        assert_eq!(h.state(), CompleteCommit);
    }
}

#[test]
fn a_marker_goes_to_the_new_leader() {
    // §1.9: re-resolve leader, resend.
    let mut h = decided();
    h.answer_markers(Some(NotLeaderOrFollower));
    h.sent.clear();
    h.set_leader(data(0), Some(NodeId(2)));
    assert_eq!(h.marked(), [], "one request in flight: the first one to broker 2 is not answered");
    let first = SentMarkers { to: NodeId(2), correlation: 1, markers: Vec::new() };
    h.respond(&first, WriteTxnMarkersResponse { markers: vec![(PID, vec![(data(1), None)])] });
    assert_eq!(h.marked(), [(NodeId(2), vec![data(0)])]);
}

#[test]
fn fencing_errors_give_the_transaction_up_until_the_partition_is_loaded_again() {
    // §1.9, row 47 and 52.
    for error in [InvalidProducerEpoch, TransactionCoordinatorFenced] {
        let mut h = decided();
        h.answer_markers(Some(error));
        h.answer_markers(None);
        assert!(h.uncommitted.is_empty(), "no Complete record");
        assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(ConcurrentTransactions));
        h.fail_over();
        h.finish();
        assert_eq!(h.state(), CompleteCommit);
    }
}

#[test]
fn some_errors_count_as_done() {
    // §1.9, row 43, 35.
    for error in [UnsupportedForMessageFormat, UnsupportedVersion] {
        let mut h = decided();
        h.answer_markers(Some(error));
        h.answer_markers(None);
        h.commit();
        assert_eq!(h.state(), CompleteCommit);
    }
}

#[test]
fn unexpected_errors_drop_the_rest_of_the_response() {
    // §1.9, last row: the id stays pending.
    for error in [CorruptMessage, MessageTooLarge, RecordListTooLarge, InvalidRequiredAcks, InvalidRecord] {
        let mut h = decided();
        h.answer_markers(Some(error));
        h.answer_markers(None);
        h.advance(1_000);
        assert!(h.sent.is_empty() && h.uncommitted.is_empty());
        assert_eq!(h.end(5, pair(PID, 5), COMMIT), Err(ConcurrentTransactions));
    }
}

#[test]
fn a_deleted_partition_needs_no_marker() {
    // §1.9, below the table.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.image.topics.pop();
    assert_eq!(h.end(5, pair(PID, 5), COMMIT), Ok(pair(PID, 6)));
    assert!(h.sent.is_empty());
    assert_eq!(h.state(), CompleteCommit);
}

#[test]
fn an_offline_partition_waits_for_its_leader() {
    // KAFKA-20734: offline is not deleted.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.set_leader(data(1), None);
    assert_eq!(h.end(5, pair(PID, 5), COMMIT), Ok(pair(PID, 6)));
    h.answer_markers(None);
    h.advance(60_000);
    assert!(h.sent.is_empty() && h.uncommitted.is_empty());
    assert_eq!(h.state(), PrepareCommit);
    h.set_leader(data(1), Some(NodeId(1)));
    assert_eq!(h.marked(), [(NodeId(1), vec![data(1)])]);
    h.finish();
    assert_eq!(h.state(), CompleteCommit);
}

#[test]
fn a_fenced_or_unregistered_leader_counts_as_none() {
    // §1.9: no usable leader endpoint.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.image.brokers.remove(&NodeId(2));
    assert_eq!(h.end(5, pair(PID, 5), COMMIT), Ok(pair(PID, 6)));
    assert_eq!(h.marked(), [(NodeId(1), vec![data(0)])]);
}

#[test]
fn all_markers_that_wait_for_a_broker_go_into_one_request() {
    // §3.9.
    let mut h = decided();
    let other = h.ask(InitProducerIdRequest {
        version: 5,
        transactional_id: Some("u".into()),
        transaction_timeout_ms: 60_000,
        producer: ProducerIdAndEpoch::NONE,
    });
    h.commit();
    let other = h.init_answer(other).expect("a pair");
    let third = AddPartitionsTransaction {
        transactional_id: "u".into(),
        producer: other,
        verify_only: false,
        partitions: vec![data(2)],
    };
    h.ask(AddPartitionsToTxnRequest { version: 4, transactions: vec![third] });
    h.commit();
    h.ask(EndTxnRequest { version: 5, transactional_id: "u".into(), producer: other, result: ABORT });
    h.commit();
    assert_eq!(h.sent.len(), 2, "broker 2 has a request in flight");
    h.answer_markers(None);
    // Meanwhile the first one is refused and waits, too.
    h.answer_markers(Some(NotEnoughReplicas));
    assert_eq!(h.sent.len(), 1);
    h.answer_markers(Some(NotEnoughReplicas));
    h.advance(20);
    assert_eq!(h.sent.len(), 1);
    assert_eq!(h.sent[0].markers.len(), 2);
    h.finish();
    assert!(h.coordinator.transactions().iter().all(|(_, v)| matches!(v.state, CompleteCommit | CompleteAbort)));
}

#[test]
fn a_lost_connection_sends_the_same_markers_again_after_a_pause() {
    // §3.9: to possibly new leaders.
    let mut h = decided();
    let lost = h.sent.pop_front().expect("a request to broker 1");
    h.run(|c, turn| c.net(turn, NetInput::Disconnected(channel(1))));
    h.advance(99);
    assert_eq!(h.sent.len(), 1, "only the one to broker 2");
    h.advance(1);
    assert_eq!(h.sent[1].markers, lost.markers);
    h.respond(&lost, WriteTxnMarkersResponse { markers: vec![(PID, vec![(data(0), None)])] });
    assert_eq!(h.sent.len(), 2, "the answer to a request that was given up says nothing");
    h.finish();
    assert_eq!(h.state(), CompleteCommit);
}

#[test]
fn a_silent_broker_is_given_up_after_the_request_time_out() {
    // §3.9; request.timeout.ms.
    let mut h = decided();
    h.sent.clear();
    h.net.clear();
    h.advance(30_000);
    assert_eq!(h.net.iter().filter(|o| matches!(o, Output::Close(_))).count(), 2);
    h.set_leader(data(0), Some(NodeId(2)));
    h.advance(100);
    let mut marked = h.marked();
    marked.sort();
    assert_eq!(marked, [(NodeId(1), vec![data(0)]), (NodeId(2), vec![data(1)])]);
}

#[test]
fn a_connection_that_cannot_be_made_is_given_up_and_its_markers_go_to_the_new_leader() {
    // §1.9, below the table: a dead but registered leader yields disconnects and re-resolution.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    h.connects = false;
    assert_eq!(h.end(5, pair(PID, 5), COMMIT), Ok(pair(PID, 6)));
    assert!(h.sent.is_empty());
    h.image.topics[2].partitions[0].leader = Some(NodeId(2));
    h.net.clear();
    h.advance(10_000);
    assert!(h.net.contains(&Output::Close(channel(1))));
    h.connects = true;
    h.advance(100);
    assert_eq!(h.marked(), [(NodeId(2), vec![data(0)]), (NodeId(2), vec![data(1)])]);
}

#[test]
fn a_complete_record_is_written_again_while_the_log_is_not_available() {
    // §3.9: on 15 retried, pending kept.
    let mut h = decided();
    h.answer_markers(None);
    h.answer_markers(None);
    h.refuse(NotEnoughReplicas);
    assert_eq!(h.init(ProducerIdAndEpoch::NONE), Err(ConcurrentTransactions));
    h.advance(100);
    h.settle_first(Err(RequestTimedOut));
    h.advance(100);
    h.commit();
    assert_eq!(h.state(), CompleteCommit);
}

#[test]
fn a_complete_record_is_dropped_when_the_partition_has_moved() {
    // §3.9: on 14/16 dropped.
    let mut h = decided();
    h.answer_markers(None);
    h.answer_markers(None);
    h.run(|c, turn| c.resigned(turn, 0));
    h.settle_first(Err(NotLeaderOrFollower));
    h.advance(10_000);
    assert!(h.uncommitted.is_empty());
}
