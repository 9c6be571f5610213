//! Producer snapshots: what a log's disk remembers of its producers (§2.4).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::producer_entry::{BatchDescriptor, ProducerEntry};
use crate::ids::*;

/// One producer in a snapshot. Of its remembered batches only the last is there: after a reload a retry of an older one
/// is answered 45.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SnapshotEntry {
    producer_id: ProducerId,
    epoch: ProducerEpoch,
    coordinator_epoch: CoordinatorEpoch,
    last_timestamp_ms: i64,
    current_txn_first_offset: Option<Offset>,
    last_batch: Option<BatchDescriptor>,
}

impl SnapshotEntry {
    /// What is written of `entry`.
    pub fn of(producer_id: ProducerId, entry: &ProducerEntry) -> SnapshotEntry {
        SnapshotEntry {
            producer_id,
            epoch: entry.epoch,
            coordinator_epoch: entry.coordinator_epoch,
            last_timestamp_ms: entry.last_timestamp_ms,
            current_txn_first_offset: entry.current_txn_first_offset,
            last_batch: entry.batches.back().copied(),
        }
    }

    /// What is read back.
    pub fn load(&self) -> (ProducerId, ProducerEntry) {
        let entry = ProducerEntry {
            epoch: self.epoch,
            coordinator_epoch: self.coordinator_epoch,
            last_timestamp_ms: self.last_timestamp_ms,
            current_txn_first_offset: self.current_txn_first_offset,
            batches: self.last_batch.into_iter().collect(),
        };
        (self.producer_id, entry)
    }
}

/// The snapshot files of one log, by the offset up to which each is complete.
pub(super) type Snapshots = BTreeMap<Offset, Arc<[SnapshotEntry]>>;
