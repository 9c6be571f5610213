//! §0.1, §5.3: flows of whole transactions in both versions.

use super::*;
use crate::batch::TransactionResult;
use ErrorCode::*;

fn produce_and_ack(b: &mut Bench, token: u64, partition: u32) -> RecordBatch {
    b.send(token, partition).unwrap();
    if b.kinds() == [ApiKey::AddPartitionsToTxn] {
        b.answer_add(None);
    }
    let (asked, batch) = b.take_batch();
    b.acked(&asked, 0);
    batch
}

#[test]
fn version_2_registers_nothing_and_gets_a_new_epoch_with_every_end() {
    // §0.1
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    let (asked, request) = b.take_produce();
    assert_eq!((request.version, request.transactional_id.as_deref()), (12, Some(TXN_ID)));
    assert!(request.partitions[0].batch.transactional);
    assert_eq!(id(&request.partitions[0].batch), (pid(7, 0), 0));
    b.acked(&asked, 0);
    b.commit().unwrap();
    let end = b.answer_end(None, pid(7, 1));
    assert_eq!((end.version, end.producer, end.result), (5, pid(7, 0), TransactionResult::Commit));
    assert_eq!(b.p.producer_id_and_epoch(), pid(7, 1));
    b.begin().unwrap();
    assert_eq!(id(&produce_and_ack(&mut b, 2, 0)), (pid(7, 1), 0), "sequences begin at 0 again");
}

#[test]
fn version_2_follows_a_rotated_producer_id() {
    // §0.1, B6
    let mut b = Bench::in_transaction(2, &[]);
    produce_and_ack(&mut b, 1, 0);
    b.abort().unwrap();
    b.answer_end(None, pid(8, 0));
    b.begin().unwrap();
    assert_eq!(id(&produce_and_ack(&mut b, 2, 0)), (pid(8, 0), 0));
}

#[test]
fn version_1_holds_batches_back_until_their_partition_was_added_and_keeps_counting() {
    // §0.1, §5.5 (c)
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    assert_eq!(b.kinds(), [ApiKey::AddPartitionsToTxn]);
    b.send(2, 1).unwrap();
    assert_eq!(b.kinds(), [ApiKey::AddPartitionsToTxn], "one transactional request at a time (P4)");
    assert_eq!(b.answer_add(None), [tp(0)]);
    assert_eq!(b.kinds(), [ApiKey::AddPartitionsToTxn], "no produce while one is outstanding");
    assert_eq!(b.answer_add(None), [tp(1)]);
    let (asked, request) = b.take_produce();
    assert_eq!((request.version, request.partitions.len()), (11, 2));
    b.acked(&asked, 0);
    b.commit().unwrap();
    let end = b.answer_end(None, ProducerIdAndEpoch::NONE);
    assert_eq!(end.version, 4);
    b.begin().unwrap();
    assert_eq!(id(&produce_and_ack(&mut b, 3, 0)), (pid(7, 0), 1), "the epoch stays, the sequence goes on");
}

#[test]
fn version_1_adds_offsets_before_it_commits_them() {
    // §0.1
    let mut b = Bench::in_transaction(1, &[]);
    b.send_offsets().unwrap();
    b.answer_next(ApiKey::AddOffsetsToTxn, AddOffsetsToTxnResponse { error: None });
    b.find_coordinator(2);
    b.advance(100);
    let request = b.answer_offsets([None, None]);
    assert_eq!((request.version, request.producer), (4, pid(7, 0)));
    assert_eq!(b.events(), [ProducerEvent::OffsetsSent(Ok(()))]);
    b.commit().unwrap();
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
}

#[test]
fn librdkafka_speaks_version_1_to_any_cluster() {
    // §0.1
    let mut b = Bench::in_transaction(2, &[("client.protocol", "librdkafka")]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (asked, request) = b.take_produce();
    assert_eq!(request.version, 10);
    b.acked(&asked, 0);
    b.commit().unwrap();
    assert_eq!(b.answer_end(None, ProducerIdAndEpoch::NONE).version, 1);
    assert_eq!(b.p.state(), ProducerState::Ready);
}

#[test]
fn an_upgrade_to_version_2_bumps_the_epoch_after_the_last_version_1_transaction() {
    // §0.1, §5.6
    let mut b = Bench::in_transaction(1, &[]);
    produce_and_ack(&mut b, 1, 0);
    b.transaction_version = 2;
    b.features_epoch = 2;
    b.disconnect(2); // the news comes with a new connection
    b.send(2, 3).unwrap();
    b.answer_add(None);
    b.advance(50);
    let (asked, request) = b.take_produce();
    assert_eq!(request.version, 11, "a transaction never changes protocol in the middle");
    b.acked(&asked, 0);
    b.events();
    b.commit().unwrap();
    assert_eq!(b.answer_end(None, ProducerIdAndEpoch::NONE).version, 4);
    assert_eq!(b.p.state(), ProducerState::Initializing);
    assert!(b.events().is_empty(), "commit waits for the bump");
    let init = b.answer_init(pid(7, 1));
    assert_eq!(init.producer, pid(7, 0));
    assert!(b.events().contains(&ProducerEvent::Committed(Ok(()))));
    b.begin().unwrap();
    b.send(3, 0).unwrap();
    let (_, request) = b.take_produce();
    assert_eq!((request.version, id(&request.partitions[0].batch)), (12, (pid(7, 1), 0)));
}

#[test]
fn stale_features_are_ignored() {
    // §0.1
    let mut b = Bench::in_transaction(2, &[]);
    b.transaction_version = 1;
    b.features_epoch = 0;
    b.disconnect(2);
    produce_and_ack(&mut b, 1, 0);
    b.advance(50);
    b.commit().unwrap();
    b.answer_end(None, pid(7, 1));
    assert!(b.p.speaks_transaction_version_2());
}

#[test]
fn nothing_started_means_no_end_txn() {
    // §5.3
    for version in [1, 2] {
        let mut b = Bench::in_transaction(version, &[]);
        b.commit().unwrap();
        assert_eq!(b.events(), [ProducerEvent::Committed(Ok(()))]);
        b.begin().unwrap();
        b.abort().unwrap();
        assert_eq!(b.events(), [ProducerEvent::Aborted(Ok(()))]);
        assert!(b.asked.is_empty());
        assert_eq!(b.p.state(), ProducerState::Ready);
    }
}

#[test]
fn version_1_counts_as_started_only_with_a_successful_add() {
    // §5.3
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(Some(TransactionAbortable));
    b.abort().unwrap();
    assert!(b.asked.is_empty());
    assert_eq!(b.events().last(), Some(&ProducerEvent::Aborted(Ok(()))));
}

#[test]
fn version_2_counts_as_started_with_the_first_send() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[("linger.ms", "1000")]);
    b.send(1, 0).unwrap();
    b.abort().unwrap();
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
    assert_eq!(b.delivered(), [(1, Err(definite(DeliveryErrorKind::TransactionAborted)))]);
}

#[test]
fn end_txn_waits_for_every_batch() {
    // §5.3, P2
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    b.send(2, 3).unwrap();
    b.commit().unwrap();
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    b.acked(&first, 0);
    assert!(b.asked.is_empty());
    b.refused(&second, NotEnoughReplicas);
    b.advance(100);
    let (second, _) = b.take_batch();
    assert!(b.asked.is_empty());
    b.acked(&second, 0);
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
}

#[test]
fn a_commit_with_a_failed_batch_fails_without_end_txn() {
    // §5.2, P2
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    b.send(2, 3).unwrap();
    b.commit().unwrap();
    let (first, _) = b.take_batch();
    let (second, _) = b.take_batch();
    b.refused(&first, InvalidRecord);
    assert!(
        !b.events().iter().any(|e| matches!(e, ProducerEvent::Committed(_))),
        "a batch with a sequence is driven on"
    );
    b.acked(&second, 0);
    assert_eq!(b.events().last(), Some(&ProducerEvent::Committed(Err(ProducerError::Abortable(InvalidRecord)))));
    assert!(b.asked.is_empty());
    b.abort().unwrap();
    assert_eq!(b.answer_end(None, pid(7, 1)).result, TransactionResult::Abort);
    assert_eq!(b.p.state(), ProducerState::Ready);
}

#[test]
fn an_abort_fails_what_was_never_drained_and_drives_the_rest_to_its_end() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[("linger.ms", "10")]);
    b.send(1, 0).unwrap();
    b.advance(10);
    b.send(2, 0).unwrap();
    b.abort().unwrap();
    assert_eq!(b.delivered(), [(2, Err(definite(DeliveryErrorKind::TransactionAborted)))]);
    assert_eq!(b.kinds(), [ApiKey::Produce], "EndTxn waits for the batch on the wire");
    let (asked, _) = b.take_batch();
    b.acked(&asked, 0);
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
}

#[test]
fn entering_the_abortable_state_fails_what_was_never_drained_with_the_cause() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[("linger.ms", "10")]);
    b.send(1, 0).unwrap();
    b.advance(10);
    b.send(2, 1).unwrap();
    let (asked, _) = b.take_batch();
    b.refused(&asked, TransactionAbortable);
    let kind = DeliveryErrorKind::Code(TransactionAbortable);
    assert_eq!(b.delivered(), [(1, Err(definite(kind))), (2, Err(definite(kind)))]);
}

#[test]
fn requests_go_out_by_priority() {
    // §5.3
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap(); // AddPartitions is in flight
    b.send_offsets().unwrap();
    b.send(2, 1).unwrap();
    b.answer_add(None);
    b.answer_next(ApiKey::AddOffsetsToTxn, AddOffsetsToTxnResponse { error: None });
    b.answer_add(None);
    assert_eq!(b.kinds(), [ApiKey::FindCoordinator], "before the offset commit that needs it, and before produce");
    b.find_coordinator(2);
    b.commit().unwrap();
    b.advance(100);
    b.answer_offsets([None, None]);
    let (asked, _) = b.take_produce();
    b.acked(&asked, 0);
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
}

#[test]
fn queued_requests_fail_in_the_abortable_state() {
    // §5.3
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.send_offsets().unwrap();
    b.events();
    b.answer_add(Some(TopicAuthorizationFailed));
    let error = ProducerError::Abortable(TopicAuthorizationFailed);
    assert!(b.events().contains(&ProducerEvent::OffsetsSent(Err(error))));
    assert!(b.asked.is_empty());
}

#[test]
fn a_failed_batch_of_version_1_bumps_the_epoch_after_the_abort() {
    // §5.6
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (asked, _) = b.take_batch();
    b.refused(&asked, InvalidTxnState);
    assert_eq!(b.commit(), Err(ProducerError::Abortable(TransactionAbortable)), "48 of Produce is wrapped");
    b.abort().unwrap();
    b.answer_end(None, ProducerIdAndEpoch::NONE);
    assert_eq!(b.answer_init(pid(7, 1)).producer, pid(7, 0));
    assert_eq!(b.events().last(), Some(&ProducerEvent::Aborted(Ok(()))));
    b.begin().unwrap();
    assert_eq!(id(&produce_and_ack(&mut b, 2, 0)), (pid(7, 1), 0));
}

#[test]
fn a_batch_of_version_1_that_fails_while_committing_does_not_bump() {
    // §5.4, TV1 quirk
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (asked, _) = b.take_batch();
    b.commit().unwrap();
    b.refused(&asked, InvalidRecord);
    b.abort().unwrap();
    b.answer_end(None, ProducerIdAndEpoch::NONE);
    assert_eq!(b.p.state(), ProducerState::Ready);
    b.begin().unwrap();
    assert_eq!(id(&produce_and_ack(&mut b, 2, 0)), (pid(7, 0), 0), "the sequence was taken back, in the same epoch");
}

#[test]
fn a_fatal_answer_ends_the_waiting_call() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[]);
    produce_and_ack(&mut b, 1, 0);
    b.commit().unwrap();
    b.events();
    b.answer_end(Some(ProducerFenced), ProducerIdAndEpoch::NONE);
    assert_eq!(b.events(), [ProducerEvent::Committed(Err(ProducerError::Fatal(ProducerFenced)))]);
}
