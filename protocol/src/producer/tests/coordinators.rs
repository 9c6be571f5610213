//! The table of §5.3: every answer to every transactional request.

use super::*;
use crate::batch::TransactionResult;
use ErrorCode::*;

/// What the producer does about an answer.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Reaction {
    /// Asks again after so many milliseconds.
    Retry(u64),
    /// Looks the coordinator up first.
    Find,
    Abortable,
    /// Abortable, with an epoch bump after the abort.
    AbortableBump,
    Fatal,
    /// The producer may be initialised again.
    Reinit,
}

use Reaction::*;

/// Looks at what the producer does, having just been given the answer to a request of kind `key`.
fn reaction(b: &mut Bench, key: ApiKey) -> Reaction {
    let fatal_answer = b.events();
    match b.p.state() {
        ProducerState::FatalError => {
            b.advance(1000);
            assert!(b.asked.is_empty(), "P3");
            return Fatal;
        }
        ProducerState::Uninitialized => return Reinit,
        ProducerState::AbortableError => {
            assert!(b.asked.is_empty());
            b.abort().unwrap();
            while b.p.state() == ProducerState::AbortingTransaction {
                if b.kinds() == [ApiKey::EndTxn] {
                    b.answer_end(None, ProducerIdAndEpoch::NONE);
                } else {
                    panic!("{:?}", b.kinds());
                }
            }
            return if b.p.state() == ProducerState::Initializing { AbortableBump } else { Abortable };
        }
        _ => {}
    }
    assert!(fatal_answer.is_empty(), "nobody is told of a retry: {fatal_answer:?}");
    if b.kinds() == [ApiKey::FindCoordinator] {
        return Find;
    }
    assert!(b.asked.is_empty(), "a retry pauses");
    for ms in 1..=200 {
        b.advance(1);
        if !b.asked.is_empty() {
            assert_eq!(b.kinds(), [key]);
            return Retry(ms);
        }
    }
    panic!("no reaction");
}

/// Codes that the model knows and that a column does not name must behave like "other".
fn others(named: &[ErrorCode]) -> Vec<ErrorCode> {
    ErrorCode::ALL.iter().copied().filter(|c| !named.contains(c) && !c.is_retriable()).collect()
}

fn retriable(except: &[ErrorCode]) -> Vec<ErrorCode> {
    ErrorCode::ALL.iter().copied().filter(|c| c.is_retriable() && !except.contains(c)).collect()
}

fn check(
    react: impl Fn(ErrorCode) -> Reaction,
    table: &[(&[ErrorCode], Reaction)],
    other: Reaction,
    other_retriable: Reaction,
) {
    let named: Vec<ErrorCode> = table.iter().flat_map(|(codes, _)| codes.iter().copied()).collect();
    for (codes, expected) in table {
        for code in *codes {
            assert_eq!(react(*code), *expected, "{code}");
        }
    }
    for code in others(&named) {
        assert_eq!(react(code), other, "{code}");
    }
    for code in retriable(&named) {
        assert_eq!(react(code), other_retriable, "{code}");
    }
}

fn find(code: ErrorCode) -> Reaction {
    let mut b = Bench::with(config(&[("transactional.id", TXN_ID)]), Domains::default(), 2);
    b.handle_timeout();
    b.call(|p, now, out| p.init_transactions(now, out)).unwrap();
    b.answer_next(ApiKey::FindCoordinator, FindCoordinatorResponse { node: Err(code) });
    reaction(&mut b, ApiKey::FindCoordinator)
}

#[test]
fn answers_to_find_coordinator() {
    // §5.3: retriable → retry; 53 → fatal; else fatal.
    let table: &[(&[ErrorCode], Reaction)] = &[(&[GroupAuthorizationFailed, TransactionAbortable], Abortable)];
    check(find, table, Fatal, Retry(100));
}

fn init(code: ErrorCode) -> Reaction {
    let mut b = Bench::with(config(&[("transactional.id", TXN_ID)]), Domains::default(), 2);
    b.handle_timeout();
    b.call(|p, now, out| p.init_transactions(now, out)).unwrap();
    b.find_coordinator(1);
    b.advance(100);
    b.answer_next(ApiKey::InitProducerId, InitProducerIdResponse { result: Err(code) });
    reaction(&mut b, ApiKey::InitProducerId)
}

#[test]
fn answers_to_init_producer_id() {
    // §5.3
    let table: &[(&[ErrorCode], Reaction)] = &[
        (&[CoordinatorNotAvailable, NotCoordinator], Find),
        (&[CoordinatorLoadInProgress, ConcurrentTransactions], Retry(100)),
        (&[TransactionalIdAuthorizationFailed, ClusterAuthorizationFailed], Reinit),
        (&[InvalidProducerEpoch, ProducerFenced, InvalidTxnState, InvalidProducerIdMapping, UnknownProducerId], Fatal),
        (&[TransactionAbortable], Abortable),
    ];
    check(init, table, Fatal, Retry(100));
}

#[test]
fn init_may_be_repeated_after_a_refused_authorization() {
    // §5.3: abortable → fail batches → UNINITIALIZED
    let mut b = Bench::with(config(&[("transactional.id", TXN_ID)]), Domains::default(), 2);
    b.handle_timeout();
    b.call(|p, now, out| p.init_transactions(now, out)).unwrap();
    b.find_coordinator(1);
    b.advance(100);
    b.answer_next(ApiKey::InitProducerId, InitProducerIdResponse { result: Err(TransactionalIdAuthorizationFailed) });
    assert_eq!(
        b.events(),
        [ProducerEvent::InitDone(Err(ProducerError::Abortable(TransactionalIdAuthorizationFailed)))]
    );
    b.call(|p, now, out| p.init_transactions(now, out)).unwrap();
    b.answer_init(pid(7, 0));
    assert_eq!(b.p.state(), ProducerState::Ready);
}

fn add(code: ErrorCode) -> Reaction {
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(Some(code));
    b.p.events.retain(|e| !matches!(e, ProducerEvent::Delivered { .. }));
    reaction(&mut b, ApiKey::AddPartitionsToTxn)
}

#[test]
fn answers_to_add_partitions() {
    // §5.3
    let table: &[(&[ErrorCode], Reaction)] = &[
        (&[CoordinatorNotAvailable, NotCoordinator], Find),
        (&[ConcurrentTransactions], Retry(20)),
        (&[InvalidProducerEpoch, ProducerFenced, TransactionalIdAuthorizationFailed], Fatal),
        (&[InvalidTxnState, InvalidProducerIdMapping], Fatal),
        (&[UnknownProducerId], AbortableBump),
        (&[TransactionAbortable, TopicAuthorizationFailed, OperationNotAttempted], Abortable),
    ];
    check(add, table, Abortable, Retry(100));
}

#[test]
fn only_the_first_add_of_a_transaction_retries_fast() {
    // §5.3: the first AddPartitions of a txn answered 51: 20 ms
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (produce, _) = b.take_batch();
    b.acked(&produce, 0);
    b.send(2, 1).unwrap();
    b.answer_add(Some(ConcurrentTransactions));
    b.events();
    assert_eq!(reaction(&mut b, ApiKey::AddPartitionsToTxn), Retry(100));
}

fn add_offsets(code: ErrorCode) -> Reaction {
    let mut b = Bench::in_transaction(1, &[]);
    b.send_offsets().unwrap();
    b.answer_next(ApiKey::AddOffsetsToTxn, AddOffsetsToTxnResponse { error: Some(code) });
    let told = matches!(b.p.events.front(), Some(ProducerEvent::OffsetsSent(Err(_))));
    let reaction = reaction(&mut b, ApiKey::AddOffsetsToTxn);
    assert_eq!(told, !matches!(reaction, Retry(_) | Find), "{code}");
    reaction
}

#[test]
fn answers_to_add_offsets() {
    // §5.3
    let table: &[(&[ErrorCode], Reaction)] = &[
        (&[CoordinatorNotAvailable, NotCoordinator], Find),
        (&[CoordinatorLoadInProgress, ConcurrentTransactions], Retry(100)),
        (&[InvalidProducerEpoch, ProducerFenced, TransactionalIdAuthorizationFailed], Fatal),
        (&[InvalidTxnState, InvalidProducerIdMapping], Fatal),
        (&[UnknownProducerId], AbortableBump),
        (&[TransactionAbortable, GroupAuthorizationFailed], Abortable),
    ];
    check(add_offsets, table, Fatal, Retry(100));
}

fn offset_commit(code: ErrorCode) -> Reaction {
    let mut b = Bench::in_transaction(2, &[]);
    b.send_offsets().unwrap();
    b.find_coordinator(2);
    b.advance(100);
    let request = b.answer_offsets([None, Some(code)]);
    assert_eq!((request.version, request.offsets.len()), (5, 2));
    reaction(&mut b, ApiKey::TxnOffsetCommit)
}

#[test]
fn answers_to_txn_offset_commit() {
    // §5.3
    let table: &[(&[ErrorCode], Reaction)] = &[
        (&[CoordinatorNotAvailable, NotCoordinator, RequestTimedOut], Find),
        (&[CoordinatorLoadInProgress, ConcurrentTransactions], Retry(100)),
        (&[InvalidProducerEpoch, ProducerFenced, TransactionalIdAuthorizationFailed], Fatal),
        (&[InvalidTxnState, InvalidProducerIdMapping, UnknownProducerId, TopicAuthorizationFailed], Fatal),
        (&[TransactionAbortable, GroupAuthorizationFailed, FencedInstanceId], Abortable),
        (&[IllegalGeneration, UnknownMemberId, GroupIdNotFound, StaleMemberEpoch], Abortable),
    ];
    check(offset_commit, table, Fatal, Retry(100));
}

#[test]
fn the_whole_offset_commit_is_resent_until_every_partition_was_accepted_once() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[]);
    b.send_offsets().unwrap();
    b.find_coordinator(2);
    b.advance(100);
    b.answer_offsets([None, Some(CoordinatorLoadInProgress)]);
    b.advance(100);
    assert!(b.events().is_empty());
    let request = b.answer_offsets([Some(CoordinatorLoadInProgress), None]);
    assert_eq!(request.offsets.len(), 2);
    assert_eq!(b.events(), [ProducerEvent::OffsetsSent(Ok(()))]);
}

fn end(result: TransactionResult, code: ErrorCode) -> Reaction {
    let mut b = Bench::in_transaction(1, &[]);
    b.send(1, 0).unwrap();
    b.answer_add(None);
    let (produce, _) = b.take_batch();
    b.acked(&produce, 0);
    match result {
        TransactionResult::Commit => b.commit().unwrap(),
        TransactionResult::Abort => b.abort().unwrap(),
    }
    b.events();
    b.answer_end(Some(code), ProducerIdAndEpoch::NONE);
    reaction(&mut b, ApiKey::EndTxn)
}

#[test]
fn answers_to_a_commit() {
    // §5.3
    let table: &[(&[ErrorCode], Reaction)] = &[
        (&[CoordinatorNotAvailable, NotCoordinator], Find),
        (&[CoordinatorLoadInProgress, ConcurrentTransactions], Retry(100)),
        (&[InvalidProducerEpoch, ProducerFenced, TransactionalIdAuthorizationFailed], Fatal),
        (&[InvalidTxnState, InvalidProducerIdMapping], Fatal),
        (&[UnknownProducerId], AbortableBump),
        (&[TransactionAbortable], Abortable),
    ];
    check(|code| end(TransactionResult::Commit, code), table, Fatal, Retry(100));
}

#[test]
fn answers_to_an_abort() {
    // §5.3: 120 is fatal for an abort; 59 is abortable, which an abort ignores (§5.1)
    for code in [TransactionAbortable, InvalidTxnState, ProducerFenced, UnknownServerError] {
        assert_eq!(end(TransactionResult::Abort, code), Fatal, "{code}");
    }
    assert_eq!(end(TransactionResult::Abort, NotCoordinator), Find);
    assert_eq!(end(TransactionResult::Abort, ConcurrentTransactions), Retry(100));
}

#[test]
fn a_transactional_request_whose_connection_dies_is_sent_again_after_a_look_up() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[]);
    b.send(1, 0).unwrap();
    let (produce, _) = b.take_batch();
    b.acked(&produce, 0);
    b.commit().unwrap();
    assert_eq!(b.kinds(), [ApiKey::EndTxn]);
    b.disconnect(1);
    b.find_coordinator(2);
    b.advance(100);
    let again = b.take();
    assert_eq!((again.request.api_key(), again.channel.to), (ApiKey::EndTxn, NodeId(2)));
}

#[test]
fn a_transactional_request_that_times_out_is_sent_again_after_a_look_up() {
    // §5.3, §5.7
    let mut b = Bench::in_transaction(2, &[]);
    b.send_offsets().unwrap();
    b.find_coordinator(2);
    b.advance(100);
    assert_eq!(b.kinds(), [ApiKey::TxnOffsetCommit]);
    b.advance(30_000);
    assert_eq!(b.kinds(), [ApiKey::FindCoordinator]);
}

#[test]
fn an_unreachable_coordinator_is_looked_up_again_at_a_measured_pace() {
    // §5.3
    let mut b = Bench::in_transaction(2, &[]);
    b.send_offsets().unwrap();
    b.down.push(2);
    let mut look_ups = 0;
    for _ in 0..1000 {
        if b.kinds() == [ApiKey::FindCoordinator] {
            look_ups += 1;
            b.find_coordinator(2);
        }
        b.advance(1);
    }
    assert!((2..=15).contains(&look_ups), "{look_ups}");
    b.down.clear();
    for _ in 0..2000 {
        if b.kinds() == [ApiKey::FindCoordinator] {
            b.find_coordinator(2);
        }
        b.advance(1);
    }
    assert_eq!(b.kinds(), [ApiKey::TxnOffsetCommit]);
}
