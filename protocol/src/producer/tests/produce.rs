//! The table of §5.4: every answer to Produce, in both columns.

use super::*;
use ErrorCode::*;

/// What becomes of a batch after an answer.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Fate {
    Retried,
    /// Retried with a new epoch.
    RetriedBumped,
    Failed,
    /// Failed, and an idempotent producer's epoch is bumped.
    FailedBumped,
    Abortable,
    Fatal,
    Acked,
}

use Fate::*;

fn fate(b: &mut Bench, code: ErrorCode) -> Fate {
    b.send(1, 0).unwrap();
    let (asked, first) = b.take_batch();
    b.produced(&asked, Some(code), -1, -1);
    let events = b.events();
    let bumped = events.iter().any(|e| matches!(e, ProducerEvent::EpochChanged(_)));
    let delivered = events.iter().find_map(|e| match e {
        ProducerEvent::Delivered { result, .. } => Some(*result),
        _ => None,
    });
    match (b.p.state(), delivered) {
        (ProducerState::FatalError, Some(Err(_))) => Fatal,
        (ProducerState::AbortableError, Some(Err(_))) => Abortable,
        (_, Some(Err(_))) if bumped => FailedBumped,
        (_, Some(Err(_))) => Failed,
        (_, Some(Ok((_, offset)))) => {
            assert_eq!(offset, -1);
            Acked
        }
        (_, None) => {
            b.advance(100);
            let (_, again) = b.take_batch();
            assert_eq!(again.payload, first.payload);
            if bumped {
                assert_eq!(id(&again), (pid(7, 1), 0));
                RetriedBumped
            } else {
                assert_eq!(id(&again), id(&first));
                Retried
            }
        }
    }
}

const RETRIABLE: [ErrorCode; 16] = [
    CorruptMessage,
    UnknownTopicOrPartition,
    LeaderNotAvailable,
    NotLeaderOrFollower,
    RequestTimedOut,
    NetworkException,
    CoordinatorLoadInProgress,
    CoordinatorNotAvailable,
    NotCoordinator,
    NotEnoughReplicas,
    NotEnoughReplicasAfterAppend,
    ConcurrentTransactions,
    KafkaStorageError,
    FencedLeaderEpoch,
    UnknownLeaderEpoch,
    UnknownTopicId,
];

#[test]
fn answers_to_an_idempotent_producer() {
    // §5.4, first column
    let react = |code| fate(&mut Bench::idempotent(&[]), code);
    for code in RETRIABLE {
        assert_eq!(react(code), Retried, "{code}");
    }
    for code in [InvalidProducerIdMapping, ProducerFenced, TransactionalIdAuthorizationFailed] {
        assert_eq!(react(code), Fatal, "{code}");
    }
    for code in [ClusterAuthorizationFailed, UnsupportedVersion] {
        assert_eq!(react(code), Fatal, "{code}");
    }
    for code in [InvalidProducerEpoch, InvalidTxnState, TransactionAbortable] {
        assert_eq!(react(code), FailedBumped, "{code}");
    }
    for code in [TopicAuthorizationFailed, InvalidRecord, RecordListTooLarge, MessageTooLarge, UnknownServerError] {
        assert_eq!(react(code), FailedBumped, "{code}");
    }
    assert_eq!(react(OutOfOrderSequenceNumber), RetriedBumped, "its base is next: there is a gap");
    assert_eq!(react(UnknownProducerId), Retried, "log start offset unknown");
    assert_eq!(react(DuplicateSequenceNumber), Acked);
}

#[test]
fn answers_to_a_transactional_producer() {
    // §5.4, second column
    let react = |code| fate(&mut Bench::in_transaction(2, &[]), code);
    for code in RETRIABLE {
        assert_eq!(react(code), Retried, "{code}");
    }
    for code in [InvalidProducerIdMapping, ProducerFenced, TransactionalIdAuthorizationFailed] {
        assert_eq!(react(code), Fatal, "{code}");
    }
    for code in [ClusterAuthorizationFailed, UnsupportedVersion] {
        assert_eq!(react(code), Fatal, "{code}");
    }
    for code in [InvalidProducerEpoch, InvalidTxnState, TransactionAbortable, OutOfOrderSequenceNumber] {
        assert_eq!(react(code), Abortable, "{code}");
    }
    for code in [TopicAuthorizationFailed, InvalidRecord, RecordListTooLarge, MessageTooLarge, UnknownServerError] {
        assert_eq!(react(code), Abortable, "{code}");
    }
    assert_eq!(react(UnknownProducerId), Retried, "log start offset unknown");
    assert_eq!(react(DuplicateSequenceNumber), Acked);
}

#[test]
fn answers_to_a_producer_without_idempotence() {
    let react = |code| fate(&mut Bench::plain(&[("acks", "1")]), code);
    for code in RETRIABLE {
        assert_eq!(react(code), Retried, "{code}");
    }
    for code in [OutOfOrderSequenceNumber, ProducerFenced, InvalidRecord] {
        assert_eq!(react(code), Failed, "{code}");
    }
}

#[test]
fn used_up_retries_make_a_transaction_abortable() {
    // §5.4: retriable errors that reach the application are wrapped
    let mut b = Bench::in_transaction(2, &[("retries", "1")]);
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.refused(&asked, NotEnoughReplicas);
    b.advance(100);
    let (asked, _) = b.take_batch();
    b.refused(&asked, NotEnoughReplicas);
    assert_eq!(b.delivered(), [(1, Err(definite(DeliveryErrorKind::Code(NotEnoughReplicas))))]);
    assert_eq!(b.commit(), Err(ProducerError::Abortable(TransactionAbortable)));
}

#[test]
fn a_certain_failure_takes_its_sequences_back() {
    // §5.4: nextSeq and later in-flight batches shift down
    let mut b = Bench::in_transaction(2, &[]);
    for token in 1..=3 {
        b.send(token, 0).unwrap();
    }
    let (first, _) = b.take_batch();
    let (second, batch) = b.take_batch();
    let (third, _) = b.take_batch();
    assert_eq!(batch.base_sequence, 1);
    b.refused(&first, InvalidRecord);
    b.refused(&second, OutOfOrderSequenceNumber);
    b.refused(&third, OutOfOrderSequenceNumber);
    b.advance(100);
    let (_, again) = b.take_batch();
    assert_eq!((again.base_sequence, again.payload), (0, batch.payload));
}

#[test]
fn used_up_retries_do_not_take_sequences_back() {
    // §5.4: unless the retries count is used up
    let mut b = Bench::in_transaction(2, &[("retries", "1")]);
    b.send(1, 0).unwrap();
    b.send(2, 0).unwrap();
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    b.refused(&first, RequestTimedOut);
    b.refused(&second, OutOfOrderSequenceNumber);
    b.advance(100);
    let (first, _) = b.take_batch();
    b.refused(&first, InvalidRecord);
    let (_, again) = b.take_batch();
    assert_eq!(again.base_sequence, 1);
}

#[test]
fn a_gap_before_a_batch_is_a_plain_retry() {
    // §5.4, 45: base seq ≠ lastAcked + 1
    let mut b = Bench::idempotent(&[]);
    b.send(1, 0).unwrap();
    b.send(2, 0).unwrap();
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    b.refused(&second, OutOfOrderSequenceNumber);
    b.acked(&first, 0);
    b.advance(100);
    let (_, again) = b.take_batch();
    assert_eq!(id(&again), (pid(7, 0), 1));
}

#[test]
fn unknown_producer_id_with_the_head_of_the_log_gone_restarts_sequences() {
    // §5.4, 59, transactional
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.acked(&asked, 10);
    b.send(2, 0).unwrap();
    let (asked, batch) = b.take_batch();
    assert_eq!(batch.base_sequence, 1);
    b.produced(&asked, Some(UnknownProducerId), -1, 11);
    b.advance(100);
    let (_, again) = b.take_batch();
    assert_eq!(id(&again), (pid(7, 0), 0));
}

#[test]
fn unknown_producer_id_without_truncation_fails_the_transaction() {
    // §5.4, 59, transactional: else fail → abortable
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (asked, _) = b.take_batch();
    b.acked(&asked, 10);
    b.send(2, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.produced(&asked, Some(UnknownProducerId), -1, 0);
    assert_eq!(b.p.state(), ProducerState::AbortableError);
}

#[test]
fn unknown_producer_id_bumps_an_idempotent_producer() {
    // §5.4, 59, idempotent
    let mut b = Bench::idempotent(&[]);
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.produced(&asked, Some(UnknownProducerId), -1, 0);
    b.advance(100);
    assert_eq!(id(&b.take_batch().1), (pid(7, 1), 0));
}

#[test]
fn a_batch_that_is_too_large_is_split_over_its_sequences() {
    // §5.4, 10
    let mut b = Bench::idempotent(&[("linger.ms", "10")]);
    for token in 1..=4 {
        b.send(token, 0).unwrap();
    }
    b.advance(10);
    let (asked, whole) = b.take_batch();
    assert_eq!(whole.records().len(), 4);
    b.refused(&asked, MessageTooLarge);
    let (first, head) = b.take_batch();
    assert_eq!((id(&head), head.records().len()), ((pid(7, 0), 0), 2));
    assert!(b.asked.is_empty(), "in recovery one batch at a time");
    b.acked(&first, 0);
    let (second, tail) = b.take_batch();
    assert_eq!((id(&tail), tail.records().len()), ((pid(7, 0), 2), 2));
    b.acked(&second, 2);
    assert_eq!(b.delivered(), [(1, Ok(0)), (2, Ok(1)), (3, Ok(2)), (4, Ok(3))]);
    b.send(5, 0).unwrap();
    b.advance(10);
    assert_eq!(b.take_batch().1.base_sequence, 4);
}

#[test]
fn acks_0_is_over_with_sending() {
    let mut b = Bench::plain(&[("acks", "0")]);
    for token in 1..=10 {
        b.send(token, 0).unwrap();
    }
    assert_eq!(b.delivered().len(), 10);
    let (_, request) = b.take_produce();
    assert_eq!((request.acks, request.partitions[0].batch.producer_id), (Acks::None, NO_PRODUCER_ID));
}

#[test]
fn certainty_is_lost_with_an_attempt_of_unknown_outcome() {
    let mut b = Bench::idempotent(&[("retries", "1")]);
    b.send(1, 0).unwrap();
    b.disconnect(1);
    b.advance(200);
    let (asked, _) = b.take_batch();
    b.refused(&asked, NotEnoughReplicas);
    assert_eq!(b.delivered(), [(1, Err(unknown(DeliveryErrorKind::Code(NotEnoughReplicas))))]);
}

#[test]
fn a_named_leader_is_followed_without_back_off() {
    // §1.6 (v10+), §5.5: the delay is skipped once when the leader changed
    let mut b = Bench::idempotent(&[]);
    b.leaders[0] = (Some(2), 1);
    b.send(9, 3).unwrap(); // a connection to broker 2
    b.take_batch();
    b.send(1, 0).unwrap();
    let (asked, batch) = b.take_batch();
    let answer = ProducePartitionResponse {
        tp: tp(0),
        error: Some(NotLeaderOrFollower),
        base_offset: -1,
        log_start_offset: -1,
        current_leader: Some((NodeId(2), 1)),
    };
    b.answer(&asked, ProduceResponse { partitions: vec![answer] });
    let (again, same) = b.take_batch();
    assert_eq!((again.channel.to, id(&same)), (NodeId(2), id(&batch)));
    b.refused(&again, NotEnoughReplicas);
    assert!(b.asked.is_empty(), "once");
}

#[test]
fn errors_of_leadership_refresh_the_metadata() {
    // §5.5
    let mut b = Bench::idempotent(&[]);
    b.advance(1000);
    let before = b.metadata_requests;
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.leaders[0] = (Some(2), 1);
    b.refused(&asked, NotLeaderOrFollower);
    assert_eq!(b.metadata_requests, before + 1);
    let (again, _) = b.take_batch();
    assert_eq!(again.channel.to, NodeId(2));
}
