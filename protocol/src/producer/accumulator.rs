//! Records on their way: waiting for memory or metadata, in batches, in queues by partition (§5.5).

use std::collections::{BTreeSet, VecDeque};

use super::batch::{Batches, ProducerBatch, Slot};
use super::sequences::Sequences;
use crate::batch::{BATCH_OVERHEAD, Record};
use crate::ids::*;
use crate::time::{Instant, Span};

/// Whether a partition belongs to the open transaction (§5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    None,
    /// To be added by the next AddPartitionsToTxn, or being added.
    Pending,
    /// Added; with transaction version 2 from the first record on.
    Added,
}

/// One partition that was written to.
#[derive(Clone, Debug)]
pub(super) struct Partition {
    pub queue: VecDeque<Slot>,
    /// Records in the batch that was drained last.
    pub usual_records: usize,
    pub leader: Option<NodeId>,
    pub leader_epoch: LeaderEpoch,
    /// Where it is scheduled, see [`super::nodes::Node::schedule`].
    pub scheduled: Option<(NodeId, Instant)>,
    /// A batch is in flight and `max.in.flight.requests.per.connection` is 1.
    pub muted: bool,
    pub membership: Membership,
    pub sequences: Sequences,
    /// The sequence after an expired batch whose fate is unknown (§5.7).
    pub unresolved: Option<Sequence>,
}

impl Partition {
    pub fn new(leader: Option<NodeId>, leader_epoch: LeaderEpoch) -> Partition {
        Partition {
            queue: VecDeque::new(),
            usual_records: 0,
            leader,
            leader_epoch,
            scheduled: None,
            muted: false,
            membership: Membership::None,
            sequences: Sequences::new(),
            unresolved: None,
        }
    }
}

/// A record and where it is to go, as Java's class of that name.
#[derive(Clone, Debug)]
pub struct ProducerRecord {
    /// Its topic.
    pub topic: TopicId,
    /// Its partition, if the application chooses it.
    pub partition: Option<u32>,
    /// What is written.
    pub record: Record,
}

/// A record whose `send` blocks, as Java's would.
#[derive(Clone, Debug)]
pub(super) struct WaitingRecord {
    pub deadline: Instant,
    pub generation: u64,
    pub token: u64,
    pub record: ProducerRecord,
}

/// What a record waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitsFor {
    Metadata,
    Memory,
}

/// Counts what is unfinished by the flush that it belongs to: a flush is over when everything that came before it is.
#[derive(Clone, Debug)]
pub(super) struct Generations {
    first: u64,
    counts: VecDeque<u32>,
    total: u32,
}

impl Generations {
    fn new() -> Generations {
        Generations { first: 0, counts: VecDeque::from([0]), total: 0 }
    }

    /// Generation of what begins now.
    pub fn current(&self) -> u64 {
        self.first + self.counts.len() as u64 - 1
    }

    pub fn begin(&mut self, generation: u64) {
        self.counts[(generation - self.first) as usize] += 1;
        self.total += 1;
    }

    pub fn end(&mut self, generation: u64) {
        self.counts[(generation - self.first) as usize] -= 1;
        self.total -= 1;
    }

    /// Begins a flush.
    pub fn flush(&mut self) {
        self.counts.push_back(0);
    }

    /// Whether a flush has just ended; ask until it says no.
    pub fn flushed(&mut self) -> bool {
        let over = self.counts.len() > 1 && self.counts[0] == 0;
        if over {
            self.counts.pop_front();
            self.first += 1;
        }
        over
    }

    pub fn flush_in_progress(&self) -> bool {
        self.counts.len() > 1
    }

    /// Unfinished batches and waiting records.
    pub fn incomplete(&self) -> u32 {
        self.total
    }
}

/// What became of a record that was offered to the accumulator.
pub(super) enum Appended {
    /// It joined a batch that still has room.
    Joined,
    /// It began a batch, or filled one: the partition's schedule has changed.
    News,
    /// There is no memory; here it is back.
    NoMemory(Record),
}

/// The accumulator.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    pub partitions: PartitionMap<Partition>,
    pub batches: Batches,
    pub waiting: VecDeque<WaitingRecord>,
    /// What the first waiting record waits for.
    pub waits_for: WaitsFor,
    /// Delivery deadlines of unfinished batches.
    pub expiry: BTreeSet<(Instant, u64, Slot)>,
    pub generations: Generations,
    /// Partitions with a queue.
    pub queued: BTreeSet<TopicPartition>,
    /// Those of them without a known leader.
    pub leaderless: BTreeSet<TopicPartition>,
    batch_size: u32,
    delivery_timeout: Span,
    buffer_memory: i64,
    free_memory: i64,
}

impl Accumulator {
    pub fn new(batch_size: i32, buffer_memory: i64, delivery_timeout: Span) -> Accumulator {
        Accumulator {
            partitions: PartitionMap::new(),
            batches: Batches::default(),
            waiting: VecDeque::new(),
            waits_for: WaitsFor::Metadata,
            expiry: BTreeSet::new(),
            generations: Generations::new(),
            queued: BTreeSet::new(),
            leaderless: BTreeSet::new(),
            batch_size: batch_size.max(1) as u32,
            delivery_timeout,
            buffer_memory,
            free_memory: buffer_memory,
        }
    }

    /// Puts a record into the last batch of its partition, or into a new one.
    pub fn append(
        &mut self,
        tp: TopicPartition,
        token: u64,
        mut record: Record,
        now: Instant,
        generation: u64,
    ) -> Appended {
        let partition = self.partitions.get_mut(tp).expect("the partition was entered before the record");
        if let Some(&slot) = partition.queue.back() {
            let batch = &mut self.batches[slot];
            match batch.try_append(token, record, self.batch_size) {
                Ok(()) if batch.is_full(self.batch_size) => return Appended::News,
                Ok(()) => return Appended::Joined,
                Err(back) => record = back,
            }
        }
        let wanted = i64::from(self.batch_size.max(record.size() + BATCH_OVERHEAD));
        let memory = wanted.min(self.buffer_memory);
        if memory > self.free_memory {
            return Appended::NoMemory(record);
        }
        self.free_memory -= memory;
        let mut batch = ProducerBatch::new(tp, now, generation, memory, partition.usual_records);
        batch.try_append(token, record, self.batch_size).expect("the first record always fits");
        batch.queued = true;
        let slot = self.batches.insert(batch);
        partition.queue.push_back(slot);
        self.queued.insert(tp);
        self.expiry.insert((now + self.delivery_timeout, self.batches[slot].serial, slot));
        self.generations.begin(generation);
        Appended::News
    }

    /// Removes a batch from its partition's queue, if it is there.
    pub fn unqueue(&mut self, slot: Slot) {
        let batch = &mut self.batches[slot];
        if batch.queued {
            batch.queued = false;
            let partition = self.partitions.get_mut(batch.tp).expect("a batch has a partition");
            partition.queue.retain(|s| *s != slot);
            if partition.queue.is_empty() {
                self.queued.remove(&batch.tp);
            }
        }
    }

    /// Gives the slot and the memory of a batch back once it is done and nothing is in flight for it.
    pub fn release(&mut self, slot: Slot) {
        let batch = &self.batches[slot];
        if batch.done && !batch.on_wire && !batch.queued {
            self.free_memory += batch.memory;
            self.batches.remove(slot);
        }
    }
}
