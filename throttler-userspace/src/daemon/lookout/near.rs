//! Buckets of long limits that were told of as nearly used up: once each, until they are full again.
//!
//! A flood of a million sources over a daily limit is a million such buckets. Their table has a fixed size and is written
//! once, so that its memory is taken from the start on. Whose time has come is found by going through all of it, which is
//! done as rarely as looking at the source table.

use std::collections::HashMap;

use crate::report::{BucketId, Used};

/// Buckets of an interface that are remembered: what a hash table of 65,536 places takes, 2.6 MiB.
const MOST: usize = 65_536 / 8 * 7;
/// From one writing of the file to the next, nanoseconds.
const SAVE_NS: u64 = 3_000_000_000;
/// As many times what looking takes is the least time until the next look: an eighth of a per cent of a CPU, for an idle
/// daemon is to stay below a fifth with all that it does.
const RARELY: u64 = 800;
/// Between two looks at a table, at least, nanoseconds.
const LEAST_NS: u64 = 1_000_000_000;
/// Ends that are looked at in one go.
const BATCH: usize = 1_024;

/// One interface's.
#[derive(Debug)]
pub(super) struct Near {
    /// When each is expected to be full, and its source's plan.
    told: HashMap<BucketId, (u64, u16)>,
    /// No later than the first of them.
    next: u64,
    /// Those that there was no room for.
    beyond: u64,
    next_sweep: u64,
    next_verify: u64,
    /// When the file is to be written, if what it says has changed.
    save_at: Option<u64>,
    saved: u64,
}

impl Near {
    pub(super) fn new() -> Self {
        Self {
            told: HashMap::new(),
            next: u64::MAX,
            beyond: 0,
            next_sweep: 0,
            next_verify: 0,
            save_at: None,
            saved: 0,
        }
    }

    pub(super) fn contains(&self, id: &BucketId) -> bool {
        self.told.contains_key(id)
    }

    pub(super) fn len(&self) -> usize {
        self.told.len()
    }

    /// Those that there was no room for.
    pub(super) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Notes a bucket that is nearly used up at `now`, monotonic nanoseconds. Whether it is to be told of.
    pub(super) fn saw(&mut self, used: &Used, now: u64) -> bool {
        let full = now.saturating_add(used.reset);
        if let Some((at, _)) = self.told.get_mut(&used.id) {
            // An earlier look than needed finds it still in use.
            *at = full;
            self.next = self.next.min(full);
            return false;
        }
        let has_room = self.put(used.id, full, used.plan);
        if has_room {
            self.is_changed(now);
        }
        has_room
    }

    fn put(&mut self, id: BucketId, at: u64, plan: u16) -> bool {
        if self.told.len() >= MOST {
            self.beyond += 1;
            return false;
        }
        self.told.insert(id, (at, plan));
        self.next = self.next.min(at);
        true
    }

    /// Takes the memory for as many as there may be.
    pub(super) fn make_room(&mut self) {
        if self.told.capacity() >= MOST {
            return;
        }
        let nobody = |n: u32| BucketId {
            global: true,
            family: u8::MAX,
            addr: u128::from(n).to_be_bytes(),
            scope: 0,
            limit: 0,
        };
        let known = std::mem::take(&mut self.told);
        self.told.reserve(MOST);
        // Written, not only reserved: no page of it may come later. And emptied at once, for entries that are removed one by
        // one leave places that a table takes for used, and would have it grow.
        self.told
            .extend((0..MOST as u32).map(|n| (nobody(n), (0, 0))));
        self.told.clear();
        self.told.extend(known);
    }

    /// Notes one that was told of before the daemon started; how it stands is looked up at once.
    pub(super) fn knew(&mut self, id: BucketId) {
        self.put(id, 0, 0);
    }

    /// The policy has changed: how each stands is looked up at once.
    pub(super) fn recheck(&mut self) {
        self.told.values_mut().for_each(|(at, _)| *at = 0);
        self.next = 0;
    }

    /// It goes on being used: it will be full later.
    pub(super) fn put_off(&mut self, used: &Used, now: u64) {
        self.put(used.id, now.saturating_add(used.reset), used.plan);
    }

    /// It is full, or no such bucket any more.
    pub(super) fn is_done(&mut self, now: u64) {
        self.is_changed(now);
    }

    /// Takes those that may be full.
    pub(super) fn take(&mut self, now: u64) -> Vec<(BucketId, u16)> {
        if now < self.next_verify || now < self.next {
            return Vec::new();
        }
        let mut next = u64::MAX;
        let mut taken = Vec::new();
        for (id, (at, plan)) in &self.told {
            if *at <= now && taken.len() < BATCH {
                taken.push((*id, *plan));
            } else {
                next = next.min(*at);
            }
        }
        taken.iter().for_each(|(id, _)| {
            self.told.remove(id);
        });
        self.next = next;
        taken
    }

    /// Looking at those took so long, in nanoseconds.
    pub(super) fn verified(&mut self, now: u64, took: u64) {
        self.next_verify = now.saturating_add(took.saturating_mul(RARELY));
    }

    /// Whether the table is to be looked at.
    pub(super) fn is_sweep_due(&self, now: u64) -> bool {
        now >= self.next_sweep
    }

    /// Looking at the table took so long, in nanoseconds.
    pub(super) fn swept(&mut self, now: u64, took: u64) {
        self.next_sweep = now.saturating_add(took.saturating_mul(RARELY).max(LEAST_NS));
    }

    fn is_changed(&mut self, now: u64) {
        let soonest = self.saved.saturating_add(SAVE_NS);
        self.save_at.get_or_insert(soonest.max(now));
    }

    /// Whether the file is to be written now.
    pub(super) fn is_save_due(&self, now: u64) -> bool {
        self.save_at.is_some_and(|at| at <= now)
    }

    /// Whether the file says less than there is.
    pub(super) fn is_unsaved(&self) -> bool {
        self.save_at.is_some()
    }

    /// The file was written, or could not be: it is then tried again later.
    pub(super) fn saved(&mut self, now: u64, is_done: bool) {
        self.saved = now;
        self.save_at = (!is_done).then_some(now + SAVE_NS);
    }

    /// All of them with the time when each is expected to be full.
    pub(super) fn all(&self) -> impl Iterator<Item = (&BucketId, u64)> {
        self.told.iter().map(|(id, (at, _))| (id, *at))
    }

    /// When there is something to do; `sweeps` says whether there are long limits.
    pub(super) fn due(&self, sweeps: bool) -> u64 {
        let verify = (!self.told.is_empty()).then(|| self.next.max(self.next_verify));
        let sweep = sweeps.then_some(self.next_sweep);
        let all = [verify, sweep, self.save_at];
        all.into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn used(limit: u8, reset: u64) -> Used {
        let id = BucketId {
            global: false,
            family: 0,
            addr: [192; 16],
            scope: 1,
            limit,
        };
        Used {
            id,
            plan: 3,
            share: 0.8,
            retry: 0,
            reset,
        }
    }

    #[test]
    fn a_bucket_is_told_of_once_until_it_is_full() {
        let mut near = Near::new();
        let one = used(0, 10 * SECOND);
        assert!(near.saw(&one, SECOND));
        assert!(!near.saw(&one, 2 * SECOND), "again");
        assert!(near.saw(&used(1, 99 * SECOND), SECOND), "another limit");
        assert!(near.take(11 * SECOND).is_empty(), "it was used since");
        assert_eq!(near.take(12 * SECOND), [(one.id, 3)]);
        near.put_off(&one, 12 * SECOND);
        assert!(!near.saw(&one, 13 * SECOND), "it was not full yet");
        assert_eq!(near.take(23 * SECOND), [(one.id, 3)]);
        near.is_done(23 * SECOND);
        assert!(near.saw(&one, 24 * SECOND), "after it was full");
    }

    #[test]
    fn looking_takes_an_eighth_of_a_per_cent_at_most() {
        let mut near = Near::new();
        assert!(near.is_sweep_due(0));
        near.swept(SECOND, 75_000_000);
        assert_eq!(near.due(true), 61 * SECOND);
        near.swept(SECOND, 1_000);
        assert_eq!(near.due(true), 2 * SECOND);
        assert_eq!(near.due(false), u64::MAX, "there is nothing to look for");
        near.knew(used(0, 0).id);
        assert_eq!(near.take(SECOND).len(), 1);
        near.verified(SECOND, 1_000_000);
        near.put_off(&used(0, 1), SECOND);
        assert!(near.take(SECOND + 799_999_999).is_empty());
        assert_eq!(near.take(SECOND + 800_000_000).len(), 1);
    }

    #[test]
    fn changes_are_written_together() {
        let mut near = Near::new();
        assert!(!near.is_save_due(SECOND), "nothing has changed");
        near.saw(&used(0, SECOND), 10 * SECOND);
        assert!(near.is_save_due(10 * SECOND));
        near.saved(10 * SECOND, true);
        assert!(!near.is_unsaved());
        near.saw(&used(1, SECOND), 11 * SECOND);
        near.saw(&used(2, SECOND), 12 * SECOND);
        assert!(!near.is_save_due(12 * SECOND));
        assert!(near.is_save_due(13 * SECOND));
        near.saved(13 * SECOND, false);
        assert!(!near.is_save_due(16 * SECOND - 1) && near.is_save_due(16 * SECOND));
    }
}
