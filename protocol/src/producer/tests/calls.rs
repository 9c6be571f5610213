//! §5.1, §5.2: states and calls.

use super::*;
use ProducerError::{Fatal, IllegalState, Timeout};

fn refused(result: Result<(), ProducerError>) -> bool {
    matches!(result, Err(IllegalState(_)))
}

#[test]
fn transactional_calls_need_a_transactional_id() {
    // §5.2
    let mut b = Bench::idempotent(&[]);
    assert!(refused(b.call(|p, now, out| p.init_transactions(now, out))));
    assert!(refused(b.begin()));
    assert!(refused(b.commit()));
    assert!(refused(b.abort()));
    assert!(refused(b.send_offsets()));
}

#[test]
fn calls_that_do_not_fit_ready_are_refused_and_change_nothing() {
    // §5.1
    let mut b = Bench::transactional(2, &[]);
    assert!(refused(b.call(|p, now, out| p.init_transactions(now, out))));
    assert!(refused(b.send(1, 0)));
    assert!(refused(b.send_offsets()));
    assert!(refused(b.commit()));
    assert!(refused(b.abort()));
    assert_eq!(b.p.state(), ProducerState::Ready);
    assert!(b.asked.is_empty() && b.events().is_empty());
    b.begin().unwrap();
    assert!(refused(b.begin()));
    assert_eq!(b.p.state(), ProducerState::InTransaction);
}

#[test]
fn nothing_works_before_init_transactions() {
    // §5.1
    let mut b = Bench::with(config(&[("transactional.id", TXN_ID)]), Domains::default(), 2);
    b.handle_timeout();
    assert!(refused(b.begin()));
    assert!(refused(b.send(1, 0)));
    assert!(b.asked.is_empty(), "a transactional producer asks for its id only when told to");
}

#[test]
fn init_times_out_goes_on_and_is_taken_up_again_by_the_same_call_only() {
    // §5.2
    let mut b = Bench::with(config(&[("transactional.id", TXN_ID), ("max.block.ms", "1000")]), Domains::default(), 2);
    b.handle_timeout();
    b.call(|p, now, out| p.init_transactions(now, out)).unwrap();
    b.advance(1000);
    assert_eq!(b.events(), [ProducerEvent::InitDone(Err(Timeout))]);
    assert!(refused(b.begin()));
    assert!(refused(b.abort()));
    b.find_coordinator(1);
    b.advance(100);
    b.answer_init(pid(7, 0));
    assert_eq!(b.events(), [ProducerEvent::EpochChanged(pid(7, 0))]);
    assert!(refused(b.begin()), "the application does not know yet that it is initialised");
    b.call(|p, now, out| p.init_transactions(now, out)).unwrap();
    assert_eq!(b.events(), [ProducerEvent::InitDone(Ok(()))]);
    b.begin().unwrap();
}

#[test]
fn after_a_commit_timed_out_only_commit_may_be_repeated() {
    // §5.2, §10
    let mut b = Bench::in_transaction(2, &[("max.block.ms", "1000")]);
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.acked(&asked, 0);
    b.commit().unwrap();
    let end = b.take();
    b.events();
    b.advance(1000);
    assert_eq!(b.events(), [ProducerEvent::Committed(Err(Timeout))]);
    assert!(refused(b.abort()));
    assert!(refused(b.send(2, 0)));
    assert!(refused(b.send_offsets()));
    b.commit().unwrap();
    assert!(b.asked.is_empty(), "re-attaching sends nothing");
    b.advance(500);
    b.answer(&end, EndTxnResponse { error: None, producer: pid(7, 1) });
    assert_eq!(b.events(), [ProducerEvent::EpochChanged(pid(7, 1)), ProducerEvent::Committed(Ok(()))]);
}

#[test]
fn send_offsets_times_out_without_poisoning_the_transaction() {
    // §5.2
    let mut b = Bench::in_transaction(2, &[("max.block.ms", "1000")]);
    b.send_offsets().unwrap();
    b.advance(1000);
    assert_eq!(b.events(), [ProducerEvent::OffsetsSent(Err(Timeout))]);
    b.abort().unwrap();
    assert_eq!(b.p.state(), ProducerState::AbortingTransaction);
}

#[test]
fn commit_flushes_what_lingers() {
    // §5.2
    let mut b = Bench::in_transaction(2, &[("linger.ms", "1000")]);
    b.send(1, 0).unwrap();
    assert!(b.asked.is_empty());
    b.commit().unwrap();
    assert_eq!(b.kinds(), [ApiKey::Produce]);
}

#[test]
fn commit_in_the_abortable_state_is_refused_with_the_cause() {
    // §5.2
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    let (asked, _) = b.take_batch();
    b.refused(&asked, ErrorCode::TransactionAbortable);
    assert_eq!(b.commit(), Err(ProducerError::Abortable(ErrorCode::TransactionAbortable)));
    assert_eq!(b.send(2, 0), Err(ProducerError::Abortable(ErrorCode::TransactionAbortable)));
    b.abort().unwrap();
}

#[test]
fn in_the_fatal_state_every_call_is_refused_and_nothing_is_sent() {
    // §5.1, P3
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    b.send(2, 1).unwrap();
    let (asked, _) = b.take_batch();
    b.refused(&asked, ErrorCode::ProducerFenced);
    assert_eq!(b.p.state(), ProducerState::FatalError);
    let fatal = Err(Fatal(ErrorCode::ProducerFenced));
    for result in [b.begin(), b.commit(), b.abort(), b.send(3, 0), b.send_offsets()] {
        assert_eq!(result, fatal);
    }
    let kind = DeliveryErrorKind::Code(ErrorCode::ProducerFenced);
    assert_eq!(b.delivered(), [(1, Err(definite(kind))), (2, Err(unknown(kind)))]);
    b.asked.clear();
    b.advance(600_000);
    assert!(b.asked.is_empty());
}

#[test]
fn flush_ends_when_everything_sent_before_it_has_its_fate() {
    // §5.2
    let mut b = Bench::idempotent(&[("linger.ms", "1000")]);
    b.send(1, 0).unwrap();
    b.send(2, 3).unwrap();
    b.call(|p, now, out| p.flush(now, out)).unwrap();
    b.send(3, 0).unwrap();
    let (first, _) = b.take_produce();
    let (second, _) = b.take_produce();
    b.acked(&second, 0);
    assert!(!b.events().contains(&ProducerEvent::Flushed));
    b.acked(&first, 0);
    let events = b.events();
    assert_eq!(events.last(), Some(&ProducerEvent::Flushed), "record 3 does not hold it up");
}

#[test]
fn flush_of_nothing_ends_at_once() {
    let mut b = Bench::idempotent(&[]);
    b.call(|p, now, out| p.flush(now, out)).unwrap();
    assert_eq!(b.events(), [ProducerEvent::Flushed]);
}

#[test]
fn close_delivers_what_was_sent_and_aborts_an_open_transaction() {
    // §5.2
    let mut b = Bench::in_transaction(2, &[("linger.ms", "1000")]);
    b.send(1, 0).unwrap();
    b.call(|p, now, out| p.close(now, Span::FOREVER, out)).unwrap();
    let (asked, _) = b.take_batch();
    assert!(b.asked.is_empty());
    b.acked(&asked, 0);
    let end = b.answer_end(None, pid(7, 1));
    assert_eq!(end.result, crate::batch::TransactionResult::Abort);
    assert_eq!(b.events().last(), Some(&ProducerEvent::Closed));
    assert_eq!(b.p.poll_timeout(), Instant::NEVER);
    assert!(refused(b.begin()));
}

#[test]
fn close_gives_up_after_its_timeout() {
    let mut b = Bench::idempotent(&[]);
    b.send(1, 0).unwrap();
    b.call(|p, now, out| p.close(now, Span::from_secs(1), out)).unwrap();
    b.advance(999);
    assert!(b.events().is_empty());
    b.advance(1);
    assert_eq!(
        b.events(),
        [ProducerEvent::Delivered { token: 1, result: Err(unknown(DeliveryErrorKind::Closed)) }, ProducerEvent::Closed]
    );
}

#[test]
fn a_record_waits_for_metadata_and_fails_definitely_after_max_block() {
    // §5.2
    let mut b = Bench::idempotent(&[("max.block.ms", "1000")]);
    b.send(1, 9).unwrap(); // there is no partition 9
    b.send(2, 0).unwrap(); // waits behind it, as the application's thread would
    assert!(b.asked.is_empty());
    b.advance(1000);
    let fate = b.delivered();
    assert_eq!(fate[0], (1, Err(definite(DeliveryErrorKind::MetadataTimeout))));
    b.leaders.push((Some(1), 0));
    b.advance(1);
    assert_eq!(fate.len(), 2, "the second had waited as long");
}

#[test]
fn a_record_waits_for_a_partition_that_comes_to_be() {
    let mut b = Bench::idempotent(&[]);
    b.send(1, 4).unwrap();
    b.leaders.push((Some(2), 0));
    b.advance(100);
    let (_, request) = b.take_produce();
    assert_eq!(request.partitions[0].tp, tp(4));
}

#[test]
fn a_record_waits_for_memory() {
    // Memory for one batch of 16384 bytes only.
    let mut b = Bench::idempotent(&[("buffer.memory", "20000"), ("linger.ms", "50"), ("max.block.ms", "1000")]);
    b.send(1, 0).unwrap();
    assert!(b.asked.is_empty(), "it lingers");
    b.send(2, 1).unwrap();
    let (asked, batch) = b.take_batch();
    assert_eq!(batch.records().len(), 1, "with somebody waiting for memory nothing lingers");
    b.acked(&asked, 5);
    assert_eq!(b.delivered(), [(1, Ok(5))]);
    b.advance(50);
    let (_, request) = b.take_produce();
    assert_eq!(request.partitions[0].tp, tp(1));
    b.send(3, 2).unwrap();
    b.advance(1000);
    assert_eq!(b.delivered(), [(3, Err(definite(DeliveryErrorKind::BufferTimeout)))]);
}

#[test]
fn a_record_beyond_the_request_size_is_refused_and_fails_the_transaction() {
    let mut b = Bench::in_transaction(2, &[("max.request.size", "1000")]);
    b.send_sized(1, 0, 2000).unwrap();
    assert_eq!(b.delivered(), [(1, Err(definite(DeliveryErrorKind::RecordTooLarge)))]);
    assert_eq!(b.p.state(), ProducerState::AbortableError);
}
