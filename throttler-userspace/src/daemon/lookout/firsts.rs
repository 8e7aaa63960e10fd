//! Who was refused where, and when last: a refusal is worth an alert only after an hour without one.
//!
//! A table of fixed size, written once so that its memory is taken from the start on: a flood does not make the daemon
//! larger. An entry is a hash of 64 bits, keyed anew at each start, and a time in seconds. That two sources share a hash, and
//! the second's first refusal is missed, happens to one in 10^14 of a full table.

use std::hash::{BuildHasher as _, Hash, RandomState};

/// Seconds without a refusal after which the next one is a first one again.
pub(super) const QUIET_S: u32 = 3_600;

/// Entries: 768 KiB.
const ENTRIES: usize = 65_536;

/// Entries that a hash may be kept in.
const WAYS: usize = 8;

#[derive(Clone, Copy, Default)]
#[repr(C, packed(4))]
struct Entry {
    /// 0: nobody's.
    hash: u64,
    /// When it was refused last, in seconds of monotonic time.
    last: u32,
}

/// All refused sources of the last hour.
pub(super) struct Firsts {
    entries: Vec<Entry>,
    keys: RandomState,
    /// Sources that were forgotten within the hour, for want of room.
    pub(super) forgotten: u64,
}

impl Firsts {
    pub(super) fn new() -> Self {
        // Written, not only reserved: no page of it may come later.
        let mut entries = vec![Entry { hash: 1, last: 0 }; ENTRIES];
        entries.fill(Entry::default());
        Self {
            entries,
            keys: RandomState::new(),
            forgotten: 0,
        }
    }

    /// Notes a refusal at `now`, in seconds of monotonic time; whether it is a first one.
    pub(super) fn note(&mut self, whom: &impl Hash, now: u32) -> bool {
        let hash = self.keys.hash_one(whom).max(1);
        let first = hash as usize % (ENTRIES / WAYS) * WAYS;
        let set = &mut self.entries[first..first + WAYS];
        let is_over = |entry: &Entry| entry.hash == 0 || now >= entry.last.saturating_add(QUIET_S);
        if let Some(known) = set.iter_mut().find(|entry| entry.hash == hash) {
            let first = is_over(known);
            known.last = known.last.max(now);
            return first;
        }
        let free = set.iter().position(is_over);
        let oldest = set.iter().enumerate().min_by_key(|(_, entry)| entry.last);
        let place = free.or(oldest.map(|(place, _)| place)).unwrap_or(0);
        self.forgotten += u64::from(free.is_none());
        set[place] = Entry { hash, last: now };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_again_after_an_hour_without_any() {
        let mut firsts = Firsts::new();
        assert!(firsts.note(&("192.0.2.1", 0), 100));
        assert!(firsts.note(&("192.0.2.1", 1), 100), "another scope");
        assert!(!firsts.note(&("192.0.2.1", 0), 100 + QUIET_S - 1));
        // An hour after the last one, not after the first.
        assert!(!firsts.note(&("192.0.2.1", 0), 100 + 2 * (QUIET_S - 1)));
        assert!(firsts.note(&("192.0.2.1", 0), 100 + 2 * (QUIET_S - 1) + QUIET_S));
    }

    #[test]
    fn a_flood_is_kept_within_the_table_and_counted() {
        let mut firsts = Firsts::new();
        let many = 4 * ENTRIES as u64;
        let told = (0..many).filter(|source| firsts.note(source, 1)).count() as u64;
        assert_eq!(told, many);
        assert!(
            firsts.forgotten >= many - ENTRIES as u64,
            "{}",
            firsts.forgotten
        );
        assert_eq!(firsts.entries.len(), ENTRIES);
        // Whoever came last is remembered, and after an hour there is room for all again.
        assert!(!firsts.note(&(many - 1), 1));
        let before = firsts.forgotten;
        assert!(firsts.note(&many, 1 + QUIET_S));
        assert_eq!(firsts.forgotten, before);
    }
}
