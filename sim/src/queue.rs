//! The event queue: what happens next, in an order that depends on names only.
//!
//! Events at equal times are ordered by (class, receiver, sender, connection, ordinal on the connection). No global
//! counter enters the order, so that drawing and replaying agree, and so that an event elsewhere moves nothing here.

use std::cmp::Reverse;
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

/// A priority queue of events `E`.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Reverse<(u128, u32)>>,
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
        self.heap.push(Reverse((u128::from(at.0) << 64 | u128::from(rank.0), slot)));
    }

    /// Takes the next event out.
    #[inline]
    pub fn pop(&mut self) -> Option<(Instant, Rank, E)> {
        let Reverse((key, slot)) = self.heap.pop()?;
        // Two events of one rank at one time would be ordered by their slots, which are not part of the run.
        debug_assert!(
            self.heap.peek().is_none_or(|Reverse((next, _))| *next != key || (key as u64) >> 61 == Class::Timer as u64),
            "two events at {} have the same rank {:x}",
            key >> 64,
            key as u64
        );
        self.free.push(slot);
        let event = self.slots[slot as usize].take().expect("a queued slot is filled");
        Some((Instant((key >> 64) as u64), Rank(key as u64), event))
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((key, _))| Instant((key >> 64) as u64))
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
