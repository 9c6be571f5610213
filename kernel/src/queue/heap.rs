//! What lies beyond the next milliseconds: a heap.

use super::Entry;

/// How many places lie below one place of the heap. Four are compared about as quickly as two, and the heap is half as
/// deep.
const ARITY: usize = 4;

/// A heap in an array: below place `n` are the places from `ARITY * n + 1` on.
#[derive(Clone, Debug)]
pub(super) struct Heap<E>(Vec<Entry<E>>);

impl<E> Default for Heap<E> {
    fn default() -> Self {
        Heap(Vec::new())
    }
}

impl<E> Heap<E> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The earliest entry.
    #[inline]
    pub fn first(&self) -> Option<&Entry<E>> {
        self.0.first()
    }

    pub fn push(&mut self, entry: Entry<E>) {
        self.0.push(entry);
        let mut place = self.0.len() - 1;
        while place > 0 {
            let above = (place - 1) / ARITY;
            if !self.0[place].is_before(&self.0[above]) {
                break;
            }
            self.0.swap(place, above);
            place = above;
        }
    }

    /// Takes the earliest entry out.
    pub fn pop(&mut self) -> Option<Entry<E>> {
        if self.0.is_empty() {
            return None;
        }
        let first = self.0.swap_remove(0);
        let heap = self.0.as_mut_slice();
        let mut place = 0;
        loop {
            let mut below = ARITY * place + 1..heap.len().min(ARITY * place + ARITY + 1);
            let Some(other) = below.next() else { break };
            let least = below.fold(other, |least, n| if heap[n].is_before(&heap[least]) { n } else { least });
            if !heap[least].is_before(&heap[place]) {
                break;
            }
            heap.swap(place, least);
            place = least;
        }
        Some(first)
    }
}
