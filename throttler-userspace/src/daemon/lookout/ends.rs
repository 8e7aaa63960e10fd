//! What ends at a time that is known ahead: bans. At most so many.

use std::collections::{BTreeMap, BTreeSet};

/// Ends by time, and by whose they are.
#[derive(Debug)]
pub(super) struct Ends<K> {
    /// When, in monotonic nanoseconds.
    of: BTreeMap<K, u64>,
    in_order: BTreeSet<(u64, K)>,
    most: usize,
    /// Those that there was no room for.
    pub(super) beyond: u64,
}

impl<K: Copy + Ord> Ends<K> {
    /// Room for so many.
    pub(super) const fn new(most: usize) -> Self {
        Self {
            of: BTreeMap::new(),
            in_order: BTreeSet::new(),
            most,
            beyond: 0,
        }
    }

    /// Notes an end, in the place of an earlier one. Whether there was room.
    pub(super) fn put(&mut self, key: K, at: u64) -> bool {
        if !self.of.contains_key(&key) && self.of.len() >= self.most {
            self.beyond += 1;
            return false;
        }
        if let Some(before) = self.of.insert(key, at) {
            self.in_order.remove(&(before, key));
        }
        self.in_order.insert((at, key));
        true
    }

    /// Forgets an end; whether it was known.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let found = self.of.remove(key);
        if let Some(at) = &found {
            self.in_order.remove(&(*at, *key));
        }
        found.is_some()
    }

    /// When the next one is.
    pub(super) fn next(&self) -> Option<u64> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// Takes the first one that has come.
    pub(super) fn take(&mut self, now: u64) -> Option<K> {
        let (at, key) = *self.in_order.first()?;
        if at > now {
            return None;
        }
        self.in_order.pop_first();
        self.of.remove(&key);
        Some(key)
    }

    pub(super) fn clear(&mut self) {
        self.of.clear();
        self.in_order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_come_in_their_order_and_once() {
        let mut ends = Ends::new(8);
        for (key, at) in [('a', 30), ('b', 10), ('c', 20), ('b', 40), ('c', 20)] {
            assert!(ends.put(key, at));
        }
        assert_eq!(ends.next(), Some(20));
        assert_eq!(ends.take(19), None);
        assert_eq!(ends.take(35), Some('c'));
        assert_eq!(ends.take(35), Some('a'));
        assert_eq!(ends.take(35), None, "that of b was put off");
        assert_eq!(ends.take(40), Some('b'));
        assert_eq!(ends.next(), None);
    }

    #[test]
    fn what_is_taken_back_does_not_end_and_the_rest_is_counted() {
        let mut ends = Ends::new(2);
        assert!(ends.put(1, 10) && ends.put(2, 20) && !ends.put(3, 5));
        assert!(ends.put(2, 30), "one that is known has its room");
        assert_eq!(ends.beyond, 1);
        assert!(ends.remove(&1) && !ends.remove(&1));
        assert_eq!(ends.next(), Some(30));
        assert!(ends.put(3, 5));
    }
}
