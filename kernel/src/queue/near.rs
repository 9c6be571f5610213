//! The next milliseconds: short unordered lists, one for each quarter of a millisecond or so, and a bit for each list
//! that is not empty. The earliest entry is the least of the first list with a bit.

use crate::time::Instant;

use super::Entry;

/// A list is for 2^18 ns, so that 64 of them reach 16.8 ms ahead: further than most messages travel, with a few entries
/// in each.
const SPAN_BITS: u32 = 18;
const LISTS: u64 = 64;

/// A place in the lists, and the key of the entry that is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub key: u128,
    list: usize,
    index: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Near<E> {
    lists: Box<[Vec<Entry<E>>; LISTS as usize]>,
    filled: u64,
    /// Number of the span that the last event taken out was in; the spans from this on have lists.
    current: u64,
}

impl<E> Default for Near<E> {
    fn default() -> Self {
        Near { lists: Box::new([const { Vec::new() }; LISTS as usize]), filled: 0, current: 0 }
    }
}

impl<E> Near<E> {
    pub fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Whether there is a list for that time.
    #[inline]
    pub fn takes(&self, at: Instant) -> bool {
        (at.0 >> SPAN_BITS).wrapping_sub(self.current) < LISTS
    }

    /// Puts an entry in, for whose time there is a list.
    #[inline]
    pub fn push(&mut self, entry: Entry<E>) {
        let list = (entry.at.0 >> SPAN_BITS) % LISTS;
        self.lists[list as usize].push(entry);
        self.filled |= 1 << list;
    }

    /// Where the earliest entry is.
    #[inline]
    pub fn first(&self) -> Option<Place> {
        if self.filled == 0 {
            return None;
        }
        let start = (self.current % LISTS) as u32;
        let list = (start + self.filled.rotate_right(start).trailing_zeros()) as usize % LISTS as usize;
        let (head, rest) = self.lists[list].split_first().expect("a list with a bit has entries");
        let mut first = Place { key: head.key(), list, index: 0 };
        for (index, entry) in rest.iter().enumerate() {
            let key = entry.key();
            if key < first.key {
                first = Place { key, list, index: index + 1 };
            }
        }
        Some(first)
    }

    /// Takes an entry out.
    #[inline]
    pub fn take(&mut self, place: Place) -> Entry<E> {
        let entries = &mut self.lists[place.list % LISTS as usize];
        let entry = entries.swap_remove(place.index);
        if entries.is_empty() {
            self.filled &= !(1 << place.list);
        }
        entry
    }

    /// The next event was at that time: nothing is put in before it any more, and if something is, it has no list.
    #[inline]
    pub fn advance(&mut self, at: Instant) {
        self.current = self.current.max(at.0 >> SPAN_BITS);
    }
}
