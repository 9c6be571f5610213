//! The event queue: what happens next, in an order that depends on names only.
//!
//! Events at equal times are ordered by (class, receiver, sender, connection, ordinal on the connection). No global
//! counter enters the order, so that drawing and replaying agree, and so that an event elsewhere moves nothing here.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use fencepost_protocol::time::Instant;

/// What kind of event comes first at equal times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Class {
    /// Faults and their ends.
    Fault = 0,
    /// Messages and connection events.
    Message = 1,
    /// Timers.
    Timer = 2,
}

/// Where an event stands among those of the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u64);

impl Rank {
    /// Receivers and senders are dense numbers in the order of their names, below 4,096. `line` tells the connections of
    /// one pair apart (15 bits are kept), `ordinal` counts the messages of one connection (22 bits are kept).
    pub fn new(class: Class, receiver: u16, sender: u16, line: u16, ordinal: u32) -> Rank {
        debug_assert!(receiver < 4096 && sender < 4096, "at most 4,096 actors");
        Rank(
            (class as u64) << 61
                | u64::from(receiver) << 49
                | u64::from(sender) << 37
                | u64::from(line & 0x7fff) << 22
                | u64::from(ordinal & 0x3f_ffff),
        )
    }

    /// As a number, for the digest.
    pub fn word(self) -> u64 {
        self.0
    }
}

/// Where an event stands, and the slot that it waits in. The order is turned round, for the heap gives out the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    at: Instant,
    rank: Rank,
    slot: u32,
}

impl Entry {
    /// Time and rank as one number, which is compared without a branch.
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.at.0) << 64 | u128::from(self.rank.0)
    }
}

impl Ord for Entry {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key()).then_with(|| other.slot.cmp(&self.slot))
    }
}

impl PartialOrd for Entry {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A priority queue of events `E`.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Entry>,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new() }
    }
}

impl<E> Queue<E> {
    /// Puts an event in.
    #[inline]
    pub fn push(&mut self, at: Instant, rank: Rank, event: E) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(event);
                slot
            }
            None => {
                self.slots.push(Some(event));
                (self.slots.len() - 1) as u32
            }
        };
        self.heap.push(Entry { at, rank, slot });
    }

    /// Takes the next event out.
    #[inline]
    pub fn pop(&mut self) -> Option<(Instant, Rank, E)> {
        let Entry { at, rank, slot } = self.heap.pop()?;
        self.free.push(slot);
        let event = self.slots[slot as usize].take().expect("a queued slot is filled");
        Some((at, rank, event))
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<Instant> {
        self.heap.peek().map(|entry| entry.at)
    }

    /// Number of events waiting.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_times_go_by_class_receiver_sender_connection_and_ordinal() {
        let mut queue = Queue::default();
        let at = Instant(5);
        let ranks = [
            Rank::new(Class::Fault, 9, 9, 9, 9),
            Rank::new(Class::Message, 1, 2, 1, 0),
            Rank::new(Class::Message, 2, 0, 0, 0),
            Rank::new(Class::Message, 2, 1, 0, 1),
            Rank::new(Class::Message, 2, 1, 0, 2),
            Rank::new(Class::Message, 2, 1, 1, 0),
            Rank::new(Class::Timer, 0, 0, 0, 0),
        ];
        for (i, rank) in ranks.iter().enumerate().rev() {
            queue.push(at, *rank, i);
        }
        queue.push(Instant(4), Rank::new(Class::Timer, 9, 9, 9, 9), 100);
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop().map(|(_, _, e)| e)).collect();
        assert_eq!(order, [100, 0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn slots_are_used_again() {
        let mut queue = Queue::default();
        for round in 0..10u64 {
            queue.push(Instant(round), Rank::new(Class::Timer, 0, 0, 0, 0), round);
            assert_eq!(queue.pop().unwrap().2, round);
        }
        assert_eq!(queue.slots.len(), 1);
    }
}
