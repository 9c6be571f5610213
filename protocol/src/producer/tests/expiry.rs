//! §5.7: time limits.

use super::*;
use ErrorCode::*;

const SHORT: [(&str, &str); 2] = [("delivery.timeout.ms", "5000"), ("request.timeout.ms", "4000")];

/// A batch expires before any of its requests times out.
const EQUAL: [(&str, &str); 2] = [("delivery.timeout.ms", "5000"), ("request.timeout.ms", "5000")];

#[test]
fn a_batch_that_expires_before_it_is_drained_consumes_no_sequence() {
    // §5.7
    let mut b = Bench::idempotent(&SHORT);
    b.down.push(1);
    b.disconnect(1);
    b.send(1, 0).unwrap();
    b.advance(5000);
    assert_eq!(b.delivered(), [(1, Err(definite(DeliveryErrorKind::DeliveryTimeout)))]);
    b.down.clear();
    b.send(2, 0).unwrap();
    b.advance(1000);
    assert_eq!(id(&b.take_batch().1), (pid(7, 0), 0));
}

#[test]
fn a_request_that_times_out_takes_all_on_its_connection_with_it() {
    // §5.7: every produce request in flight on it counts as 7
    let mut b = Bench::idempotent(&SHORT);
    b.send(1, 0).unwrap();
    b.advance(3000);
    b.send(2, 1).unwrap();
    b.asked.clear();
    b.advance(1000);
    b.advance(100);
    let (_, request) = b.take_produce();
    assert_eq!(request.partitions.len(), 2);
    b.advance(900);
    assert_eq!(b.delivered(), [(1, Err(unknown(DeliveryErrorKind::DeliveryTimeout)))]);
}

/// Record 1 is retried and expires; record 2 was sent behind it. Both requests are on the wire.
fn expired_after_a_retry(b: &mut Bench) -> (Asked, Asked) {
    b.send(1, 0).unwrap();
    let (first, _) = b.take_batch();
    b.refused(&first, RequestTimedOut);
    b.advance(3000);
    let (first, _) = b.take_batch();
    b.send(2, 0).unwrap();
    let (second, batch) = b.take_batch();
    assert_eq!(batch.base_sequence, 1);
    b.advance(2000);
    assert_eq!(b.delivered(), [(1, Err(unknown(DeliveryErrorKind::DeliveryTimeout)))]);
    (first, second)
}

#[test]
fn nothing_new_is_drained_while_a_sequence_is_unresolved_and_a_harmless_gap_closes() {
    // §5.7, P5: lastAcked + 1 == nextSeq
    let mut b = Bench::idempotent(&EQUAL);
    let (_, second) = expired_after_a_retry(&mut b);
    b.send(3, 0).unwrap();
    assert!(b.asked.is_empty());
    b.acked(&second, 1);
    assert_eq!(id(&b.take_batch().1), (pid(7, 0), 2));
}

#[test]
fn an_unresolved_gap_bumps_an_idempotent_producer() {
    // §5.7: otherwise idempotent → local bump
    let mut b = Bench::idempotent(&SHORT);
    b.send(1, 0).unwrap();
    let (first, _) = b.take_batch();
    b.refused(&first, RequestTimedOut);
    b.advance(5000);
    b.asked.clear();
    b.send(2, 0).unwrap();
    assert_eq!(id(&b.take_batch().1), (pid(7, 1), 0));
}

#[test]
fn right_after_the_gap_45_bumps_and_elsewhere_it_is_a_plain_retry() {
    // §5.4, 45 while the partition is unresolved
    let mut b = Bench::idempotent(&EQUAL);
    b.send(1, 0).unwrap();
    let (first, _) = b.take_batch();
    b.refused(&first, RequestTimedOut);
    b.advance(4000);
    b.take_batch();
    b.send(2, 0).unwrap();
    b.send(3, 0).unwrap();
    let (second, _) = b.take_batch();
    let (third, _) = b.take_batch();
    b.advance(1000);
    b.events();
    b.refused(&third, OutOfOrderSequenceNumber);
    assert!(b.events().is_empty());
    b.refused(&second, OutOfOrderSequenceNumber);
    assert_eq!(b.p.producer_id_and_epoch(), pid(7, 1));
    b.advance(400);
    assert_eq!(id(&b.take_batch().1), (pid(7, 1), 0));
}

#[test]
fn a_transactional_producer_that_loses_track_must_abort() {
    // §5.7: transactional → abortable; §5.6: version 1 bumps after the abort
    for version in [1, 2] {
        let mut b = Bench::in_transaction(version, &SHORT);
        b.send(1, 0).unwrap();
        if version == 1 {
            b.answer_add(None);
        }
        let (first, _) = b.take_batch();
        b.refused(&first, RequestTimedOut);
        b.advance(5000);
        b.asked.clear();
        assert_eq!(b.p.state(), ProducerState::AbortableError);
        b.abort().unwrap();
        b.answer_end(None, if version == 1 { ProducerIdAndEpoch::NONE } else { pid(7, 1) });
        if version == 1 {
            b.answer_init(pid(7, 1));
        }
        b.begin().unwrap();
        b.send(2, 0).unwrap();
        if version == 1 {
            b.answer_add(None);
        }
        assert_eq!(id(&b.take_batch().1), (pid(7, 1), 0));
    }
}

#[test]
fn a_batch_that_was_never_retried_is_not_marked() {
    // §5.7: only batches already retried at least once
    let mut b = Bench::idempotent(&EQUAL);
    b.send(1, 0).unwrap();
    b.take_batch();
    b.advance(5000);
    assert_eq!(b.delivered(), [(1, Err(unknown(DeliveryErrorKind::DeliveryTimeout)))]);
    b.send(2, 0).unwrap();
    b.advance(50); // the request timed out with it and took the connection
    assert_eq!(id(&b.take_batch().1), (pid(7, 0), 1));
}

#[test]
fn a_late_answer_only_updates_bookkeeping() {
    // §5.7
    let mut b = Bench::idempotent(&EQUAL);
    let (first, second) = expired_after_a_retry(&mut b);
    b.acked(&first, 10);
    assert!(b.events().is_empty(), "the record stays failed");
    b.refused(&second, OutOfOrderSequenceNumber);
    b.events();
    b.advance(400);
    assert_eq!(b.take_batch().1.base_sequence, 0, "45 right behind the gap: a local bump");
}

#[test]
fn an_error_read_after_the_delivery_timeout_counts_as_certain() {
    // §5.4, quirk: before the expiry pass; transactional: take-back
    let mut b = Bench::in_transaction(2, &SHORT);
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.now = Now::at_ms(6100); // the producer was paused
    b.refused(&asked, RequestTimedOut);
    assert_eq!(b.p.accumulator.partitions.get(tp(0)).unwrap().sequences.next, 0);
    assert_eq!(b.p.state(), ProducerState::AbortableError);
}
