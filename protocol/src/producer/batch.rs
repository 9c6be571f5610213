//! A producer's batch: open while records join it, closed when it is first handed to the network.

use std::sync::Arc;

use super::event::Certainty;
use crate::batch::{BATCH_OVERHEAD, Payload, Record, RecordBatch};
use crate::ids::*;
use crate::message::ProducerIdAndEpoch;
use crate::time::Instant;

/// Index of a batch in [`Batches`]. Reused once the batch is done and off the wire.
pub(super) type Slot = u32;

#[derive(Clone, Debug)]
enum Contents {
    Open(Vec<Record>),
    Closed(Arc<[Record]>),
}

/// One batch.
#[derive(Clone, Debug)]
pub(super) struct ProducerBatch {
    pub tp: TopicPartition,
    /// Number of the batch since the producer began; orders batches of equal age.
    pub serial: u64,
    pub created: Instant,
    /// Which flush waits for it, see [`super::accumulator::Generations`].
    pub generation: u64,
    contents: Contents,
    pub tokens: Vec<u64>,
    /// Bytes with the batch header.
    pub size: u32,
    /// Bytes of `buffer.memory` that it holds.
    pub memory: i64,
    max_timestamp_ms: i64,
    pub transactional: bool,
    /// Identity under which it is, or will be, sent; set when it is first drained.
    pub producer: ProducerIdAndEpoch,
    pub base_sequence: Sequence,
    /// Its sequence was rewritten while it was in flight.
    pub sequence_reset: bool,
    /// How often it was queued again.
    pub attempts: i32,
    /// End of the retry back-off.
    pub not_before: Instant,
    leader_epoch: LeaderEpoch,
    attempts_at_leader_change: i32,
    /// An attempt ended without anybody knowing whether it was written.
    pub maybe_written: bool,
    /// A request that carries it is in flight.
    pub on_wire: bool,
    /// In its partition's queue.
    pub queued: bool,
    /// Its records have their fate; what happens later is bookkeeping only.
    pub done: bool,
    wire: Option<Arc<RecordBatch>>,
}

impl ProducerBatch {
    /// An empty batch with room for as many records as the previous one had.
    pub fn new(tp: TopicPartition, created: Instant, generation: u64, memory: i64, usual: usize) -> ProducerBatch {
        ProducerBatch {
            tp,
            serial: 0,
            created,
            generation,
            contents: Contents::Open(Vec::with_capacity(usual)),
            tokens: Vec::with_capacity(usual),
            size: BATCH_OVERHEAD,
            memory,
            max_timestamp_ms: i64::MIN,
            transactional: false,
            producer: ProducerIdAndEpoch::NONE,
            base_sequence: NO_SEQUENCE,
            sequence_reset: false,
            attempts: 0,
            not_before: Instant::ZERO,
            leader_epoch: NO_LEADER_EPOCH,
            attempts_at_leader_change: -1,
            maybe_written: false,
            on_wire: false,
            queued: false,
            done: false,
            wire: None,
        }
    }

    /// Adds a record if the batch is open and has room; gives it back otherwise. The first record always fits.
    pub fn try_append(&mut self, token: u64, record: Record, batch_size: u32) -> Result<(), Record> {
        let Contents::Open(records) = &mut self.contents else { return Err(record) };
        let size = record.size();
        if !records.is_empty() && self.size.saturating_add(size) > batch_size {
            return Err(record);
        }
        self.size += size;
        self.max_timestamp_ms = self.max_timestamp_ms.max(record.timestamp_ms);
        records.push(record);
        self.tokens.push(token);
        Ok(())
    }

    /// Whether nothing can join it any more.
    pub fn is_full(&self, batch_size: u32) -> bool {
        matches!(self.contents, Contents::Closed(_)) || self.size >= batch_size
    }

    pub fn record_count(&self) -> i32 {
        self.tokens.len() as i32
    }

    pub fn has_sequence(&self) -> bool {
        self.base_sequence != NO_SEQUENCE
    }

    /// Gives it its identity: when it is drained, or in an epoch rewrite.
    pub fn set_producer(&mut self, producer: ProducerIdAndEpoch, base_sequence: Sequence) {
        self.producer = producer;
        self.base_sequence = base_sequence;
        self.wire = None;
    }

    /// Gives a batch in flight another identity (§5.6, and the take-back of §5.4).
    pub fn rewrite(&mut self, producer: ProducerIdAndEpoch, base_sequence: Sequence) {
        self.set_producer(producer, base_sequence);
        self.sequence_reset = true;
    }

    /// Closes the batch and returns its records.
    pub fn close(&mut self) -> Arc<[Record]> {
        if let Contents::Open(records) = &mut self.contents {
            self.contents = Contents::Closed(core::mem::take(records).into());
        }
        let Contents::Closed(records) = &self.contents else { unreachable!("it was closed just above") };
        records.clone()
    }

    /// Closes the batch and returns what goes over the wire.
    pub fn wire(&mut self) -> Arc<RecordBatch> {
        if let Some(wire) = &self.wire {
            return wire.clone();
        }
        let records = self.close();
        let wire = Arc::new(RecordBatch {
            base_offset: 0,
            last_offset_delta: records.len() as i32 - 1,
            leader_epoch: NO_LEADER_EPOCH,
            transactional: self.transactional,
            producer_id: self.producer.id,
            producer_epoch: self.producer.epoch,
            base_sequence: self.base_sequence,
            max_timestamp_ms: self.max_timestamp_ms,
            size: self.size,
            payload: Payload::Records(records.into()),
        });
        self.wire = Some(wire.clone());
        wire
    }

    /// Takes note of the leader epoch at which it is going to be sent; a change ends a retry's back-off early, once.
    pub fn note_leader_epoch(&mut self, epoch: LeaderEpoch) {
        if epoch > self.leader_epoch {
            self.leader_epoch = epoch;
            self.attempts_at_leader_change = self.attempts;
        }
    }

    /// Earliest time at which a retry may be sent; `ZERO` for a first attempt or after a change of leader.
    pub fn retry_at(&self) -> Instant {
        if self.attempts == 0 || self.attempts == self.attempts_at_leader_change {
            Instant::ZERO
        } else {
            self.not_before
        }
    }

    /// Whether its records may be in the log although they failed.
    pub fn certainty(&self) -> Certainty {
        if self.maybe_written || self.on_wire { Certainty::Unknown } else { Certainty::Definite }
    }

    /// Cuts the batch into batches of at most `target` bytes (at least one record each) that keep its sequence range
    /// (§5.4, MESSAGE_TOO_LARGE).
    pub fn split(&mut self, target: u32, add: impl Fn(Sequence, i32) -> Sequence) -> Vec<ProducerBatch> {
        let records = self.close();
        let mut parts: Vec<ProducerBatch> = Vec::new();
        for (record, token) in records.iter().zip(&self.tokens) {
            let mut pending = Some(record.clone());
            if let Some(last) = parts.last_mut() {
                pending = last.try_append(*token, record.clone(), target).err();
            }
            if let Some(record) = pending {
                let mut part = ProducerBatch::new(self.tp, self.created, self.generation, 0, 0);
                part.transactional = self.transactional;
                part.maybe_written = self.maybe_written;
                part.leader_epoch = self.leader_epoch;
                part.try_append(*token, record, target).expect("the first record always fits");
                parts.push(part);
            }
        }
        let mut sequence = self.base_sequence;
        for part in &mut parts {
            part.close();
            part.set_producer(self.producer, sequence);
            sequence = add(sequence, part.record_count());
        }
        if let Some(first) = parts.first_mut() {
            first.memory = self.memory;
        }
        self.memory = 0;
        parts
    }
}

/// All batches that are not done, or whose request is still in flight.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches {
    slots: Vec<Option<ProducerBatch>>,
    free: Vec<Slot>,
    next_serial: u64,
}

impl Batches {
    pub fn insert(&mut self, mut batch: ProducerBatch) -> Slot {
        batch.serial = self.next_serial;
        self.next_serial += 1;
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(batch);
                slot
            }
            None => {
                self.slots.push(Some(batch));
                (self.slots.len() - 1) as Slot
            }
        }
    }

    pub fn remove(&mut self, slot: Slot) -> ProducerBatch {
        let batch = self.slots[slot as usize].take().expect("a batch is removed once");
        self.free.push(slot);
        batch
    }

    /// Every batch, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &ProducerBatch)> {
        self.slots.iter().enumerate().filter_map(|(i, b)| b.as_ref().map(|b| (i as Slot, b)))
    }
}

impl core::ops::Index<Slot> for Batches {
    type Output = ProducerBatch;
    fn index(&self, slot: Slot) -> &ProducerBatch {
        self.slots[slot as usize].as_ref().expect("a slot is used only while its batch lives")
    }
}

impl core::ops::IndexMut<Slot> for Batches {
    fn index_mut(&mut self, slot: Slot) -> &mut ProducerBatch {
        self.slots[slot as usize].as_mut().expect("a slot is used only while its batch lives")
    }
}
