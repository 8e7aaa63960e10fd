//! What ends at a time that is known ahead: bans, and buckets until they are full. At most so many.

use std::collections::{BTreeMap, BTreeSet};

/// Ends by time, and by whose they are.
#[derive(Debug)]
pub(super) struct Ends<K, V = ()> {
    /// When, in monotonic nanoseconds, and what else is known.
    of: BTreeMap<K, (u64, V)>,
    in_order: BTreeSet<(u64, K)>,
    most: usize,
    /// Those that there was no room for.
    pub(super) beyond: u64,
}

impl<K: Copy + Ord, V> Ends<K, V> {
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
    pub(super) fn put(&mut self, key: K, at: u64, value: V) -> bool {
        if !self.of.contains_key(&key) && self.of.len() >= self.most {
            self.beyond += 1;
            return false;
        }
        if let Some((before, _)) = self.of.insert(key, (at, value)) {
            self.in_order.remove(&(before, key));
        }
        self.in_order.insert((at, key));
        true
    }

    /// Moves an end that is known; whether it was.
    pub(super) fn move_to(&mut self, key: &K, at: u64) -> bool {
        let Some((before, _)) = self.of.get_mut(key) else {
            return false;
        };
        if *before != at {
            self.in_order.remove(&(*before, *key));
            self.in_order.insert((at, *key));
            *before = at;
        }
        true
    }

    /// Forgets an end; whether it was known.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let found = self.of.remove(key);
        if let Some((at, _)) = &found {
            self.in_order.remove(&(*at, *key));
        }
        found.is_some()
    }

    /// When the next one is.
    pub(super) fn next(&self) -> Option<u64> {
        self.in_order.first().map(|(at, _)| *at)
    }

    /// Takes the first one that has come.
    pub(super) fn take(&mut self, now: u64) -> Option<(K, V)> {
        let (at, key) = *self.in_order.first()?;
        if at > now {
            return None;
        }
        self.in_order.pop_first();
        let (_, value) = self.of.remove(&key)?;
        Some((key, value))
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.of.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    /// All of them, by whose they are.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, u64, &V)> {
        self.of.iter().map(|(key, (at, value))| (key, *at, value))
    }

    /// Has all of them end at once.
    pub(super) fn hasten(&mut self) {
        for (at, _) in self.of.values_mut() {
            *at = 0;
        }
        self.in_order = self.of.keys().map(|key| (0, *key)).collect();
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
            assert!(ends.put(key, at, ()));
        }
        assert_eq!((ends.next(), ends.len()), (Some(20), 3));
        assert_eq!(ends.take(19), None);
        assert_eq!(ends.take(35), Some(('c', ())));
        assert_eq!(ends.take(35), Some(('a', ())));
        assert_eq!(ends.take(35), None, "that of b was put off");
        assert!(ends.move_to(&'b', 35) && !ends.move_to(&'a', 1));
        assert_eq!(ends.take(35), Some(('b', ())));
        assert_eq!((ends.next(), ends.len()), (None, 0));
    }

    #[test]
    fn what_is_taken_back_does_not_end_and_the_rest_is_counted() {
        let mut ends = Ends::new(2);
        assert!(ends.put(1, 10, ()) && ends.put(2, 20, ()) && !ends.put(3, 5, ()));
        assert!(ends.put(2, 30, ()), "one that is known has its room");
        assert_eq!(ends.beyond, 1);
        assert!(ends.remove(&1) && !ends.remove(&1));
        assert_eq!(ends.next(), Some(30));
        assert!(ends.put(3, 5, ()));
    }
}
