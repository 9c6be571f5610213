//! One partition's part of a fetch response, and the read_committed filter over it (§6.1).

use std::sync::Arc;

use super::event::Records;
use crate::batch::{Payload, RecordBatch, TransactionResult};
use crate::ids::*;
use crate::message::{AbortedTransaction, IsolationLevel};

/// Fetched batches that the application has not been given yet.
#[derive(Clone, Debug)]
pub(super) struct CompletedFetch {
    pub tp: TopicPartition,
    /// The broker that sent them.
    pub node: NodeId,
    batches: Vec<Arc<RecordBatch>>,
    current: usize,
    /// Whether the current batch has passed the filter.
    entered: bool,
    /// By first offset; `next_aborted` is the head of the heap of §6.1.
    aborted: Vec<AbortedTransaction>,
    next_aborted: usize,
    /// Producers whose transaction is, at this point of the log, one that will be aborted.
    active: Vec<ProducerId>,
    filter: bool,
    /// Next offset to deliver.
    pub next_offset: Offset,
    /// Leader epoch of the last batch looked at.
    pub last_epoch: LeaderEpoch,
}

impl CompletedFetch {
    pub fn new(
        tp: TopicPartition,
        node: NodeId,
        isolation: IsolationLevel,
        fetch_offset: Offset,
        batches: Vec<Arc<RecordBatch>>,
        mut aborted: Vec<AbortedTransaction>,
    ) -> CompletedFetch {
        aborted.sort_unstable_by_key(|txn| txn.first_offset);
        CompletedFetch {
            tp,
            node,
            batches,
            current: 0,
            entered: false,
            aborted,
            next_aborted: 0,
            active: Vec::new(),
            filter: isolation == IsolationLevel::ReadCommitted,
            next_offset: fetch_offset,
            last_epoch: NO_LEADER_EPOCH,
        }
    }

    /// Whether everything was delivered or skipped. The position then is past the last batch.
    pub fn is_drained(&self) -> bool {
        self.current >= self.batches.len()
    }

    /// The next records, at most `max` of them (at least 1) and all of one batch; `None` when drained.
    pub fn take(&mut self, max: usize) -> Option<Records> {
        while let Some(batch) = self.batches.get(self.current) {
            if !self.entered {
                self.last_epoch = batch.leader_epoch;
                if self.filter && batch.producer_id != NO_PRODUCER_ID {
                    while let Some(txn) = self.aborted.get(self.next_aborted)
                        && txn.first_offset <= batch.last_offset()
                    {
                        if !self.active.contains(&txn.producer_id) {
                            self.active.push(txn.producer_id);
                        }
                        self.next_aborted += 1;
                    }
                    if let Payload::Marker { result: TransactionResult::Abort, .. } = batch.payload {
                        self.active.retain(|pid| *pid != batch.producer_id);
                    } else if batch.transactional && self.active.contains(&batch.producer_id) {
                        self.leave();
                        continue;
                    }
                }
                self.entered = true;
            }
            let batch = &self.batches[self.current];
            let count = batch.records().len() as i64;
            let first = (self.next_offset - batch.base_offset).max(0);
            if first >= count {
                self.leave();
                continue;
            }
            let end = count.min(first.saturating_add(max as i64));
            let records = Records { tp: self.tp, batch: Arc::clone(batch), range: first as u32..end as u32 };
            self.next_offset = batch.base_offset + end;
            if end == count && self.current + 1 == self.batches.len() {
                self.leave();
            }
            return Some(records);
        }
        None
    }

    /// Goes past the current batch. An old batch in front of the fetch offset moves nothing.
    fn leave(&mut self) {
        self.next_offset = self.next_offset.max(self.batches[self.current].next_offset());
        self.current += 1;
        self.entered = false;
    }
}
