//! §5.6: epoch bumps.

use super::*;
use ErrorCode::*;

#[test]
fn a_local_bump_rewrites_what_is_in_flight_and_says_whose_outcome_was_unknown() {
    // §5.6
    let mut b = Bench::idempotent(&[]);
    for token in 1..=3 {
        b.send(token, 0).unwrap();
    }
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    let (third, _) = b.take_batch();
    b.refused(&second, OutOfOrderSequenceNumber);
    b.refused(&first, OutOfOrderSequenceNumber);
    assert_eq!(
        b.events(),
        [
            ProducerEvent::EpochChanged(pid(7, 1)),
            ProducerEvent::LocalEpochBump { tp: tp(0), rewritten_tokens_of_unknown_outcome: vec![3] }
        ]
    );
    b.refused(&third, OutOfOrderSequenceNumber);
    assert!(b.events().is_empty(), "already rewritten: plain retry");
    for sequence in 0..3 {
        b.advance(100);
        let (asked, batch) = b.take_batch();
        assert_eq!(id(&batch), (pid(7, 1), sequence));
        b.acked(&asked, 0);
    }
}

#[test]
fn other_partitions_change_epoch_when_nothing_of_the_old_one_is_in_flight() {
    // §5.6, §5.5 (a)
    let mut b = Bench::idempotent(&[]);
    b.send(1, 1).unwrap();
    let (other, batch) = b.take_batch();
    assert_eq!(id(&batch), (pid(7, 0), 0));
    b.send(2, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.refused(&asked, InvalidRecord);
    assert_eq!(b.p.producer_id_and_epoch(), pid(7, 1));
    b.send(3, 1).unwrap();
    assert!(b.asked.is_empty(), "old-epoch batches are in flight");
    b.acked(&other, 0);
    assert_eq!(id(&b.take_batch().1), (pid(7, 1), 0));
}

#[test]
fn an_exhausted_local_epoch_asks_for_a_new_producer_id() {
    // §5.6
    let domains = Domains { max_epoch: 1, ..Domains::default() };
    let mut b = Bench::with(config(&[]), domains, 2);
    b.handle_timeout();
    b.answer_init(pid(7, 1));
    b.send(1, 0).unwrap();
    b.send(2, 0).unwrap();
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    b.events();
    b.refused(&first, OutOfOrderSequenceNumber);
    assert_eq!(b.events(), [ProducerEvent::EpochChanged(ProducerIdAndEpoch::NONE)]);
    b.refused(&second, OutOfOrderSequenceNumber);
    b.advance(1000);
    assert_eq!(b.kinds(), [ApiKey::InitProducerId], "nothing is drained without an id");
    let request = b.answer_init(pid(8, 0));
    assert_eq!((request.transactional_id, request.producer), (None, ProducerIdAndEpoch::NONE));
    assert_eq!(id(&b.take_batch().1), (pid(8, 0), 0));
}

#[test]
fn sequences_wrap() {
    // §5.7: where Java's client forgets the wrap, this one does not
    let domains = Domains { max_sequence: 7, ..Domains::default() };
    let mut b = Bench::with(config(&[]), domains, 2);
    b.handle_timeout();
    b.answer_init(pid(7, 0));
    for token in 0..21 {
        b.send(token, 0).unwrap();
        b.send(token, 0).unwrap();
        let (first, batch) = b.take_batch();
        assert_eq!(batch.base_sequence, (token as i32 * 2) % 8);
        let (second, _) = b.take_batch();
        b.refused(&second, OutOfOrderSequenceNumber);
        b.acked(&first, 0);
        b.advance(100);
        let (second, batch) = b.take_batch();
        assert_eq!(batch.base_sequence, (token as i32 * 2 + 1) % 8);
        b.acked(&second, 0);
    }
    assert_eq!(b.p.producer_id_and_epoch(), pid(7, 0));
    b.send(99, 0).unwrap();
    let (next, _) = b.take_batch();
    b.refused(&next, OutOfOrderSequenceNumber);
    assert_eq!(b.p.producer_id_and_epoch(), pid(7, 1), "it was the next one after all: a real gap");
}

#[test]
fn an_idempotent_producer_refused_an_id_asks_again() {
    // §5.1: ABORTABLE_ERROR only in passing after 31
    let mut b = Bench::with(config(&[]), Domains::default(), 2);
    b.handle_timeout();
    b.send(1, 0).unwrap();
    b.answer_next(ApiKey::InitProducerId, InitProducerIdResponse { result: Err(ClusterAuthorizationFailed) });
    assert_eq!(b.delivered(), [(1, Err(definite(DeliveryErrorKind::Code(ClusterAuthorizationFailed))))]);
    b.answer_init(pid(7, 0));
    assert_eq!(b.p.state(), ProducerState::Ready);
}

#[test]
fn a_need_to_bump_that_arises_during_the_abort_is_met_after_it() {
    // §5.6, §5.7. Java's client stays in INITIALIZING here.
    let mut b = Bench::in_transaction(1, &[("delivery.timeout.ms", "30000")]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (asked, _) = b.take_batch();
    b.abort().unwrap();
    b.refused(&asked, RequestTimedOut);
    b.advance(100);
    b.take_batch();
    b.advance(29_900);
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
    b.answer_end(None, ProducerIdAndEpoch::NONE);
    b.answer_init(pid(7, 1));
    assert_eq!(b.p.state(), ProducerState::Ready);
    assert_eq!(b.events().last(), Some(&ProducerEvent::Aborted(Ok(()))));
}
