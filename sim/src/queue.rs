//! The event queue: what happens next, in an order that depends on names only.
//!
//! Events at equal times are ordered by (class, receiver, sender, connection, ordinal on the connection). No global
//! counter enters the order, so that drawing and replaying agree, and so that an event elsewhere moves nothing here.

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

/// Where an event stands, and the slot that it waits in.
#[derive(Clone, Copy, Debug)]
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

    /// Whether this one comes out before the other.
    #[inline]
    fn is_before(&self, other: &Entry) -> bool {
        let (own, others) = (self.key(), other.key());
        own < others || (own == others && self.slot < other.slot)
    }
}

/// How many places lie below one place of the heap. Four are compared about as quickly as two, and the heap is half as
/// deep.
const ARITY: usize = 4;

/// A priority queue of events `E`.
///
/// A heap in an array: below place `n` are the places from `ARITY * n + 1` on. Nearly every event that comes out brings
/// another about, so the first place is left vacant until something is put in or taken out again: then one entry
/// sinks, where otherwise one would rise and one would sink.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: Vec<Entry>,
    vacant: bool,
    slots: Vec<Option<E>>,
    free: Vec<u32>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Queue { heap: Vec::new(), vacant: false, slots: Vec::new(), free: Vec::new() }
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
        if self.vacant {
            self.vacant = false;
            self.sink(entry);
        } else {
            self.heap.push(entry);
            self.rise(entry);
        }
    }

    /// Takes the next event out.
    #[inline]
    pub fn pop(&mut self) -> Option<(Instant, Rank, E)> {
        if self.vacant {
            self.vacant = false;
            let last = self.heap.pop().expect("a vacant place is a place");
            if !self.heap.is_empty() {
                self.sink(last);
            }
        }
        let Entry { at, rank, slot } = *self.heap.first()?;
        self.vacant = true;
        self.free.push(slot);
        let event = self.slots[slot as usize].take().expect("a queued slot is filled");
        Some((at, rank, event))
    }

    /// Puts an entry where it belongs, from the first place downwards.
    fn sink(&mut self, entry: Entry) {
        let heap = self.heap.as_mut_slice();
        let mut place = 0;
        loop {
            let below = ARITY * place + 1;
            let least = match heap.get(below..below + ARITY) {
                Some([a, b, c, d]) => {
                    let (ab, ab_least) = if b.is_before(a) { (below + 1, b) } else { (below, a) };
                    let (cd, cd_least) = if d.is_before(c) { (below + 3, d) } else { (below + 2, c) };
                    if cd_least.is_before(ab_least) { cd } else { ab }
                }
                _ => {
                    let mut rest = below..heap.len();
                    let Some(first) = rest.next() else { break };
                    rest.fold(first, |least, other| if heap[other].is_before(&heap[least]) { other } else { least })
                }
            };
            if entry.is_before(&heap[least]) {
                break;
            }
            heap[place] = heap[least];
            place = least;
        }
        heap[place] = entry;
    }

    /// Puts an entry where it belongs, from the last place upwards.
    fn rise(&mut self, entry: Entry) {
        let heap = self.heap.as_mut_slice();
        let mut place = heap.len() - 1;
        while place > 0 {
            let above = (place - 1) / ARITY;
            if heap[above].is_before(&entry) {
                break;
            }
            heap[place] = heap[above];
            place = above;
        }
        heap[place] = entry;
    }

    /// Number of events waiting.
    pub fn len(&self) -> usize {
        self.heap.len() - usize::from(self.vacant)
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
        let mut word = 1u64;
        for round in 0..20_000u64 {
            word = crate::stream::mix(word);
            // Long stretches of more in than out, and of more out than in, with times that are often equal.
            if word % 8 < if round / 1000 % 2 == 0 { 5 } else { 3 } {
                let at = word >> 32 & 0xff;
                let rank = Rank::new(Class::Message, (word >> 8 & 0xf) as u16, 0, 0, round as u32);
                queue.push(Instant(at), rank, round);
                waiting.push((at, rank, round));
            } else {
                let least = waiting.iter().enumerate().min_by_key(|(_, entry)| **entry).map(|(index, _)| index);
                let expected = least.map(|index| waiting.swap_remove(index));
                assert_eq!(queue.pop().map(|(at, rank, event)| (at.0, rank, event)), expected);
            }
            assert_eq!(queue.len(), waiting.len());
        }
    }
}
