//! What lies beyond the next milliseconds: a heap.

use super::Entry;

/// How many places lie below one place of the heap. Four are compared about as quickly as two, and the heap is half as
/// deep.
const ARITY: usize = 4;

/// A heap in an array: below place `n` are the places from `ARITY * n + 1` on.
#[derive(Clone, Debug, Default)]
pub(super) struct Heap(Vec<Entry>);

impl Heap {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The earliest entry.
    #[inline]
    pub fn first(&self) -> Option<&Entry> {
        self.0.first()
    }

    pub fn push(&mut self, entry: Entry) {
        let mut place = self.0.len();
        self.0.push(entry);
        while place > 0 {
            let above = (place - 1) / ARITY;
            if self.0[above].is_before(&entry) {
                break;
            }
            self.0[place] = self.0[above];
            place = above;
        }
        self.0[place] = entry;
    }

    /// Takes the earliest entry out.
    pub fn pop(&mut self) -> Option<Entry> {
        let last = self.0.pop()?;
        let Some(first) = self.0.first_mut() else { return Some(last) };
        let first = std::mem::replace(first, last);
        self.sink(last);
        Some(first)
    }

    /// Puts an entry where it belongs, from the first place downwards.
    fn sink(&mut self, entry: Entry) {
        let heap = self.0.as_mut_slice();
        let mut place = 0;
        loop {
            let mut below = ARITY * place + 1..heap.len().min(ARITY * place + ARITY + 1);
            let Some(first) = below.next() else { break };
            let least = below.fold(first, |least, n| if heap[n].is_before(&heap[least]) { n } else { least });
            if entry.is_before(&heap[least]) {
                break;
            }
            heap[place] = heap[least];
            place = least;
        }
        heap[place] = entry;
    }
}
