//! A map for few entries that mostly come in order and go in order: timers, writes that wait, requests under way.
//!
//! A sorted queue: for what goes in at the end and comes out near the front it moves little, and once it has its memory
//! it allocates nothing, where a tree makes and drops a node again and again.

use std::collections::VecDeque;

/// A map in the order of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sorted<K, V>(VecDeque<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Sorted(VecDeque::new())
    }
}

impl<K: Ord, V> Sorted<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        match self.0.front() {
            Some((first, _)) if first == key => Ok(0),
            _ => self.0.binary_search_by(|(own, _)| own.cmp(key)),
        }
    }

    /// Puts in an entry, in place of that with the same key if there is one.
    pub fn insert(&mut self, key: K, value: V) {
        if self.0.back().is_none_or(|(last, _)| *last < key) {
            self.0.push_back((key, value));
            return;
        }
        match self.place(&key) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.0.insert(place, (key, value)),
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.place(key).ok()?;
        self.0.remove(place).map(|(_, value)| value)
    }

    /// The entry of `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// The entry of `key`, mutable.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|place| &mut self.0[place].1)
    }

    /// The entry with the least key.
    #[inline]
    pub fn first(&self) -> Option<&(K, V)> {
        self.0.front()
    }

    /// Takes out the entry with the least key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_in_the_order_of_their_keys() {
        let mut map = Sorted::default();
        for key in [5, 1, 9, 3, 7] {
            map.insert(key, key * 10);
        }
        map.insert(3, 31);
        assert_eq!(map.get(&3), Some(&31));
        assert_eq!(map.remove(&5), Some(50));
        assert_eq!(map.remove(&4), None);
        *map.get_mut(&9).expect("was put in") += 1;
        assert_eq!(map.first(), Some(&(1, 10)));
        let rest: Vec<_> = std::iter::from_fn(|| map.pop_first()).collect();
        assert_eq!(rest, [(1, 10), (3, 31), (7, 70), (9, 91)]);
    }
}
