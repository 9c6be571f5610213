//! §5.5: sequences, window, order.

use super::*;
use ErrorCode::*;

#[test]
fn sequences_are_given_when_drained_and_count_records() {
    // §5.5
    let mut b = Bench::idempotent(&[("linger.ms", "10")]);
    for token in 1..=3 {
        b.send(token, 0).unwrap();
    }
    b.advance(10);
    b.send(4, 0).unwrap();
    b.advance(10);
    assert_eq!(b.take_batch().1.base_sequence, 0);
    assert_eq!(b.take_batch().1.base_sequence, 3);
}

#[test]
fn five_requests_are_in_flight_on_a_connection_and_the_rest_is_batched() {
    // §5.5, §10: per connection
    let mut b = Bench::idempotent(&[]);
    for token in 1..=9 {
        b.send(token, (token % 3) as u32).unwrap();
    }
    assert_eq!(b.kinds(), [ApiKey::Produce; 5]);
    b.send(10, 3).unwrap();
    assert_eq!(b.asked.len(), 6, "broker 2 has a connection of its own");
    let (asked, _) = b.take_produce();
    b.acked(&asked, 0);
    let last = b.asked.back().cloned().unwrap();
    let Request::Produce(request) = &last.request else { panic!() };
    assert_eq!(request.partitions.len(), 3, "one batch a partition, all partitions of the broker");
}

#[test]
fn requests_begin_behind_the_partition_that_was_served_last() {
    // §5.5; every record is as large as a request may be
    let mut b = Bench::idempotent(&[
        ("batch.size", "500"),
        ("max.request.size", "1000"),
        ("max.in.flight.requests.per.connection", "1"),
    ]);
    for token in 0..6 {
        b.send_sized(token, (token % 3) as u32, 900).unwrap();
    }
    let mut order = Vec::new();
    for _ in 0..6 {
        let (asked, request) = b.take_produce();
        order.push(request.partitions[0].tp.partition);
        b.acked(&asked, 0);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn retried_batches_go_out_in_sequence_order_one_at_a_time() {
    // §5.5: re-queueing
    let mut b = Bench::idempotent(&[]);
    for token in 1..=3 {
        b.send(token, 0).unwrap();
    }
    let asked: Vec<Asked> = (0..3).map(|_| b.take_batch().0).collect();
    b.send(4, 0).unwrap();
    let (fourth, _) = b.take_batch();
    b.refused(&asked[2], NotEnoughReplicas);
    b.refused(&asked[0], NotEnoughReplicas);
    b.refused(&asked[1], NotEnoughReplicas);
    b.refused(&fourth, NotEnoughReplicas);
    for sequence in 0..4 {
        b.advance(100);
        let (asked, batch) = b.take_batch();
        assert_eq!(batch.base_sequence, sequence);
        assert!(b.asked.is_empty(), "the window is 1 during recovery");
        b.acked(&asked, i64::from(sequence));
    }
    assert_eq!(b.delivered(), [(1, Ok(0)), (2, Ok(1)), (3, Ok(2)), (4, Ok(3))]);
}

#[test]
fn a_retry_waits_for_lower_sequences_on_the_wire() {
    // §5.5: nothing is drained while the first queued batch is not the lowest in flight
    let mut b = Bench::idempotent(&[]);
    b.send(1, 0).unwrap();
    b.send(2, 0).unwrap();
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    b.refused(&second, NotEnoughReplicas);
    b.send(3, 0).unwrap();
    b.advance(5000);
    assert!(b.asked.is_empty());
    b.acked(&first, 0);
    assert_eq!(b.take_batch().1.base_sequence, 1);
}

#[test]
fn with_one_in_flight_the_partition_is_muted() {
    // §5.5
    let mut b = Bench::plain(&[("max.in.flight.requests.per.connection", "1")]);
    b.send(1, 0).unwrap();
    b.send(2, 0).unwrap();
    let (asked, _) = b.take_batch();
    // The leader moves: its connection is free, but the partition stays muted.
    b.leaders[0] = (Some(2), 1);
    b.advance(300_000 - b.now.mono.0 / 1_000_000 - 299_000);
    b.p.metadata.request_update();
    b.advance(200);
    assert!(b.asked.is_empty());
    b.acked(&asked, 0);
    assert_eq!(b.take_batch().0.channel.to, NodeId(2));
}

#[test]
fn without_idempotence_two_failed_batches_change_places() {
    // §5.5: there is no order without sequences (Kafka puts each retry first)
    let mut b = Bench::plain(&[]);
    b.send(1, 0).unwrap();
    b.send(2, 0).unwrap();
    let (first, one) = b.take_batch();
    let (second, two) = b.take_batch();
    b.refused(&first, NotEnoughReplicas);
    b.refused(&second, NotEnoughReplicas);
    b.advance(100);
    assert_eq!(b.take_batch().1.payload, two.payload);
    assert_eq!(b.take_batch().1.payload, one.payload);
}

#[test]
fn batches_back_off_exponentially() {
    // §5.5: 100 ms·2^n, cap 1000 ms
    let mut b = Bench::idempotent(&[]);
    b.send(1, 0).unwrap();
    for pause in [100, 200, 400, 800, 1000, 1000] {
        let (asked, _) = b.take_batch();
        b.refused(&asked, NotEnoughReplicas);
        b.advance(pause - 1);
        assert!(b.asked.is_empty());
        b.advance(1);
    }
    assert_eq!(b.kinds(), [ApiKey::Produce]);
}

#[test]
fn nothing_is_drained_without_a_producer_id() {
    // §5.5 (d)
    let mut b = Bench::with(config(&[]), Domains::default(), 2);
    b.handle_timeout();
    assert_eq!(b.kinds(), [ApiKey::InitProducerId]);
    b.send(1, 0).unwrap();
    b.advance(1000);
    assert_eq!(b.kinds(), [ApiKey::InitProducerId]);
    b.answer_init(pid(7, 0));
    assert_eq!(b.kinds(), [ApiKey::Produce]);
}

#[test]
fn a_batch_lingers_until_it_is_full() {
    let mut b = Bench::idempotent(&[("linger.ms", "20"), ("batch.size", "1000")]);
    b.send_sized(1, 0, 400).unwrap();
    b.advance(19);
    assert!(b.asked.is_empty());
    b.advance(1);
    assert_eq!(b.kinds(), [ApiKey::Produce]);
    for token in 2..=4 {
        b.send_sized(token, 1, 400).unwrap();
    }
    assert_eq!(b.asked.len(), 2, "the third record begins another batch, so the first is sent");
    let (_, _) = b.take_batch();
    let (_, batch) = b.take_batch();
    assert_eq!(batch.records().len(), 2);
}

#[test]
fn a_lost_connection_counts_every_request_on_it_as_lost() {
    // §5.7: a plain disconnect gives 13
    let mut b = Bench::idempotent(&[]);
    b.send(1, 0).unwrap();
    b.send(2, 1).unwrap();
    b.send(3, 3).unwrap();
    b.disconnect(1);
    assert_eq!(b.asked.len(), 1, "broker 2 is not concerned");
    b.take_produce();
    b.advance(100);
    let (asked, request) = b.take_produce();
    assert_eq!((asked.channel.to, request.partitions.len()), (NodeId(1), 2));
}

#[test]
fn partitions_without_a_leader_wait_for_one() {
    // §5.5
    let mut b = Bench::with(config(&[("enable.idempotence", "false")]), Domains::default(), 2);
    b.leaders[0].0 = None;
    b.handle_timeout();
    b.send(1, 0).unwrap();
    b.advance(1000);
    assert!(b.asked.is_empty());
    assert!((9..=12).contains(&b.metadata_requests), "{} refreshes in a second", b.metadata_requests);
    b.leaders[0] = (Some(2), 1);
    b.advance(100);
    assert_eq!(b.kinds(), [ApiKey::Produce]);
}

#[test]
fn metadata_are_refreshed_when_they_are_old() {
    let mut b = Bench::idempotent(&[]);
    let before = b.metadata_requests;
    b.advance(300_000);
    assert_eq!(b.metadata_requests, before + 1);
}
