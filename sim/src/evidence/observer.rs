//! What the logs of the coordinators say, as it becomes durable: decisions of transactions, moves of committed offsets.
//!
//! Each partition is followed along its committed prefix, which no failover takes back; so whichever broker leads it,
//! everything is told once.

use std::collections::BTreeMap;

use fencepost_protocol::batch::{Payload, RecordBatch, TransactionResult};
use fencepost_protocol::ids::{Name, Offset, PartitionMap, ProducerId, TopicId, TopicPartition};
use fencepost_protocol::log::PartitionLog;
use fencepost_protocol::message::ProducerIdAndEpoch;
use fencepost_protocol::records::{EndCause, GroupLogRecord, TransactionLogRecord, TransactionState};
use fencepost_reports::history::event as h;

use super::history::{History, OffsetMove};

/// A decision that has been written and not yet been carried out.
#[derive(Clone, Copy, Debug)]
struct Decision {
    producer: ProducerIdAndEpoch,
    commit: bool,
    cause: Option<EndCause>,
}

/// Offset and record offset that a transaction would commit, by group and input partition.
type PendingOffsets = BTreeMap<(Name, TopicPartition), (Offset, Offset)>;

/// Offsets of one partition of `__consumer_offsets`.
#[derive(Clone, Debug, Default)]
struct Offsets {
    pending: BTreeMap<ProducerId, PendingOffsets>,
    /// Record offset of what is committed.
    committed: BTreeMap<(Name, TopicPartition), Offset>,
}

/// Follows the coordinators' logs.
#[derive(Debug, Default)]
pub struct Observer {
    seen: PartitionMap<Offset>,
    decisions: BTreeMap<Name, Decision>,
    offsets: BTreeMap<u32, Offsets>,
}

impl Observer {
    /// The high watermark of a coordinator's partition has moved.
    pub fn committed(&mut self, t: u64, tp: TopicPartition, log: &PartitionLog, history: &mut History<'_>) {
        let from = self.seen.get(tp).copied().unwrap_or(0);
        let upper = log.high_watermark();
        if upper <= from {
            return;
        }
        self.seen.insert(tp, upper);
        for batch in log.batches_from(from) {
            if batch.base_offset >= upper {
                break;
            }
            if batch.base_offset < from {
                continue;
            }
            if tp.topic == TopicId::TRANSACTION_STATE {
                if let Payload::TransactionLog(records) = &batch.payload {
                    records.iter().for_each(|r| self.transaction(t, r, history));
                }
            } else {
                self.offsets.entry(tp.partition).or_default().batch(t, batch, history);
            }
        }
    }

    /// A Prepare record may be overtaken by another one for the same transaction (a write that timed out and survived),
    /// so the decision is the last one before the Complete record.
    fn transaction(&mut self, t: u64, record: &TransactionLogRecord, history: &mut History<'_>) {
        let id = &record.transactional_id;
        let Some(value) = &record.value else {
            self.decisions.remove(id);
            return;
        };
        match value.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                let decision = Decision {
                    producer: value.producer,
                    commit: value.state == TransactionState::PrepareCommit,
                    cause: record.cause,
                };
                self.decisions.insert(id.clone(), decision);
            }
            TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                if let Some(decision) = self.decisions.remove(id) {
                    write_decision(t, id, decision, history);
                }
            }
            TransactionState::Ongoing
            | TransactionState::Empty
            | TransactionState::Dead
            | TransactionState::PrepareEpochFence => {}
        }
    }

    /// At the end of a run: decisions that were not carried out.
    pub fn write_undecided(&mut self, t: u64, history: &mut History<'_>) {
        for (id, decision) in std::mem::take(&mut self.decisions) {
            write_decision(t, &id, decision, history);
        }
    }
}

fn write_decision(t: u64, id: &Name, decision: Decision, history: &mut History<'_>) {
    let Some(c) = history.client_of_transactional_id(id) else { return };
    let Decision { producer, commit, cause } = decision;
    let cause = match cause {
        Some(EndCause::Timeout) => h::DecisionCause::Timeout,
        Some(EndCause::Init) => h::DecisionCause::Init,
        Some(EndCause::Request) | None => h::DecisionCause::Request,
    };
    if cause == h::DecisionCause::Timeout {
        history.timed_out(c);
    }
    let (pid, epoch) = (producer.id, producer.epoch);
    history.write(&h::Event::Decided(h::Decided { t, c, pid, epoch, commit, cause }));
}

impl Offsets {
    /// Transactional offsets take effect at their commit marker, and only where no later record was committed before
    /// (§4.2).
    fn batch(&mut self, t: u64, batch: &RecordBatch, history: &mut History<'_>) {
        match &batch.payload {
            Payload::GroupLog(records) => {
                for (index, record) in records.iter().enumerate() {
                    let record_offset = batch.base_offset + index as i64;
                    let GroupLogRecord::Offset { group_id, tp, value } = record else { continue };
                    let key = (group_id.clone(), *tp);
                    let offset = match value {
                        Some(v) if batch.transactional => {
                            self.pending.entry(batch.producer_id).or_default().insert(key, (v.offset, record_offset));
                            continue;
                        }
                        Some(v) => {
                            self.committed.insert(key, record_offset);
                            v.offset
                        }
                        None => {
                            self.committed.remove(&key);
                            self.pending.values_mut().for_each(|p| {
                                p.remove(&key);
                            });
                            -1
                        }
                    };
                    history.offset_moved(t, &OffsetMove { group: group_id.clone(), tp: *tp, offset, marker: None });
                }
            }
            Payload::Marker { result, .. } => {
                let ended = self.pending.remove(&batch.producer_id).unwrap_or_default();
                if *result == TransactionResult::Abort {
                    return;
                }
                for (key, (offset, record_offset)) in ended {
                    if self.committed.get(&key).is_some_and(|c| *c >= record_offset) {
                        continue;
                    }
                    self.committed.insert(key.clone(), record_offset);
                    let marker = Some((batch.producer_id, batch.producer_epoch));
                    history.offset_moved(t, &OffsetMove { group: key.0, tp: key.1, offset, marker });
                }
            }
            _ => {}
        }
    }
}
