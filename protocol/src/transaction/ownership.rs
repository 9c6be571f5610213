//! Which partitions of `__transaction_state` this broker owns: election, loading, resignation (§3.10).

use std::collections::BTreeMap;

use super::TransactionCoordinator;
use super::metadata::{Metadata, TransactionalId};
use crate::batch::{Payload, RecordBatch};
use crate::coordinator::Turn;
use crate::error::ErrorCode;
use crate::ids::*;

/// A partition that this broker leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Led {
    /// Leader epoch: goes into every marker and guards every write.
    pub epoch: CoordinatorEpoch,
    /// The log is being read; requests see 14.
    pub loading: bool,
    pub ids: BTreeMap<Name, TransactionalId>,
}

impl TransactionCoordinator {
    /// This broker leads `partition` of `__transaction_state` from now on.
    pub(super) fn own(&mut self, turn: &Turn<'_>, partition: u32, epoch: CoordinatorEpoch) {
        self.markers.forget(partition);
        let index = partition as usize;
        if self.partitions.len() <= index {
            self.partitions.resize_with(index + 1, || None);
        }
        self.partitions[index] = Some(Led { epoch, loading: true, ids: BTreeMap::new() });
        self.sweeps.start(turn.now, &self.config);
    }

    /// The log has been read, up to its end, not only to the high watermark: the last record of an id wins, and the markers
    /// of prepared transactions are sent, all of them again.
    ///
    /// Ignored if the partition is not being loaded at that epoch any more.
    pub fn loaded<'b>(
        &mut self,
        turn: &mut Turn<'_>,
        partition: u32,
        epoch: CoordinatorEpoch,
        log: impl Iterator<Item = &'b RecordBatch>,
    ) {
        let Some(Some(led)) = self.partitions.get_mut(partition as usize) else { return };
        if !led.loading || led.epoch != epoch {
            return;
        }
        let mut values = BTreeMap::new();
        for batch in log {
            let Payload::TransactionLog(records) = &batch.payload else { continue };
            for record in records.iter() {
                match &record.value {
                    Some(value) => values.insert(&record.transactional_id, value),
                    None => values.remove(&record.transactional_id),
                };
            }
        }
        let mut decided = Vec::new();
        for (name, value) in values {
            let id = TransactionalId::new(Metadata::loaded((**value).clone()));
            if id.metadata.decided().is_some() {
                decided.push(name.clone());
            }
            led.ids.insert(name.clone(), id);
        }
        led.loading = false;
        for name in &decided {
            self.begin_completion(turn, partition, name);
            self.send_markers(turn, partition, name);
        }
        self.markers.flush(turn.now, &mut turn.out.net);
    }

    /// Leadership is gone. Writes under way are still to be settled by the broker; they find 16.
    pub(super) fn disown(&mut self, partition: u32) {
        self.markers.forget(partition);
        if let Some(led) = self.partitions.get_mut(partition as usize) {
            *led = None;
        }
        if self.partitions.iter().all(Option::is_none) {
            self.sweeps.stop();
        }
    }

    /// The partition that coordinates `name`, if it is owned here and loaded; else 16 or 14.
    pub(super) fn owned(&self, turn: &Turn<'_>, name: &str) -> Result<u32, ErrorCode> {
        let topic = turn.image.topic(TopicId::TRANSACTION_STATE).ok_or(ErrorCode::NotCoordinator)?;
        let partitions = topic.partitions.len() as u32;
        if partitions == 0 {
            return Err(ErrorCode::NotCoordinator);
        }
        let partition = coordinator_partition(name, partitions);
        self.available(partition).map(|_| partition)
    }

    /// The state of a partition, or why there is none: 16 or 14.
    pub(super) fn available(&self, partition: u32) -> Result<&Led, ErrorCode> {
        match self.partitions.get(partition as usize) {
            Some(Some(led)) if led.loading => Err(ErrorCode::CoordinatorLoadInProgress),
            Some(Some(led)) => Ok(led),
            _ => Err(ErrorCode::NotCoordinator),
        }
    }

    /// The state of a partition that [`Self::owned`] named.
    pub(super) fn led(&self, partition: u32) -> &Led {
        self.available(partition).expect("the partition is owned and loaded")
    }

    /// An id at the coordinator epoch at which something was begun for it. 14 or 16 if it is no longer owned, or is owned
    /// anew.
    pub(super) fn id_at(
        &mut self,
        partition: u32,
        epoch: CoordinatorEpoch,
        name: &str,
    ) -> Result<&mut TransactionalId, ErrorCode> {
        if self.available(partition)?.epoch != epoch {
            return Err(ErrorCode::NotCoordinator);
        }
        let led = self.partitions[partition as usize].as_mut().expect("the partition is available");
        led.ids.get_mut(name).ok_or(ErrorCode::NotCoordinator)
    }

    /// An id of a partition that [`Self::owned`] named, if the id exists.
    pub(super) fn id_mut(&mut self, partition: u32, name: &str) -> Option<&mut TransactionalId> {
        self.partitions[partition as usize].as_mut().and_then(|led| led.ids.get_mut(name))
    }
}
