//! State of the producer's identity and of its transaction (§5.1 to §5.3).

use std::collections::{BTreeSet, VecDeque};

use super::event::{ProducerError, ProducerState};
use crate::batch::TransactionResult;
use crate::config::ProtocolGeneration;
use crate::error::ErrorCode;
use crate::ids::*;
use crate::message::*;
use crate::time::Instant;

/// A request to a coordinator, or for one.
#[derive(Clone, Debug)]
pub(super) enum TxnRequest {
    FindCoordinator { key_type: CoordinatorType, key: Name },
    InitProducerId { given: ProducerIdAndEpoch, epoch_bump: bool },
    AddPartitions { partitions: Vec<TopicPartition> },
    AddOffsets { offsets: Vec<OffsetToCommit>, group: GroupMetadata },
    TxnOffsetCommit { offsets: Vec<OffsetToCommit>, group: GroupMetadata, pending: BTreeSet<TopicPartition> },
    EndTxn { result: TransactionResult },
}

/// Number of priorities.
const PRIORITIES: usize = 5;

/// A request with what is known of its attempts.
#[derive(Clone, Debug)]
pub(super) struct Handler {
    pub request: TxnRequest,
    /// It was queued again: `retry.backoff.ms` passes before it is sent.
    pub retry: bool,
    /// Pause in place of `retry.backoff.ms`.
    pub backoff_ms: Option<i64>,
    /// The `send_offsets_to_transaction` call that waits for it.
    pub offsets_call: Option<u64>,
}

impl Handler {
    pub fn new(request: TxnRequest) -> Handler {
        Handler { request, retry: false, backoff_ms: None, offsets_call: None }
    }

    /// §5.3: the order in which queued requests go out.
    pub fn priority(&self) -> usize {
        match &self.request {
            TxnRequest::FindCoordinator { .. } => 0,
            TxnRequest::InitProducerId { epoch_bump: false, .. } => 1,
            TxnRequest::AddPartitions { .. } | TxnRequest::AddOffsets { .. } | TxnRequest::TxnOffsetCommit { .. } => 2,
            TxnRequest::EndTxn { .. } => 3,
            TxnRequest::InitProducerId { epoch_bump: true, .. } => 4,
        }
    }

    /// The coordinator that it goes to, with the key to look it up; `None` for any broker.
    pub fn coordinator(&self, transactional_id: &Option<Name>) -> Option<(CoordinatorType, Name)> {
        match &self.request {
            TxnRequest::FindCoordinator { .. } => None,
            TxnRequest::TxnOffsetCommit { group, .. } => Some((CoordinatorType::Group, group.group_id.clone())),
            _ => transactional_id.as_ref().map(|id| (CoordinatorType::Transaction, id.clone())),
        }
    }
}

/// Where the one transactional request is (§5.3: one at a time).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Its broker is being connected to.
    AwaitingNode { until: Instant },
    /// It is a retry and pauses; produce requests pause with it.
    Pausing { until: Instant },
    /// Sent.
    InFlight,
}

/// The one transactional request.
#[derive(Clone, Debug)]
pub(super) struct Current {
    pub handler: Handler,
    pub node: NodeId,
    pub step: Step,
}

/// An application call that blocks in Java.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Init,
    Commit,
    Abort,
}

/// A call whose outcome the application has not been told.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingCall {
    pub call: Call,
    /// When the application is told of the time-out; `None` once it was.
    pub deadline: Option<Instant>,
    /// Outcome that came after the time-out; told when the call is repeated.
    pub outcome: Option<Result<(), ProducerError>>,
}

/// Identity and transaction of a producer with idempotence; without it, `enabled` is false and nothing here is used.
#[derive(Clone, Debug)]
pub(super) struct TransactionManager {
    pub enabled: bool,
    pub transactional_id: Option<Name>,
    pub protocol: ProtocolGeneration,
    pub state: ProducerState,
    pub last_error: ErrorCode,
    pub producer: ProducerIdAndEpoch,
    /// Number of the sequence table; +1 drops the sequences of every partition.
    pub table: u64,
    /// Newest finalized features seen, with their epoch.
    pub features: Option<(u64, u8)>,
    /// Transaction version 2 is spoken in the current transaction.
    pub tv2: bool,
    /// What the next transaction will speak.
    pub next_tv2: bool,
    /// Something was registered in the transaction, so it must be ended at the coordinator.
    pub started: bool,
    /// `clientSideEpochBumpRequired`.
    pub bump_required: bool,
    /// Partitions to be added by the next AddPartitionsToTxn.
    pub new_partitions: Vec<TopicPartition>,
    /// Partitions whose membership is not `None`.
    pub members: Vec<TopicPartition>,
    /// Partitions with an unresolved sequence.
    pub unresolved: BTreeSet<TopicPartition>,
    /// Partitions of an idempotent producer whose batches in flight get new sequences at the next local bump.
    pub to_rewrite: BTreeSet<TopicPartition>,
    queue: [VecDeque<Handler>; PRIORITIES],
    pub current: Option<Current>,
    /// Nothing is sent before this: pause after no broker could be reached.
    pub rest_until: Option<Instant>,
    pub transaction_coordinator: Option<NodeId>,
    /// One for each group id that was used last; a producer serves one group at a time.
    pub group_coordinator: Option<(Name, NodeId)>,
    pub call: Option<PendingCall>,
    pub offsets_call: Option<(u64, Instant)>,
    pub next_offsets_call: u64,
    /// Batches that never got a sequence are to be failed: the transaction has failed, or is being aborted.
    pub abort_undrained: bool,
    /// InitProducerId was refused for lack of a right: everything fails and the application may try again.
    pub refused: bool,
}

impl TransactionManager {
    pub fn new(enabled: bool, transactional_id: Option<Name>, protocol: ProtocolGeneration) -> TransactionManager {
        TransactionManager {
            enabled,
            transactional_id,
            protocol,
            state: ProducerState::Uninitialized,
            last_error: ErrorCode::UnknownServerError,
            producer: ProducerIdAndEpoch::NONE,
            table: 0,
            features: None,
            tv2: false,
            next_tv2: false,
            started: false,
            bump_required: false,
            new_partitions: Vec::new(),
            members: Vec::new(),
            unresolved: BTreeSet::new(),
            to_rewrite: BTreeSet::new(),
            queue: Default::default(),
            current: None,
            rest_until: None,
            transaction_coordinator: None,
            group_coordinator: None,
            call: None,
            offsets_call: None,
            next_offsets_call: 0,
            abort_undrained: false,
            refused: false,
        }
    }

    pub fn is_transactional(&self) -> bool {
        self.transactional_id.is_some()
    }

    pub fn is_fatal(&self) -> bool {
        self.state == ProducerState::FatalError
    }

    pub fn is_completing(&self) -> bool {
        matches!(self.state, ProducerState::CommittingTransaction | ProducerState::AbortingTransaction)
    }

    /// The error that a call meets in this state, if it is an error state.
    pub fn error(&self) -> Option<ProducerError> {
        match self.state {
            ProducerState::AbortableError => Some(ProducerError::Abortable(self.last_error)),
            ProducerState::FatalError => Some(ProducerError::Fatal(self.last_error)),
            _ => None,
        }
    }

    /// Whether the state may change so (§5.1).
    pub fn may_become(&self, next: ProducerState) -> bool {
        use ProducerState::*;
        matches!(
            (self.state, next),
            (_, FatalError)
                | (Uninitialized, Initializing)
                | (Initializing, Ready | AbortableError)
                | (Ready, InTransaction | Uninitialized)
                | (InTransaction, CommittingTransaction | AbortingTransaction | AbortableError)
                | (CommittingTransaction, Ready | Initializing | AbortableError)
                | (AbortingTransaction, Ready | Initializing)
                | (AbortableError, AbortingTransaction | AbortableError | Uninitialized)
        )
    }

    /// The client's own side of a change of state: an illegal one poisons the producer.
    pub fn become_state(&mut self, next: ProducerState) {
        if self.may_become(next) {
            self.state = next;
        } else {
            self.state = ProducerState::FatalError;
            self.last_error = ErrorCode::UnknownServerError;
        }
    }

    /// An abortable error. While aborting it is ignored: the abort is the cure.
    pub fn abortable(&mut self, code: ErrorCode) {
        if self.state != ProducerState::AbortingTransaction && self.state != ProducerState::FatalError {
            self.last_error = code;
            self.become_state(ProducerState::AbortableError);
            self.abort_undrained = true;
        }
    }

    /// A fatal error. The first one stays.
    pub fn fatal(&mut self, code: ErrorCode) {
        if !self.is_fatal() {
            self.state = ProducerState::FatalError;
            self.last_error = code;
        }
    }

    /// Whether a failed batch makes the client bump the epoch itself after the abort (transaction version 1).
    ///
    /// `coordinatorSupportsBump` of Kafka is always true here: InitProducerId of every modelled broker has version 3.
    pub fn bumps_from_client(&self) -> bool {
        !self.tv2
    }

    /// Abortable, with an epoch bump where the client must do it (`abortableErrorIfPossible`).
    pub fn abortable_with_bump(&mut self, code: ErrorCode) {
        if self.bumps_from_client() {
            self.bump_required = true;
        }
        self.abortable(code);
    }

    /// What a failed batch, or a record that could not even be batched, does to the state (§5.4).
    pub fn batch_failed(&mut self, code: ErrorCode) {
        use ErrorCode::*;
        match code {
            ClusterAuthorizationFailed
            | TransactionalIdAuthorizationFailed
            | ProducerFenced
            | UnsupportedVersion
            | InvalidProducerIdMapping => self.fatal(code),
            _ if self.is_transactional() => {
                let wrapped = if code.is_retriable() || code == InvalidTxnState { TransactionAbortable } else { code };
                if self.bumps_from_client() && !self.is_completing() {
                    self.bump_required = true;
                }
                self.abortable(wrapped);
            }
            _ => {}
        }
    }

    /// Whether this client and the cluster it has seen speak transaction version 2.
    pub fn cluster_speaks_tv2(&self) -> bool {
        self.protocol == ProtocolGeneration::Java4 && self.features.is_some_and(|(_, level)| level >= 2)
    }

    pub fn learn_features(&mut self, epoch: u64, transaction_version: u8) {
        if self.features.is_none_or(|(known, _)| epoch > known) {
            self.features = Some((epoch, transaction_version));
        }
    }

    pub fn enqueue(&mut self, handler: Handler) {
        self.queue[handler.priority()].push_back(handler);
    }

    pub fn peek(&self) -> Option<&Handler> {
        self.queue.iter().find_map(VecDeque::front)
    }

    pub fn pop(&mut self) -> Option<Handler> {
        self.queue.iter_mut().find_map(VecDeque::pop_front)
    }

    pub fn has_queued_bump(&self) -> bool {
        !self.queue[4].is_empty()
    }

    pub fn is_idle(&self) -> bool {
        self.current.is_none() && self.new_partitions.is_empty() && self.peek().is_none()
    }

    pub fn coordinator_of(&self, key_type: CoordinatorType, key: &Name) -> Option<NodeId> {
        match key_type {
            CoordinatorType::Transaction => self.transaction_coordinator,
            CoordinatorType::Group => self.group_coordinator.as_ref().filter(|(g, _)| g == key).map(|(_, node)| *node),
        }
    }

    /// Forgets a coordinator and queues the look-up of its successor.
    pub fn look_up(&mut self, key_type: CoordinatorType, key: Name) {
        match key_type {
            CoordinatorType::Transaction => self.transaction_coordinator = None,
            CoordinatorType::Group => self.group_coordinator = None,
        }
        self.enqueue(Handler::new(TxnRequest::FindCoordinator { key_type, key }));
    }

    /// Queues a request again after a failed attempt.
    pub fn retry(&mut self, mut handler: Handler) {
        handler.retry = true;
        self.enqueue(handler);
    }

    /// Looks the coordinator of a request up again and queues the request behind that.
    pub fn look_up_and_retry(&mut self, handler: Handler) {
        if let Some((key_type, key)) = handler.coordinator(&self.transactional_id) {
            self.look_up(key_type, key);
        }
        self.retry(handler);
    }
}
