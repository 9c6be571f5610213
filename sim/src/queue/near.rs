//! The next milliseconds: short unordered lists, one for each quarter of a millisecond or so, and a bit for each list
//! that is not empty. The earliest entry is the least of the first list with a bit.

use fencepost_protocol::time::Instant;

use super::Entry;

/// A list is for 2^18 ns, so that 64 of them reach 16.8 ms ahead: further than most messages travel, with a few entries
/// in each.
const SPAN_BITS: u32 = 18;
const LISTS: u64 = 64;

/// A place in the lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    list: usize,
    index: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Near<E> {
    lists: Vec<Vec<Entry<E>>>,
    filled: u64,
    /// Number of the span that the last event taken out was in; the spans from this on have lists.
    current: u64,
}

impl<E> Default for Near<E> {
    fn default() -> Self {
        Near { lists: (0..LISTS).map(|_| Vec::new()).collect(), filled: 0, current: 0 }
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
        let entries = self.lists[list].as_slice();
        let index = (1..entries.len())
            .fold(0, |least, index| if entries[index].is_before(&entries[least]) { index } else { least });
        Some(Place { list, index })
    }

    #[inline]
    pub fn at(&self, place: Place) -> &Entry<E> {
        &self.lists[place.list][place.index]
    }

    /// Takes an entry out.
    #[inline]
    pub fn take(&mut self, place: Place) -> Entry<E> {
        let entries = &mut self.lists[place.list];
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
