//! Answers of coordinators: the table of §5.3, one function a column.

use super::Producer;
use super::accumulator::Membership;
use super::event::*;
use super::transaction_manager::*;
use crate::batch::TransactionResult;
use crate::error::ErrorCode;
use crate::message::*;

/// What is done with a request after its answer.
enum Verdict {
    Done,
    /// Send it again after the usual pause.
    Retry,
    /// Send it again after this many milliseconds.
    RetryAfter(i64),
    /// Look the coordinator up, then send it again.
    FindAndRetry,
    Abortable(ErrorCode),
    /// Abortable, and the client must bump the epoch.
    AbortableWithBump(ErrorCode),
    Fatal(ErrorCode),
}

use ErrorCode::*;
use Verdict::*;

/// Pause before the first AddPartitions of a transaction is sent again when the previous one is still completing.
const ADD_PARTITIONS_RETRY_BACKOFF_MS: i64 = 20;

impl Producer {
    /// The answer to the transactional request in flight.
    pub(super) fn transactional_response(&mut self, response: Response) {
        if !self.transactions.current.as_ref().is_some_and(|c| c.step == Step::InFlight) {
            return; // it was given up (the producer failed meanwhile)
        }
        let Some(Current { mut handler, node: _, .. }) = self.transactions.current.take() else { return };
        let verdict = match (&mut handler.request, response) {
            (TxnRequest::FindCoordinator { key_type, key }, Response::FindCoordinator(response)) => {
                let (key_type, key) = (*key_type, key.clone());
                self.found_coordinator(key_type, key, response)
            }
            (TxnRequest::InitProducerId { epoch_bump, .. }, Response::InitProducerId(response)) => {
                let epoch_bump = *epoch_bump;
                self.init_producer_id_answered(epoch_bump, response)
            }
            (TxnRequest::AddPartitions { .. }, Response::AddPartitionsToTxn(response)) => {
                self.partitions_added(&response)
            }
            (TxnRequest::AddOffsets { .. }, Response::AddOffsetsToTxn(response)) => offsets_added(response),
            (TxnRequest::TxnOffsetCommit { pending, .. }, Response::TxnOffsetCommit(response)) => {
                for (tp, error) in &response.partitions {
                    if error.is_none() {
                        pending.remove(tp);
                    }
                }
                if pending.is_empty() { Done } else { offsets_committed(&response) }
            }
            (TxnRequest::EndTxn { result }, Response::EndTxn(response)) => {
                let result = *result;
                self.end_answered(result, response)
            }
            _ => Fatal(UnknownServerError),
        };
        self.conclude(handler, verdict);
    }

    fn conclude(&mut self, mut handler: Handler, verdict: Verdict) {
        let t = &mut self.transactions;
        match verdict {
            Done => {
                if let TxnRequest::AddOffsets { offsets, group } = handler.request {
                    // The group's coordinator is told next; the call waits for that.
                    t.started = true;
                    let pending = offsets.iter().map(|o| o.tp).collect();
                    let mut next = Handler::new(TxnRequest::TxnOffsetCommit { offsets, group, pending });
                    next.offsets_call = handler.offsets_call;
                    t.enqueue(next);
                } else {
                    self.finish_handler(&handler, Ok(()));
                }
            }
            Retry => t.retry(handler),
            RetryAfter(ms) => {
                handler.backoff_ms = Some(ms);
                t.retry(handler);
            }
            FindAndRetry => t.look_up_and_retry(handler),
            Abortable(code) => {
                t.abortable(code);
                self.finish_handler(&handler, Err(ProducerError::Abortable(code)));
            }
            AbortableWithBump(code) => {
                t.abortable_with_bump(code);
                self.finish_handler(&handler, Err(ProducerError::Abortable(code)));
            }
            Fatal(code) => {
                t.fatal(code);
                self.finish_handler(&handler, Err(ProducerError::Fatal(code)));
            }
        }
    }

    fn found_coordinator(
        &mut self,
        key_type: CoordinatorType,
        key: crate::ids::Name,
        response: FindCoordinatorResponse,
    ) -> Verdict {
        match response.node {
            Ok(node) => {
                match key_type {
                    CoordinatorType::Transaction => self.transactions.transaction_coordinator = Some(node),
                    CoordinatorType::Group => self.transactions.group_coordinator = Some((key, node)),
                }
                Done
            }
            Err(code) if code.is_retriable() => Retry,
            Err(code @ (GroupAuthorizationFailed | TransactionAbortable)) => Abortable(code),
            Err(code) => Fatal(code),
        }
    }

    fn init_producer_id_answered(&mut self, epoch_bump: bool, response: InitProducerIdResponse) -> Verdict {
        match response.result {
            Ok(producer) => {
                self.set_producer(producer);
                let t = &mut self.transactions;
                if t.is_transactional() {
                    if epoch_bump {
                        t.table += 1;
                    } else {
                        t.tv2 = t.cluster_speaks_tv2();
                        t.next_tv2 = t.tv2;
                    }
                }
                t.become_state(ProducerState::Ready);
                if !t.is_transactional() {
                    self.rewrite_in_flight();
                }
                self.refresh_all();
                Done
            }
            Err(CoordinatorNotAvailable | NotCoordinator) => FindAndRetry,
            Err(code) if code.is_retriable() => Retry,
            Err(code @ (TransactionalIdAuthorizationFailed | ClusterAuthorizationFailed)) => {
                self.transactions.refused = true;
                Abortable(code)
            }
            Err(code @ TransactionAbortable) => Abortable(code),
            Err(InvalidProducerEpoch | ProducerFenced) => Fatal(ProducerFenced),
            Err(code) => Fatal(code),
        }
    }

    fn partitions_added(&mut self, response: &AddPartitionsToTxnResponse) -> Verdict {
        let answers = || response.transactions.iter().flat_map(|(_, partitions)| partitions);
        let mut unauthorized = false;
        let mut failed = None;
        if let Some(code) = response.error {
            failed = Some(code);
        }
        for (_, error) in answers() {
            match *error {
                None => {}
                Some(CoordinatorNotAvailable | NotCoordinator) => return FindAndRetry,
                Some(ConcurrentTransactions) => {
                    // Nothing added yet: it is most likely the previous transaction that still completes.
                    let first = !self.transactions.members.iter().any(|tp| {
                        let partition = self.accumulator.partitions.get(*tp);
                        partition.is_some_and(|p| p.membership == Membership::Added)
                    });
                    return if first { RetryAfter(ADD_PARTITIONS_RETRY_BACKOFF_MS) } else { Retry };
                }
                Some(code) if code.is_retriable() => return Retry,
                Some(InvalidProducerEpoch | ProducerFenced) => return Fatal(ProducerFenced),
                Some(code @ (TransactionalIdAuthorizationFailed | InvalidTxnState | InvalidProducerIdMapping)) => {
                    return Fatal(code);
                }
                Some(code @ UnknownProducerId) => return AbortableWithBump(code),
                Some(code @ TransactionAbortable) => return Abortable(code),
                Some(TopicAuthorizationFailed) => unauthorized = true,
                Some(code) => failed = failed.or(Some(code)),
            }
        }
        if unauthorized {
            return Abortable(TopicAuthorizationFailed);
        }
        if let Some(code) = failed {
            return Abortable(code);
        }
        for (tp, _) in answers() {
            if let Some(partition) = self.accumulator.partitions.get_mut(*tp) {
                // Not `None`: an abort may have come first, and then the partition belongs to it all the same.
                if partition.membership == Membership::Pending {
                    partition.membership = Membership::Added;
                }
                self.refresh(*tp);
            }
        }
        self.transactions.started = true;
        Done
    }

    fn end_answered(&mut self, result: TransactionResult, response: EndTxnResponse) -> Verdict {
        match response.error {
            None => {
                if response.producer.is_some() {
                    self.set_producer(response.producer);
                    self.transactions.table += 1; // every partition begins at 0 again
                }
                self.transaction_ended();
                Done
            }
            Some(CoordinatorNotAvailable | NotCoordinator) => FindAndRetry,
            Some(code) if code.is_retriable() => Retry,
            Some(InvalidProducerEpoch | ProducerFenced) => Fatal(ProducerFenced),
            Some(code @ UnknownProducerId) => AbortableWithBump(code),
            Some(code @ TransactionAbortable) if result == TransactionResult::Commit => Abortable(code),
            Some(code) => Fatal(code),
        }
    }
}

fn offsets_added(response: AddOffsetsToTxnResponse) -> Verdict {
    match response.error {
        None => Done,
        Some(CoordinatorNotAvailable | NotCoordinator) => FindAndRetry,
        Some(code) if code.is_retriable() => Retry,
        Some(InvalidProducerEpoch | ProducerFenced) => Fatal(ProducerFenced),
        Some(code @ UnknownProducerId) => AbortableWithBump(code),
        Some(code @ (GroupAuthorizationFailed | TransactionAbortable)) => Abortable(code),
        Some(code) => Fatal(code),
    }
}

/// The whole request is sent again as long as one partition needs it.
fn offsets_committed(response: &TxnOffsetCommitResponse) -> Verdict {
    let mut verdict = Retry;
    for (_, error) in &response.partitions {
        match *error {
            None => {}
            Some(CoordinatorNotAvailable | NotCoordinator | RequestTimedOut) => verdict = FindAndRetry,
            Some(code) if code.is_retriable() => {}
            Some(
                code @ (GroupAuthorizationFailed
                | TransactionAbortable
                | IllegalGeneration
                | UnknownMemberId
                | GroupIdNotFound
                | StaleMemberEpoch
                | FencedInstanceId),
            ) => return Abortable(code),
            Some(InvalidProducerEpoch | ProducerFenced) => return Fatal(ProducerFenced),
            Some(code) => return Fatal(code),
        }
    }
    verdict
}
