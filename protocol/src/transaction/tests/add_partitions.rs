//! §1.4, §1.5 and §3.8.

use super::*;
use ErrorCode::*;
use TransactionState::*;

#[test]
fn the_first_partition_opens_the_transaction_once_its_record_is_committed() {
    // §3.8, C3.
    for state in [Empty, CompleteCommit, CompleteAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        let conn = h.ask_add(4, pair(PID, 5), &[data(1), data(0), data(1)]);
        assert!(!h.answers.contains_key(&conn));
        h.commit();
        assert_eq!(h.added(conn), [None, None, None]);
        let installed = h.installed();
        assert_eq!((installed.state, installed.start_ms), (Ongoing, h.now.wall_ms));
        assert_eq!(*installed.partitions, [data(0), data(1)], "sorted, each once");
    }
}

#[test]
fn further_partitions_join_and_known_ones_need_no_record() {
    // §3.8.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    let conn = h.ask_add(4, pair(PID, 5), &[data(1)]);
    assert_eq!(h.added(conn), [None], "at once");
    assert!(h.uncommitted.is_empty());
    assert_eq!(h.add(4, pair(PID, 5), data(2)), None);
    assert_eq!(*h.installed().partitions, [data(0), data(1), data(2)]);
    assert_eq!(h.installed().start_ms, 0, "the clock of the transaction goes on");
}

#[test]
fn adding_to_a_prepared_transaction_waits() {
    // §3.8.
    for state in [PrepareCommit, PrepareAbort] {
        let mut h = Harness::loaded(2, value(state, 5));
        assert_eq!(h.add(4, pair(PID, 5), data(0)), Some(ConcurrentTransactions));
    }
}

#[test]
fn adding_checks_pending_before_id_and_epoch() {
    // §1.4; KAFKA-18660: the producer id may be about to change.
    let mut h = Harness::loaded(2, value(Empty, 5));
    h.ask_init(ProducerIdAndEpoch::NONE);
    for producer in [pair(PID, 5), pair(PID, 6), pair(PID + 1, 0)] {
        let conn = h.ask_add(4, producer, &[data(0)]);
        assert_eq!(h.added(conn), [Some(ConcurrentTransactions)]);
    }
    h.commit();
    assert_eq!(h.add(4, pair(PID + 1, 6), data(0)), Some(InvalidProducerIdMapping));
    assert_eq!(h.add(4, pair(PID, 5), data(0)), Some(ProducerFenced));
    assert_eq!(h.add(4, pair(PID, 7), data(0)), Some(ProducerFenced));
    assert_eq!(h.add(1, pair(PID, 7), data(0)), Some(InvalidProducerEpoch), "below 2: 47");
}

#[test]
fn an_id_without_metadata_is_not_mapped() {
    // §1.4.
    let mut h = Harness::fresh(2);
    assert_eq!(h.add(4, pair(PID, 5), data(0)), Some(InvalidProducerIdMapping));
    assert_eq!(h.verify(pair(PID, 5), data(0)), Some(InvalidProducerIdMapping));
}

#[test]
fn one_unknown_partition_stops_them_all() {
    // §1.4: 3 and 55, at every version.
    for version in [3, 4] {
        let mut h = Harness::loaded(2, value(Empty, 5));
        let conn = h.ask_add(version, pair(PID, 5), &[data(0), data(9)]);
        assert_eq!(h.added(conn), [Some(OperationNotAttempted), Some(UnknownTopicOrPartition)]);
        assert!(h.uncommitted.is_empty());
    }
}

#[test]
fn verification_looks_at_what_is_installed() {
    // §1.4: verify ignores pending transitions; 120 for partitions that are not in the set.
    let mut h = Harness::loaded(1, value(Ongoing, 5));
    assert_eq!(h.verify(pair(PID, 5), data(0)), None);
    assert_eq!(h.verify(pair(PID, 5), data(2)), Some(TransactionAbortable));
    h.ask_add(3, pair(PID, 5), &[data(2)]);
    assert_eq!(h.verify(pair(PID, 5), data(2)), Some(TransactionAbortable), "not committed yet");
    h.commit();
    assert_eq!(h.verify(pair(PID, 5), data(2)), None);
    assert_eq!(h.verify(pair(PID + 1, 5), data(0)), Some(InvalidProducerIdMapping));
    assert_eq!(h.verify(pair(PID, 4), data(0)), Some(ProducerFenced));
    for (state, error) in [(PrepareCommit, ConcurrentTransactions), (CompleteCommit, TransactionAbortable)] {
        let mut h = Harness::loaded(1, value(state, 5));
        assert_eq!(h.verify(pair(PID, 5), data(0)), Some(error));
    }
}

#[test]
fn a_request_with_several_transactions_is_answered_once_when_all_are_settled() {
    // §1.4, v4+.
    let mut h = Harness::loaded(2, value(Empty, 5));
    let other = h.ask(InitProducerIdRequest {
        version: 5,
        transactional_id: Some("u".into()),
        transaction_timeout_ms: 1,
        producer: ProducerIdAndEpoch::NONE,
    });
    h.commit();
    let other = h.init_answer(other).expect("a pair");
    let transaction = |id: &str, producer, verify_only| AddPartitionsTransaction {
        transactional_id: id.into(),
        producer,
        verify_only,
        partitions: vec![data(0)],
    };
    let transactions = vec![
        transaction(ID, pair(PID, 5), false),
        transaction("u", other, true),
        transaction("u", other, false),
        transaction("v", other, false),
    ];
    let conn = h.ask(AddPartitionsToTxnRequest { version: 4, transactions });
    h.settle_first(Ok(()));
    assert!(!h.answers.contains_key(&conn), "one is outstanding");
    h.settle_first(Err(NotEnoughReplicas));
    let Some(Response::AddPartitionsToTxn(response)) = h.answers.get(&conn) else { panic!("an answer") };
    let errors: Vec<_> = response.transactions.iter().map(|(name, errors)| (&**name, errors[0].1)).collect();
    let expected = [
        (ID, None),
        ("u", Some(TransactionAbortable)),
        ("u", Some(CoordinatorNotAvailable)),
        ("v", Some(InvalidProducerIdMapping)),
    ];
    assert_eq!(errors, expected);
}

#[test]
fn the_version_of_the_request_decides_the_version_of_the_transaction() {
    // §3.8, last line.
    for (version, expected) in [(3, 0), (4, 2)] {
        let mut h = Harness::loaded(2, value(Empty, 5));
        assert_eq!(h.add(version, pair(PID, 5), data(0)), None);
        assert_eq!(h.installed().client_transaction_version, expected);
    }
}

#[test]
fn add_offsets_adds_the_partition_of_the_group() {
    // §1.5.
    let mut h = Harness::loaded(1, value(Empty, 5));
    let request = AddOffsetsToTxnRequest {
        version: 3,
        transactional_id: ID.into(),
        producer: pair(PID, 5),
        group_id: "g".into(),
    };
    let first = h.ask(request.clone());
    h.commit();
    assert_eq!(h.answers[&first], AddOffsetsToTxnResponse { error: None }.into());
    assert_eq!(*h.installed().partitions, [TopicPartition::new(TopicId::CONSUMER_OFFSETS, 0)]);
    let fenced = h.ask(AddOffsetsToTxnRequest { producer: pair(PID, 4), ..request });
    assert_eq!(h.answers[&fenced], AddOffsetsToTxnResponse { error: Some(ProducerFenced) }.into());
}

#[test]
fn describing_shows_what_is_installed() {
    // §1.11.
    let mut h = Harness::loaded(2, value(Ongoing, 5));
    let conn = h.ask(DescribeTransactionsRequest { transactional_ids: vec![ID.into(), "u".into()] });
    let transactions = vec![(ID.into(), Ok(value(Ongoing, 5))), ("u".into(), Err(TransactionalIdNotFound))];
    assert_eq!(h.answers[&conn], DescribeTransactionsResponse { transactions }.into());
}
