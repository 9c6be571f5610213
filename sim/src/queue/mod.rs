//! The event queue: what happens next, in an order that depends on names only.
//!
//! Events at equal times are ordered by (class, receiver, sender, connection, ordinal on the connection). No global
//! counter enters the order, so that drawing and replaying agree, and so that an event elsewhere moves nothing here.

mod heap;
mod near;

use fencepost_protocol::time::Instant;

use heap::Heap;
use near::Near;

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

/// Where an event stands, and the slot that it waits in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub at: Instant,
    pub rank: Rank,
    pub slot: u32,
}

impl Entry {
    /// Time and rank as one number, which is compared without a branch.
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.at.0) << 64 | u128::from(self.rank.0)
    }

    /// Whether this one comes out before the other.
    #[inline]
    pub fn is_before(&self, other: &Entry) -> bool {
        let (own, others) = (self.key(), other.key());
        own < others || (own == others && self.slot < other.slot)
    }
}

/// A priority queue of events `E`.
///
/// Messages are on their way for a few milliseconds and most timers for much longer, so the next milliseconds are kept
/// apart from what lies beyond.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    near: Near,
    far: Heap,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { near: Near::default(), far: Heap::default(), slots: Vec::new(), free: Vec::new() }
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
        let entry = Entry { at, rank, slot };
        if self.near.takes(at) {
            self.near.push(entry);
        } else {
            self.far.push(entry);
        }
    }

    /// Takes the next event out.
    #[inline]
    pub fn pop(&mut self) -> Option<(Instant, Rank, E)> {
        let place = self.near.first();
        let is_near = match (place, self.far.first()) {
            (Some(place), Some(far)) => self.near.at(place).is_before(far),
            (place, _) => place.is_some(),
        };
        let Entry { at, rank, slot } =
            if is_near { self.near.take(place.expect("the next event is near")) } else { self.far.pop()? };
        self.near.advance(at);
        // Two events of one rank at one time would be ordered by where they lie, which is not part of the run.
        debug_assert!(
            self.next_entry().is_none_or(|next| (next.at, next.rank) != (at, rank))
                || rank.0 >> 61 == Class::Timer as u64,
            "two events at {at} have the same rank {:x}",
            rank.0
        );
        self.free.push(slot);
        let event = self.slots[slot as usize].take().expect("a queued slot is filled");
        Some((at, rank, event))
    }

    fn next_entry(&self) -> Option<&Entry> {
        match (self.near.first().map(|place| self.near.at(place)), self.far.first()) {
            (Some(near), Some(far)) => Some(if near.is_before(far) { near } else { far }),
            (near, far) => near.or(far),
        }
    }

    /// Number of events waiting.
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    #[test]
    fn whatever_goes_in_comes_out_in_order() {
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        let (mut word, mut now) = (1u64, 0);
        for round in 0..20_000u64 {
            word = crate::stream::mix(word);
            // Long stretches of more in than out, and of more out than in, with times that are often equal.
            // Some are near, some far.
            if word % 8 < if round / 1000 % 2 == 0 { 5 } else { 3 } {
                let at = now + ((word >> 32 & 0xff) << (word >> 16 & 0x1f));
                let rank = Rank::new(Class::Message, (word >> 8 & 0xf) as u16, 0, 0, round as u32);
                queue.push(Instant(at), rank, round);
                waiting.push((at, rank, round));
            } else {
                let least = waiting.iter().enumerate().min_by_key(|(_, entry)| **entry).map(|(index, _)| index);
                let expected = least.map(|index| waiting.swap_remove(index));
                let popped = queue.pop().map(|(at, rank, event)| (at.0, rank, event));
                assert_eq!(popped, expected);
                now = popped.map_or(now, |(at, ..)| at);
            }
            assert_eq!(queue.len(), waiting.len());
        }
    }
}
