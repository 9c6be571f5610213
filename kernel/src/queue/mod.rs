//! The event queue: what happens next, in an order that depends on names only.
//!
//! Events at equal times are ordered by (class, receiver, sender, connection, ordinal on the connection). No global
//! counter enters the order, so that drawing and replaying agree, and so that an event elsewhere moves nothing here.

mod heap;
mod near;

use crate::time::Instant;

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

/// The bits of an ordinal in a rank.
const ORDINAL: u64 = 0x3f_ffff;

/// Actors from this number on do not fit into twelve bits.
const MANY: u16 = 4096;
/// The bit of ranks that concern one of them.
const FAR: u64 = 1 << 63;

/// Where an event stands among those of the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(u64);

impl Rank {
    /// Receivers and senders are dense numbers in the order of their names. `line` tells the connections of one pair apart
    /// (15 bits are kept), `ordinal` counts the messages of one connection (22 bits are kept). What concerns one of the
    /// actors from number 4,096 on comes after what does not, and fewer bits of its `line` are kept.
    pub fn new(class: Class, receiver: u16, sender: u16, line: u16, ordinal: u32) -> Rank {
        if receiver >= MANY || sender >= MANY {
            let line = u64::from(line >> 14 & 1) << 6 | u64::from(line & 0x3f);
            return Rank(
                FAR | (class as u64) << 61
                    | u64::from(receiver) << 45
                    | u64::from(sender) << 29
                    | line << 22
                    | u64::from(ordinal) & ORDINAL,
            );
        }
        Rank(
            (class as u64) << 61
                | u64::from(receiver) << 49
                | u64::from(sender) << 37
                | u64::from(line & 0x7fff) << 22
                | u64::from(ordinal) & ORDINAL,
        )
    }

    /// The same, but for the ordinal.
    #[inline]
    pub fn with_ordinal(self, ordinal: u32) -> Rank {
        Rank(self.0 & !ORDINAL | u64::from(ordinal) & ORDINAL)
    }

    /// As a number, for the digest.
    pub fn word(self) -> u64 {
        self.0
    }
}

/// An event and where it stands.
#[derive(Clone, Debug)]
pub struct Entry<E> {
    /// When.
    pub at: Instant,
    /// In which order, among those of that time.
    pub rank: Rank,
    /// What.
    pub event: E,
}

impl<E> Entry<E> {
    /// Time and rank as one number, which is compared without a branch.
    #[inline]
    fn key(&self) -> u128 {
        u128::from(self.at.0) << 64 | u128::from(self.rank.0)
    }

    /// Whether this one comes out before the other. No two events have the same time and rank, except alarms of one
    /// actor, of which all but one are stale.
    #[inline]
    fn is_before(&self, other: &Entry<E>) -> bool {
        debug_assert!(
            self.key() != other.key() || self.rank.0 >> 61 & 3 == Class::Timer as u64,
            "two events at {} have the same rank {:x}",
            self.at,
            self.rank.0
        );
        self.key() < other.key()
    }
}

/// A priority queue of events `E`, which are moved about in it and so should be small.
///
/// Messages are on their way for a few milliseconds and most timers for much longer, so the next milliseconds are kept
/// apart from what lies beyond.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    near: Near<E>,
    far: Heap<E>,
    /// Key of the first of what lies beyond.
    first_far: u128,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { near: Near::default(), far: Heap::default(), first_far: u128::MAX }
    }
}

impl<E> Queue<E> {
    /// Puts an event in.
    #[inline]
    pub fn push(&mut self, at: Instant, rank: Rank, event: E) {
        let entry = Entry { at, rank, event };
        if self.near.takes(at) {
            self.near.push(entry);
        } else {
            self.push_far(entry);
        }
    }

    /// Takes the next event out.
    #[inline]
    pub fn pop(&mut self) -> Option<Entry<E>> {
        let entry = match self.near.first() {
            Some(place) if place.key < self.first_far => self.near.take(place),
            _ => self.pop_far()?,
        };
        self.near.advance(entry.at);
        Some(entry)
    }

    #[inline(never)]
    fn push_far(&mut self, entry: Entry<E>) {
        self.first_far = self.first_far.min(entry.key());
        self.far.push(entry);
    }

    #[inline(never)]
    fn pop_far(&mut self) -> Option<Entry<E>> {
        let entry = self.far.pop();
        self.first_far = self.far.first().map_or(u128::MAX, Entry::key);
        entry
    }

    /// Time of the next event.
    pub fn next_time(&self) -> Option<Instant> {
        let first = self.near.first().map_or(self.first_far, |place| place.key.min(self.first_far));
        (!self.is_empty()).then_some(Instant((first >> 64) as u64))
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
        let order: Vec<usize> = std::iter::from_fn(|| queue.pop().map(|next| next.event)).collect();
        assert_eq!(order, [100, 0, 1, 2, 3, 4, 5, 6]);
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
                let popped = queue.pop().map(|next| (next.at.0, next.rank, next.event));
                assert_eq!(popped, expected);
                now = popped.map_or(now, |(at, ..)| at);
            }
            assert_eq!(queue.len(), waiting.len());
        }
    }
}
