//! Which transactional request goes out next, to whom and when (§5.3).

use super::Producer;
use super::Sent;
use super::accumulator::Membership;
use super::event::*;
use super::nodes::Phase;
use super::transaction_manager::*;
use crate::batch::TransactionResult;
use crate::config::ProtocolGeneration;
use crate::io::Outputs;
use crate::message::*;
use crate::time::{Now, Span};

impl Producer {
    /// Advances the transactional requests. Whether produce requests must wait for one (§5.3: while a transactional
    /// request is outstanding no produce data is sent; the I/O thread also sleeps through its retry pauses).
    pub(super) fn send_transactional(&mut self, now: Now, out: &mut Outputs) -> bool {
        loop {
            if let Some(current) = &self.transactions.current {
                match current.step {
                    Step::InFlight => return true,
                    Step::Pausing { until } if now.mono < until => return true,
                    Step::Pausing { .. } => {
                        let patience = now.mono + Span::from_millis(i64::from(self.config.request_timeout_ms));
                        self.set_step(Step::AwaitingNode { until: patience });
                        self.current_handler().retry = false; // it has paused
                    }
                    Step::AwaitingNode { until } => {
                        let index = self.nodes.index_of(current.node);
                        if self.node_ready(now, index, out) {
                            if self.transactions.current.as_ref().is_some_and(|c| c.handler.retry) {
                                let own = self.current_handler().backoff_ms;
                                let pause = Span::from_millis(own.unwrap_or(self.config.retry_backoff_ms));
                                self.set_step(Step::Pausing { until: now.mono + pause });
                                continue;
                            }
                            self.send_current(now, index, out);
                            return true;
                        }
                        if self.nodes[index].phase != Phase::Idle && now.mono < until {
                            return true;
                        }
                        self.give_up_node(now, true);
                    }
                }
                continue;
            }
            if self.transactions.rest_until.is_some_and(|until| now.mono < until) {
                return true;
            }
            self.transactions.rest_until = None;
            self.abort_undrained_if_due();
            let Some(handler) = self.next_request() else { return false };
            let node = match handler.coordinator(&self.transactions.transactional_id) {
                Some((key_type, key)) => match self.transactions.coordinator_of(key_type, &key) {
                    Some(node) => node,
                    None => {
                        self.transactions.look_up_and_retry(handler);
                        continue;
                    }
                },
                None => match self.any_node(now) {
                    Some(index) => self.nodes[index].id,
                    None => {
                        self.rest(now);
                        self.transactions.retry(handler);
                        continue;
                    }
                },
            };
            let until = now.mono + Span::from_millis(i64::from(self.config.request_timeout_ms));
            self.transactions.current = Some(Current { handler, node, step: Step::AwaitingNode { until } });
        }
    }

    fn set_step(&mut self, step: Step) {
        self.transactions.current.as_mut().expect("there is a transactional request").step = step;
    }

    fn current_handler(&mut self) -> &mut Handler {
        &mut self.transactions.current.as_mut().expect("there is a transactional request").handler
    }

    fn rest(&mut self, now: Now) {
        self.transactions.rest_until = Some(now.mono + Span::from_millis(self.config.retry_backoff_ms.max(1)));
    }

    /// The broker of the request that is about to be sent cannot be reached: look its coordinator up again, or try
    /// another broker. With `rest`, a pause comes first, so that a dead coordinator is not looked up in a tight loop.
    pub(super) fn give_up_node(&mut self, now: Now, rest: bool) {
        let Some(current) = self.transactions.current.take() else { return };
        self.metadata.request_update();
        if rest || current.handler.coordinator(&self.transactions.transactional_id).is_none() {
            self.rest(now);
        }
        self.transactions.look_up_and_retry(current.handler);
    }

    /// The connection died under the request: it is sent again, so it may arrive more than once (§5.3).
    pub(super) fn transactional_lost(&mut self) {
        if let Some(current) = self.transactions.current.take() {
            self.transactions.look_up_and_retry(current.handler);
        }
    }

    /// §5.3: batches that never got a sequence fail once the transaction has failed or is being aborted.
    fn abort_undrained_if_due(&mut self) {
        if !core::mem::take(&mut self.transactions.abort_undrained) {
            return;
        }
        let kind = match self.transactions.state {
            ProducerState::AbortableError => DeliveryErrorKind::Code(self.transactions.last_error),
            ProducerState::AbortingTransaction => DeliveryErrorKind::TransactionAborted,
            _ => return,
        };
        self.abort_batches(kind, true);
    }

    /// The next request to send, or `None` if there is none that may be sent now.
    fn next_request(&mut self) -> Option<Handler> {
        loop {
            let t = &mut self.transactions;
            if !t.new_partitions.is_empty() {
                let partitions = core::mem::take(&mut t.new_partitions);
                t.enqueue(Handler::new(TxnRequest::AddPartitions { partitions }));
            }
            let ends = matches!(t.peek()?.request, TxnRequest::EndTxn { .. });
            if ends && self.accumulator.generations.incomplete() > 0 {
                return None; // P2
            }
            let handler = t.pop()?;
            if let Some(error) = t.error() {
                let harmless = matches!(handler.request, TxnRequest::FindCoordinator { .. })
                    && t.state == ProducerState::AbortableError;
                if !harmless {
                    self.finish_handler(&handler, Err(error));
                    continue;
                }
            }
            if ends && !t.started {
                self.transaction_ended();
                self.finish_handler(&handler, Ok(()));
                continue;
            }
            return Some(handler);
        }
    }

    /// A request has its outcome: whoever waits for it is told.
    pub(super) fn finish_handler(&mut self, handler: &Handler, result: Result<(), ProducerError>) {
        match &handler.request {
            TxnRequest::InitProducerId { .. } => self.finish_call(result),
            // With an epoch bump queued behind it, the call waits for the bump.
            TxnRequest::EndTxn { .. } if !self.transactions.has_queued_bump() => self.finish_call(result),
            TxnRequest::AddOffsets { .. } | TxnRequest::TxnOffsetCommit { .. } => {
                self.finish_offsets_call(handler.offsets_call, result);
            }
            _ => {}
        }
    }

    /// Everything that is queued fails.
    pub(super) fn fail_queue(&mut self, error: ProducerError) {
        while let Some(handler) = self.transactions.pop() {
            self.finish_handler(&handler, Err(error));
        }
        self.finish_call(Err(error));
        self.finish_offsets_call(self.transactions.offsets_call.map(|(id, _)| id), Err(error));
    }

    /// The transaction is over (§5.3): READY, or INITIALIZING if the client must bump the epoch.
    pub(super) fn transaction_ended(&mut self) {
        let t = &mut self.transactions;
        t.tv2 = t.next_tv2;
        t.started = false;
        t.new_partitions.clear();
        for tp in t.members.drain(..) {
            if let Some(partition) = self.accumulator.partitions.get_mut(tp) {
                partition.membership = Membership::None;
            }
        }
        if core::mem::take(&mut t.bump_required) {
            t.become_state(ProducerState::Initializing);
            if !t.has_queued_bump() {
                // The need arose while the transaction was ending. Java's client stays in INITIALIZING for good here.
                t.enqueue(Handler::new(TxnRequest::InitProducerId { given: t.producer, epoch_bump: true }));
            }
        } else {
            t.become_state(ProducerState::Ready);
        }
    }

    fn send_current(&mut self, now: Now, index: usize, out: &mut Outputs) {
        let java = self.config.protocol == ProtocolGeneration::Java4;
        let t = &self.transactions;
        let producer = t.producer;
        let tv2 = t.tv2;
        let id = || t.transactional_id.clone().expect("only a transactional producer ends or joins transactions");
        let handler = &t.current.as_ref().expect("there is a transactional request").handler;
        let request: Request = match &handler.request {
            TxnRequest::FindCoordinator { key_type, key } => {
                FindCoordinatorRequest { key_type: *key_type, key: key.clone() }.into()
            }
            TxnRequest::InitProducerId { given, .. } => InitProducerIdRequest {
                version: if java { 5 } else { 4 },
                transactional_id: t.transactional_id.clone(),
                transaction_timeout_ms: match t.transactional_id {
                    Some(_) => self.config.transaction_timeout_ms,
                    None => i32::MAX,
                },
                producer: *given,
            }
            .into(),
            TxnRequest::AddPartitions { partitions } => AddPartitionsToTxnRequest {
                version: if java { 3 } else { 0 },
                transactions: vec![AddPartitionsTransaction {
                    transactional_id: id(),
                    producer,
                    verify_only: false,
                    partitions: partitions.clone(),
                }],
            }
            .into(),
            TxnRequest::AddOffsets { group, .. } => AddOffsetsToTxnRequest {
                version: if java { 4 } else { 0 },
                transactional_id: id(),
                producer,
                group_id: group.group_id.clone(),
            }
            .into(),
            TxnRequest::TxnOffsetCommit { offsets, group, .. } => TxnOffsetCommitRequest {
                version: if tv2 {
                    5
                } else if java {
                    4
                } else {
                    3
                },
                transactional_id: id(),
                producer,
                group: group.clone(),
                offsets: offsets.clone(),
            }
            .into(),
            TxnRequest::EndTxn { result } => EndTxnRequest {
                version: if tv2 {
                    5
                } else if java {
                    4
                } else {
                    1
                },
                transactional_id: id(),
                producer,
                result: *result,
            }
            .into(),
        };
        self.connections.send(now, self.nodes[index].channel, request, Sent::Transactional, out);
        self.set_step(Step::InFlight);
    }

    /// Queues EndTxn, and the epoch bump behind it where the client must bump.
    pub(super) fn begin_completing(&mut self, result: TransactionResult) {
        let t = &mut self.transactions;
        t.enqueue(Handler::new(TxnRequest::EndTxn { result }));
        t.next_tv2 = t.cluster_speaks_tv2();
        if t.next_tv2 && !t.tv2 && t.producer.is_some() {
            t.bump_required = true; // the first transaction of version 2 begins with an epoch of its own (§0.1)
        }
        if t.bump_required {
            t.enqueue(Handler::new(TxnRequest::InitProducerId { given: t.producer, epoch_bump: true }));
        }
    }

    /// Begins an abort, whoever asked for it.
    pub(super) fn begin_abort(&mut self) {
        let t = &mut self.transactions;
        t.become_state(ProducerState::AbortingTransaction);
        t.new_partitions.clear();
        t.abort_undrained = true;
        self.begin_completing(TransactionResult::Abort);
    }
}
