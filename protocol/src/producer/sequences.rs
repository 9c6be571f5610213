//! Sequence numbers of one partition (§5.5). All arithmetic is modular: where Java's client forgets that sequences wrap,
//! this one does not.

use std::collections::VecDeque;

use super::batch::{Batches, ProducerBatch, Slot};
use crate::config::Domains;
use crate::ids::*;
use crate::message::ProducerIdAndEpoch;

/// What a producer keeps for a partition to number its batches.
#[derive(Clone, Debug)]
pub(super) struct Sequences {
    /// Which sequence table this belongs to; an older one counts as empty, so that all partitions are reset at once.
    table: u64,
    pub producer: ProducerIdAndEpoch,
    pub next: Sequence,
    pub last_acked: Sequence,
    pub last_acked_offset: Offset,
    /// Batches with a sequence and without an outcome, in sequence order; sent or queued again.
    pub in_flight: VecDeque<Slot>,
}

impl Sequences {
    pub fn new() -> Sequences {
        Sequences {
            table: 0,
            producer: ProducerIdAndEpoch::NONE,
            next: 0,
            last_acked: NO_SEQUENCE,
            last_acked_offset: -1,
            in_flight: VecDeque::new(),
        }
    }

    /// Begins anew if `table` is another one.
    pub fn enter(&mut self, table: u64, producer: ProducerIdAndEpoch) {
        if self.table != table {
            self.table = table;
            self.restart(producer);
            self.in_flight.clear();
        }
    }

    /// Sequences begin at 0 for `producer`; what is in flight is left alone.
    pub fn restart(&mut self, producer: ProducerIdAndEpoch) {
        self.producer = producer;
        self.next = 0;
        self.last_acked = NO_SEQUENCE;
        self.last_acked_offset = -1;
    }

    /// Whether new batches would have to get another identity than those in flight.
    pub fn is_stale(&self, table: u64, producer: ProducerIdAndEpoch) -> bool {
        self.table != table || self.producer != producer
    }

    /// Whether `sequence` comes right after the last acknowledged one.
    pub fn is_next(&self, domains: &Domains, sequence: Sequence) -> bool {
        let expected = if self.last_acked == NO_SEQUENCE { 0 } else { domains.add(self.last_acked, 1) };
        sequence == expected
    }

    /// Whether nothing between the last acknowledged and the next new sequence is missing.
    pub fn is_complete(&self, domains: &Domains) -> bool {
        self.is_next(domains, self.next)
    }

    /// Numbers a batch that is drained for the first time.
    pub fn assign(&mut self, domains: &Domains, slot: Slot, batch: &mut ProducerBatch) {
        batch.set_producer(self.producer, self.next);
        self.next = domains.add(self.next, batch.record_count());
        self.in_flight.push_back(slot);
    }

    /// A batch was acknowledged.
    pub fn acknowledged(&mut self, domains: &Domains, batch: &ProducerBatch, base_offset: Offset, transactional: bool) {
        if batch.producer != self.producer {
            return; // it belongs to an epoch that the partition has left
        }
        let last = last_sequence(domains, batch);
        if self.last_acked == NO_SEQUENCE || is_later(domains, last, self.last_acked) {
            self.last_acked = last;
        }
        if base_offset >= 0 {
            let last_offset = base_offset + i64::from(batch.record_count()) - 1;
            if !transactional || last_offset > self.last_acked_offset {
                self.last_acked_offset = last_offset;
            }
        }
    }

    /// Forgets a batch that has its outcome; its place in the order.
    pub fn remove(&mut self, slot: Slot) -> Option<usize> {
        let place = self.in_flight.iter().position(|s| *s == slot)?;
        self.in_flight.remove(place);
        Some(place)
    }

    /// Puts the parts of a split batch where the whole one was.
    pub fn replace(&mut self, slot: Slot, parts: &[Slot]) {
        let place = self.remove(slot).unwrap_or(self.in_flight.len());
        for (i, part) in parts.iter().enumerate() {
            self.in_flight.insert(place + i, *part);
        }
    }

    /// Gives everything in flight new sequences from 0 for `producer`.
    pub fn restart_with_in_flight(
        &mut self,
        domains: &Domains,
        table: u64,
        producer: ProducerIdAndEpoch,
        batches: &mut Batches,
    ) {
        self.table = table;
        self.restart(producer);
        for slot in &self.in_flight {
            let batch = &mut batches[*slot];
            batch.rewrite(producer, self.next);
            self.next = domains.add(self.next, batch.record_count());
        }
    }

    /// Takes back the `count` sequences of a failed batch that stood at `place`: later ones shift down.
    pub fn take_back(&mut self, domains: &Domains, place: usize, count: i32, batches: &mut Batches) {
        self.next = domains.sub(self.next, count);
        for slot in self.in_flight.iter().skip(place) {
            let batch = &mut batches[*slot];
            batch.rewrite(batch.producer, domains.sub(batch.base_sequence, count));
        }
    }

    /// Where a batch that is tried again belongs in its partition's queue: after those with lower sequences.
    pub fn place_in_queue(&self, slot: Slot, queue: &VecDeque<Slot>, batches: &Batches) -> usize {
        let rank = |s: Slot| self.in_flight.iter().position(|x| *x == s);
        let own = rank(slot);
        queue.iter().take_while(|s| batches[**s].has_sequence() && rank(**s) < own).count()
    }
}

/// Sequence of a batch's last record.
pub(super) fn last_sequence(domains: &Domains, batch: &ProducerBatch) -> Sequence {
    domains.add(batch.base_sequence, batch.record_count() - 1)
}

/// Whether `a` comes after `b`, as sequences go round.
pub(super) fn is_later(domains: &Domains, a: Sequence, b: Sequence) -> bool {
    let distance = domains.sub(a, b);
    distance > 0 && distance <= domains.max_sequence / 2
}
