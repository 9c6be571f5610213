//! Tables over offsets: dense where offsets are dense, and no larger than a page for each lonely one.

use std::collections::BTreeMap;

/// Entries of a page.
const PAGE: usize = 128;
/// How far beyond its end the dense part may grow at once, in pages.
const REACH: usize = 1 << 12;

/// A table from offsets to `T`; what was never written has the value `empty`.
#[derive(Clone, Debug)]
pub(crate) struct Paged<T: Copy> {
    near: Vec<Option<Box<[T; PAGE]>>>,
    /// Pages at or beyond the end of `near`.
    far: BTreeMap<i64, Box<[T; PAGE]>>,
    empty: T,
}

impl<T: Copy> Paged<T> {
    pub(crate) fn new(empty: T) -> Paged<T> {
        Paged { near: Vec::new(), far: BTreeMap::new(), empty }
    }

    #[inline]
    fn split(index: i64) -> (i64, usize) {
        (index >> 7, (index & 127) as usize)
    }

    #[inline]
    pub(crate) fn get(&self, index: i64) -> T {
        let (page, within) = Self::split(index);
        match usize::try_from(page).ok().and_then(|page| self.near.get(page)) {
            Some(Some(page)) => page[within],
            Some(None) => self.empty,
            None => self.far.get(&page).map_or(self.empty, |page| page[within]),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: i64) -> &mut T {
        let (page, within) = Self::split(index);
        let empty = self.empty;
        let fresh = || Box::new([empty; PAGE]);
        match usize::try_from(page) {
            Ok(near) if near < self.near.len() + REACH => {
                if near >= self.near.len() {
                    self.grow(near + 1);
                }
                &mut self.near[near].get_or_insert_with(fresh)[within]
            }
            _ => &mut self.far.entry(page).or_insert_with(fresh)[within],
        }
    }

    #[cold]
    fn grow(&mut self, pages: usize) {
        self.near.resize(pages, None);
        while let Some(first) = self.far.first_entry() {
            match usize::try_from(*first.key()) {
                Ok(page) if page < pages => self.near[page] = Some(first.remove()),
                _ => break,
            }
        }
    }

    /// Pages that were written and hold any of `start..end`, each with the index of its first entry.
    fn pages_within(&mut self, start: i64, end: i64) -> impl Iterator<Item = (i64, &mut [T; PAGE])> {
        let (first, last) = (start >> 7, (end - 1) >> 7);
        let len = self.near.len();
        let near = |page: i64| usize::try_from(page.max(0)).map_or(len, |page| page.min(len));
        let (from, to) = (near(first), near(last.saturating_add(1)));
        let dense = self.near.get_mut(from..to.max(from)).unwrap_or_default().iter_mut().enumerate();
        let dense = dense.filter_map(move |(n, page)| Some((((from + n) as i64) << 7, &mut **page.as_mut()?)));
        dense.chain(self.far.range_mut(first..=last.max(first)).map(|(n, page)| (n << 7, &mut **page)))
    }

    /// Pages that were written, in order, each with the index of its first entry.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (i64, &[T; PAGE])> {
        let near = self.near.iter().enumerate().filter_map(|(n, page)| Some(((n as i64) << 7, &**page.as_ref()?)));
        near.chain(self.far.iter().map(|(n, page)| (n << 7, &**page)))
    }
}

/// A set of offsets, one bit each.
#[derive(Clone, Debug)]
pub(crate) struct Bits(Paged<u64>);

impl Default for Bits {
    fn default() -> Bits {
        Bits(Paged::new(0))
    }
}

impl Bits {
    #[inline]
    pub(crate) fn get(&self, offset: i64) -> bool {
        self.0.get(offset >> 6) >> (offset & 63) & 1 == 1
    }

    /// Adds `offset`; whether it was not there yet.
    #[inline]
    pub(crate) fn set(&mut self, offset: i64) -> bool {
        let word = self.0.get_mut(offset >> 6);
        let bit = 1 << (offset & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Adds `start..end`.
    pub(crate) fn set_range(&mut self, start: i64, end: i64) {
        (start..end).for_each(|offset| {
            self.set(offset);
        });
    }

    /// Removes `start..end`, in time that depends on what is there and not on how far apart the two are.
    pub(crate) fn clear_range(&mut self, start: i64, end: i64) {
        if start >= end {
            return;
        }
        let (first, last) = (start >> 6, (end - 1) >> 6);
        for (index, page) in self.0.pages_within(first, last + 1) {
            for (n, word) in page.iter_mut().enumerate().filter(|(_, word)| **word != 0) {
                let at = index + n as i64;
                if !(first..=last).contains(&at) {
                    continue;
                }
                let low = if at == first { u64::MAX << (start & 63) } else { u64::MAX };
                let high = if at == last { u64::MAX >> (63 - ((end - 1) & 63)) } else { u64::MAX };
                *word &= !(low & high);
            }
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.pages().all(|(_, page)| page.iter().all(|word| *word == 0))
    }

    /// How many there are in `start..end`.
    pub(crate) fn count(&self, start: i64, end: i64) -> u64 {
        self.words(start, end).map(|(_, word)| u64::from(word.count_ones())).sum()
    }

    /// How many of those in `start..end` are also in `other`.
    pub(crate) fn count_common(&self, other: &Bits, start: i64, end: i64) -> u64 {
        self.words(start, end).map(|(n, word)| u64::from((word & other.0.get(n)).count_ones())).sum()
    }

    /// Words with what of them lies in `start..end`.
    fn words(&self, start: i64, end: i64) -> impl Iterator<Item = (i64, u64)> + '_ {
        let pages = self.0.pages().filter(move |(first, _)| *first << 6 < end && (first + PAGE as i64) << 6 > start);
        let words =
            pages.flat_map(|(first, page)| page.iter().enumerate().map(move |(n, word)| (first + n as i64, *word)));
        words.filter(|(_, word)| *word != 0).map(move |(n, word)| {
            let (low, high) = (start.saturating_sub(n << 6), end.saturating_sub(n << 6));
            let from = if low <= 0 {
                u64::MAX
            } else if low >= 64 {
                0
            } else {
                u64::MAX << low
            };
            let to = if high >= 64 {
                u64::MAX
            } else if high <= 0 {
                0
            } else {
                !(u64::MAX << high)
            };
            (n, word & from & to)
        })
    }

    /// The offsets, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> {
        self.0.pages().flat_map(|(first, page)| {
            page.iter().enumerate().flat_map(move |(n, word)| {
                let base = (first + n as i64) << 6;
                ones(*word).map(move |bit| base + i64::from(bit))
            })
        })
    }

    /// The offsets in `start..end` that are not in `other`, in order.
    pub(crate) fn missing_from<'a>(&'a self, other: &'a Bits, start: i64, end: i64) -> impl Iterator<Item = i64> + 'a {
        self.0.pages().filter(move |(first, _)| first << 6 < end && (first + PAGE as i64) << 6 > start).flat_map(
            move |(first, page)| {
                page.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(move |(n, word)| {
                    let n = first + n as i64;
                    let left = word & !other.0.get(n);
                    ones(left).map(move |bit| (n << 6) + i64::from(bit)).filter(move |o| (start..end).contains(o))
                })
            },
        )
    }
}

fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros();
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_pages_are_found_and_join_the_dense_part_when_it_reaches_them() {
        let mut table = Paged::new(0u8);
        let far = (REACH as i64 + 10) << 7;
        *table.get_mut(far) = 7;
        *table.get_mut(i64::MAX) = 9;
        assert_eq!((table.get(far), table.get(i64::MAX), table.get(3), table.far.len()), (7, 9, 0, 2));
        for page in (0..REACH as i64 + 20).step_by(REACH / 2) {
            *table.get_mut(page << 7) = 1;
        }
        *table.get_mut((REACH as i64 + 11) << 7) = 2;
        assert_eq!((table.get(far), table.far.len()), (7, 1));
        let firsts: Vec<i64> = table.pages().map(|(first, _)| first).collect();
        assert!(firsts.is_sorted(), "{firsts:?}");
    }

    #[test]
    fn bits_are_set_listed_and_cleared() {
        let mut bits = Bits::default();
        assert!(bits.set(63) && bits.set(64) && !bits.set(64));
        bits.set_range(100, 103);
        bits.clear_range(101, 102);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [63, 64, 100, 102]);
        let mut other = Bits::default();
        other.set(64);
        assert_eq!(bits.missing_from(&other, 63, 102).collect::<Vec<_>>(), [63, 100]);
        assert_eq!(bits.missing_from(&other, 63, 63).count(), 0);
        assert_eq!(
            (bits.count(0, i64::MAX), bits.count(63, 64), bits.count(64, 102), bits.count(65, 65)),
            (4, 1, 2, 0)
        );
        assert_eq!((bits.count_common(&other, 0, 200), bits.count_common(&other, 65, 200)), (1, 0));
        assert!(Bits::default().is_empty() && !bits.is_empty());
    }

    #[test]
    fn a_range_is_cleared_however_far_its_ends_are_apart() {
        let mut bits = Bits::default();
        let far = 1 << 61;
        for offset in [0, 63, 64, 127, 128, 8191, 8192, 20_000, far, far + 1] {
            bits.set(offset);
        }
        bits.clear_range(64, 64);
        bits.clear_range(64, 128);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 128, 8191, 8192, 20_000, far, far + 1]);
        bits.clear_range(8192, far + 1);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 128, 8191, far + 1]);
        bits.clear_range(1, 1 << 62);
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0]);
    }
}
