//! State of one transactional id and the targets of its transitions (§3.1).
//!
//! A transition is computed as a whole new [`Metadata`], written to the log, and installed when the high watermark has
//! passed it (§3.3). Nothing here decides whether a transition is allowed: the request handlers do.

use std::sync::Arc;

use crate::batch::TransactionResult;
use crate::ids::*;
use crate::message::{ProducerIdAndEpoch, TransactionMetadataValue, TransactionState};

/// What a coordinator knows of a transactional id, for white-box checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdState {
    /// The installed state; `None` if the id is not known.
    pub state: Option<TransactionState>,
    /// Whether a transition to another state is being written.
    pub in_transition: bool,
    /// The id's producer id and epoch.
    pub producer: ProducerIdAndEpoch,
}

impl IdState {
    /// An id that was never seen.
    pub const UNKNOWN: IdState = IdState { state: None, in_transition: false, producer: ProducerIdAndEpoch::NONE };
}

/// Client transaction version of §3.6: every EndTxn raises the epoch.
pub(super) const TV2: u8 = 2;

/// What a record holds, and `lastEpoch`, which no record holds (§3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    pub value: TransactionMetadataValue,
    /// The epoch before the last bump: recognises a repeated InitProducerId. Lost at failover.
    pub last_epoch: ProducerEpoch,
}

impl Metadata {
    /// An id that InitProducerId meets for the first time: cached, but in no record yet.
    pub fn created(producer_id: ProducerId, timeout_ms: i32, now_ms: i64) -> Metadata {
        Metadata::loaded(TransactionMetadataValue {
            producer: ProducerIdAndEpoch::new(producer_id, NO_PRODUCER_EPOCH),
            previous_producer_id: NO_PRODUCER_ID,
            next_producer_id: NO_PRODUCER_ID,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: Arc::default(),
            last_update_ms: now_ms,
            start_ms: -1,
            client_transaction_version: 0,
        })
    }

    /// What a new coordinator makes of a record.
    pub fn loaded(value: TransactionMetadataValue) -> Metadata {
        Metadata { value, last_epoch: NO_PRODUCER_EPOCH }
    }

    /// What all transitions have in common. `previous_producer_id` names an older producer id only in the state that a
    /// rotation reaches directly; the next transition overwrites it, which ends the retry rules that rest on it.
    fn next(&self, state: TransactionState, now_ms: i64) -> Metadata {
        let mut target = self.clone();
        target.value.previous_producer_id = self.value.producer.id;
        target.value.state = state;
        target.value.last_update_ms = now_ms;
        target
    }

    /// Empty, by InitProducerId.
    pub fn initialized(
        &self,
        producer: ProducerIdAndEpoch,
        last_epoch: ProducerEpoch,
        timeout_ms: i32,
        now_ms: i64,
    ) -> Metadata {
        let mut target = self.next(TransactionState::Empty, now_ms);
        target.value.producer = producer;
        target.value.next_producer_id = NO_PRODUCER_ID;
        target.value.timeout_ms = timeout_ms;
        target.value.partitions = Arc::default();
        target.value.start_ms = -1;
        target.last_epoch = last_epoch;
        target
    }

    /// Ongoing with the union of the partitions. The first partition starts the transaction's clock.
    pub fn with_partitions(&self, added: &[TopicPartition], client_version: u8, now_ms: i64) -> Metadata {
        let mut target = self.next(TransactionState::Ongoing, now_ms);
        if self.value.state != TransactionState::Ongoing {
            target.value.start_ms = now_ms;
        }
        let mut union = Vec::with_capacity(self.value.partitions.len() + added.len());
        union.extend_from_slice(&self.value.partitions);
        union.extend_from_slice(added);
        union.sort_unstable();
        union.dedup();
        target.value.partitions = union.into();
        target.value.client_transaction_version = client_version;
        target
    }

    /// PrepareCommit or PrepareAbort by the rules of §3.5: the epoch stays.
    pub fn prepared_v1(&self, result: TransactionResult, now_ms: i64) -> Metadata {
        let mut target = self.next(prepare_state(result), now_ms);
        target.value.next_producer_id = NO_PRODUCER_ID;
        target.value.client_transaction_version = 0;
        target
    }

    /// PrepareCommit or PrepareAbort by the rules of §3.6: the epoch is raised, for ordinary ends and for fences alike,
    /// exactly once (KAFKA-19367), but never beyond `max_epoch`. `next_producer_id` is a fresh one if the epoch before was
    /// exhausted. An abort to which nothing had been added starts its clock now.
    pub fn prepared_v2(
        &self,
        result: TransactionResult,
        next_producer_id: ProducerId,
        max_epoch: ProducerEpoch,
        now_ms: i64,
    ) -> Metadata {
        let mut target = self.next(prepare_state(result), now_ms);
        let epoch = self.value.producer.epoch;
        if epoch < max_epoch {
            target.value.producer.epoch = epoch + 1;
        }
        target.last_epoch = epoch;
        target.value.next_producer_id = next_producer_id;
        if self.value.state != TransactionState::Ongoing {
            target.value.start_ms = now_ms;
            target.value.partitions = Arc::default();
        }
        target.value.client_transaction_version = TV2;
        target
    }

    /// CompleteCommit or CompleteAbort after PrepareCommit or PrepareAbort. A rotation takes effect here; `last_epoch`
    /// stays the one that the client knows.
    pub fn completed(&self, now_ms: i64) -> Metadata {
        let state = match self.value.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            TransactionState::PrepareAbort => TransactionState::CompleteAbort,
            state => unreachable!("only Prepare states complete, not {state:?}"),
        };
        let mut target = self.next(state, now_ms);
        if self.value.client_transaction_version >= TV2 && self.value.next_producer_id != NO_PRODUCER_ID {
            target.value.producer = ProducerIdAndEpoch::new(self.value.next_producer_id, 0);
        }
        target.value.next_producer_id = NO_PRODUCER_ID;
        target.value.partitions = Arc::default();
        target
    }

    /// The record's value. Format version 0, in use at `transaction.version` 0, has no tagged fields (§3.2).
    pub fn record(&self, server_version: u8) -> Arc<TransactionMetadataValue> {
        let mut value = self.value.clone();
        if server_version == 0 {
            value.previous_producer_id = NO_PRODUCER_ID;
            value.next_producer_id = NO_PRODUCER_ID;
            value.client_transaction_version = 0;
        }
        Arc::new(value)
    }

    /// Outcome that a Prepare state has decided.
    pub fn decided(&self) -> Option<TransactionResult> {
        match self.value.state {
            TransactionState::PrepareCommit => Some(TransactionResult::Commit),
            TransactionState::PrepareAbort => Some(TransactionResult::Abort),
            _ => None,
        }
    }
}

fn prepare_state(result: TransactionResult) -> TransactionState {
    match result {
        TransactionResult::Commit => TransactionState::PrepareCommit,
        TransactionResult::Abort => TransactionState::PrepareAbort,
    }
}

/// Whether `state` may follow `previous` (§3.1).
pub(super) fn may_follow(state: TransactionState, previous: TransactionState) -> bool {
    use TransactionState::*;
    match state {
        Empty | Dead => matches!(previous, Empty | CompleteCommit | CompleteAbort),
        Ongoing => matches!(previous, Ongoing | Empty | CompleteCommit | CompleteAbort),
        PrepareCommit | PrepareEpochFence => previous == Ongoing,
        PrepareAbort => matches!(previous, Ongoing | PrepareEpochFence | Empty | CompleteCommit | CompleteAbort),
        CompleteCommit => previous == PrepareCommit,
        CompleteAbort => previous == PrepareAbort,
    }
}

/// A decided transaction whose markers are under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Completion {
    /// Partitions whose marker is not yet acknowledged, sorted. Not persisted: a new coordinator sends all again.
    pub remaining: Vec<TopicPartition>,
    /// What is written when none remains.
    pub target: Metadata,
}

impl Completion {
    /// The marker of `tp` is written, or will never be needed.
    pub fn settle(&mut self, tp: TopicPartition) {
        if let Ok(index) = self.remaining.binary_search(&tp) {
            self.remaining.remove(index);
        }
    }
}

/// A transactional id in the cache of its coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TransactionalId {
    /// What is installed.
    pub metadata: Metadata,
    /// The state to which a transition is under way: at most one (C7).
    pub pending: Option<TransactionState>,
    /// A fence by the rules of §3.5 has raised the epoch in memory, but its record failed: the next fence does not raise
    /// it again, else repeated failures would exhaust the epochs.
    pub has_failed_epoch_fence: bool,
    /// Markers under way.
    pub completion: Option<Completion>,
}

impl TransactionalId {
    pub fn new(metadata: Metadata) -> TransactionalId {
        TransactionalId { metadata, pending: None, has_failed_epoch_fence: false, completion: None }
    }

    /// Marks the transition to `state` as under way.
    pub fn begin(&mut self, state: TransactionState) {
        assert!(self.pending.is_none(), "a transition to {state:?} begins while {:?} is pending", self.pending);
        let previous = self.metadata.value.state;
        assert!(may_follow(state, previous), "{state:?} may not follow {previous:?}");
        self.pending = Some(state);
    }

    /// The record is below the high watermark.
    pub fn install(&mut self, target: &Metadata) {
        assert_eq!(self.pending, Some(target.value.state), "the pending transition is the one that was committed");
        self.metadata.clone_from(target);
        self.pending = None;
    }
}
