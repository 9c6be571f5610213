//! The add/verify channel to transaction coordinators (§1.7, KIP-890).

use std::collections::BTreeMap;

use super::Broker;
use super::link::Link;
use crate::coordinator::CoordinatorKind;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::net::Reconnect;
use crate::time::Span;

const RECONNECT: Reconnect = Reconnect::after_ms(50);

/// What is asked of the coordinator, and what its 120 becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Verify for a client that does not know 120: it becomes 48.
    VerifyHidingAbortable,
    /// Verify.
    Verify,
    /// Add (transaction version 2).
    Add,
}

impl Operation {
    pub fn verify_only(self) -> bool {
        self != Operation::Add
    }
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The pre-flight of a Produce.
    Produce(u64),
    /// A TxnOffsetCommit.
    Offsets(u64),
}

/// One transaction of a bundle.
#[derive(Clone, Debug)]
struct Question {
    transaction: AddPartitionsTransaction,
    caller: Caller,
}

/// Transactions that travel together; the first one decides how 120 is translated.
#[derive(Clone, Debug)]
struct Bundle {
    operation: Operation,
    questions: Vec<Question>,
}

/// The channel to one coordinator's broker.
#[derive(Clone, Debug)]
struct Peer {
    link: Link,
    queued: Option<Bundle>,
    /// Taken for sending; never replaced.
    in_flight: Option<Bundle>,
}

/// Channels by broker.
#[derive(Clone, Debug, Default)]
pub(super) struct Verifier(BTreeMap<NodeId, Peer>);

impl Verifier {
    pub fn link_mut(&mut self, node: NodeId) -> Option<&mut Link> {
        self.0.get_mut(&node).map(|peer| &mut peer.link)
    }
}

/// The same outcome for every partition of a question.
fn all(question: &Question, error: Option<ErrorCode>) -> Vec<(TopicPartition, Option<ErrorCode>)> {
    question.transaction.partitions.iter().map(|tp| (*tp, error)).collect()
}

impl Broker {
    /// Asks the coordinator of a transactional id; the outcome goes to the caller, perhaps at once.
    pub(super) fn add_or_verify(
        &mut self,
        transaction: AddPartitionsTransaction,
        operation: Operation,
        caller: Caller,
        out: &mut Outputs,
    ) {
        let coordinator = self.coordinator_of(CoordinatorKind::Transaction, &transaction.transactional_id);
        let producer = transaction.producer;
        let question = Question { transaction, caller };
        let Some(node) = coordinator else {
            let results = all(&question, Some(ErrorCode::CoordinatorNotAvailable));
            return self.verified(caller, &results, out);
        };
        let peer = self.verifier.0.entry(node).or_insert_with(|| Peer {
            link: Link::new(Channel { to: node, purpose: Purpose::AddPartitions }),
            queued: None,
            in_flight: None,
        });
        let bundle = peer.queued.get_or_insert_with(|| Bundle { operation, questions: Vec::new() });
        let id = &question.transaction.transactional_id;
        let rival = bundle.questions.iter_mut().find(|q| q.transaction.transactional_id == *id);
        let loser = match rival {
            None => {
                bundle.questions.push(question);
                None
            }
            Some(queued) if queued.transaction.producer.epoch > producer.epoch => {
                Some((question, ErrorCode::InvalidProducerEpoch))
            }
            Some(queued) => {
                let error = if queued.transaction.producer.epoch < producer.epoch {
                    ErrorCode::InvalidProducerEpoch
                } else {
                    ErrorCode::NetworkException
                };
                Some((core::mem::replace(queued, question), error))
            }
        };
        if let Some((loser, error)) = loser {
            self.verified(loser.caller, &all(&loser, Some(error)), out);
        }
        self.send_questions(node, out);
    }

    /// Takes the queued bundle if nothing is in flight, and sends what is taken as soon as the connection is there.
    fn send_questions(&mut self, node: NodeId, out: &mut Outputs) {
        let Broker { verifier, timers, config, now, .. } = self;
        let Some(peer) = verifier.0.get_mut(&node) else { return };
        if peer.in_flight.is_some() {
            return; // being sent, or waiting for the connection
        }
        peer.in_flight = peer.queued.take();
        let Some(bundle) = &peer.in_flight else { return };
        if !peer.link.is_free() {
            peer.link.open(now.mono, timers, out);
            return;
        }
        let transactions = bundle.questions.iter().map(|q| q.transaction.clone()).collect();
        let request = AddPartitionsToTxnRequest { version: 5, transactions };
        let timeout = Span::from_millis(config.request_timeout_ms.into());
        peer.link.send(request.into(), timeout, now.mono, timers, out);
    }

    /// The connection to a coordinator's broker is there.
    pub(super) fn verifier_connected(&mut self, node: NodeId, out: &mut Outputs) {
        let Some(peer) = self.verifier.0.get_mut(&node) else { return };
        peer.link.connected();
        // What was taken before the connection was there goes out now.
        if let Some(taken) = peer.in_flight.take() {
            let newer = peer.queued.replace(taken);
            self.send_questions(node, out);
            let peer = self.verifier.0.get_mut(&node).expect("a peer that was just there");
            peer.queued = newer;
        }
    }

    /// The connection is gone, or took too long: 13 for what was taken.
    pub(super) fn verifier_lost(&mut self, node: NodeId, out: &mut Outputs) {
        let Some(peer) = self.verifier.0.get_mut(&node) else { return };
        peer.link.lost(self.now, RECONNECT);
        if let Some(bundle) = peer.in_flight.take() {
            for question in &bundle.questions {
                self.verified(question.caller, &all(question, Some(ErrorCode::NetworkException)), out);
            }
        }
        self.send_questions(node, out);
    }

    /// A coordinator answered.
    pub(super) fn verifier_answered(&mut self, node: NodeId, response: AddPartitionsToTxnResponse, out: &mut Outputs) {
        let Some(bundle) = self.verifier.0.get_mut(&node).and_then(|peer| peer.in_flight.take()) else { return };
        let translate = |error: ErrorCode| match error {
            ErrorCode::ProducerFenced => ErrorCode::InvalidProducerEpoch,
            ErrorCode::TransactionAbortable if bundle.operation == Operation::VerifyHidingAbortable => {
                ErrorCode::InvalidTxnState
            }
            other => other,
        };
        for question in &bundle.questions {
            let results = match response.error {
                Some(ErrorCode::ClusterAuthorizationFailed) => all(question, Some(ErrorCode::InvalidTxnState)),
                Some(ErrorCode::UnsupportedVersion) => all(question, None),
                Some(error) => all(question, Some(error)),
                None => {
                    let id = &question.transaction.transactional_id;
                    let answer = response.transactions.iter().find(|(answered, _)| answered == id);
                    answer.map_or_else(Vec::new, |(_, parts)| {
                        parts.iter().map(|(tp, error)| (*tp, error.map(translate))).collect()
                    })
                }
            };
            self.verified(question.caller, &results, out);
        }
        self.send_questions(node, out);
    }

    /// Hands an outcome to who asked.
    fn verified(&mut self, caller: Caller, results: &[(TopicPartition, Option<ErrorCode>)], out: &mut Outputs) {
        match caller {
            Caller::Produce(id) => self.preflight_answered(id, results, out),
            Caller::Offsets(id) => self.offsets_verified(id, results, out),
        }
    }
}
