//! One way of a set, as its source's packets use it.

use super::lock::{lock, unlock};
use super::words::Words;
use super::{header, layout};
use crate::ban::{Ban, COUNT_MASK, SECOND, Strikes};
use crate::class::Word;

/// Attempts at ending a ban. A ban that is on only changes when another process ends it.
const LIFTS: usize = 4;

/// Outcome of [`Way::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// The charge counts.
    Done,
    /// Another CPU charged first: read again.
    Changed,
    /// The way has been taken from its source: the charge does not count.
    Lost,
}

/// A way that was its source's when it was found.
#[derive(Clone, Copy)]
pub struct Way<W> {
    /// The set.
    pub words: W,
    /// Identity in the upper half, the way in the lowest three bits.
    pub handle: u64,
}

impl<W: Words> Way<W> {
    /// Its index in the set.
    #[inline(always)]
    #[must_use]
    pub fn index(&self) -> usize {
        self.handle as usize & 7
    }

    #[inline(always)]
    pub(super) fn load(&self, word: usize) -> u64 {
        self.words.load(word)
    }

    /// Whether a header is still of the source that it was found for.
    #[inline(always)]
    pub(super) fn is(&self, found: u64) -> bool {
        (found ^ self.handle) & header::IDENTITY == 0
    }

    #[inline(always)]
    fn is_valid(&self) -> bool {
        self.is(self.load(layout::header(self.index())))
    }

    /// Theoretical arrival time of limit `index` (below 4), in ticks.
    #[inline(always)]
    #[must_use]
    pub fn tat(&self, index: usize) -> u64 {
        self.load(layout::tat(self.index(), index))
    }

    /// Replaces it if it still is `current`.
    #[inline(always)]
    pub fn advance(&self, index: usize, current: u64, next: u64) -> Advance {
        let word = layout::tat(self.index(), index);
        if !self.words.compare_exchange(word, current, next) {
            Advance::Changed
        } else if self.is_valid() {
            Advance::Done
        } else {
            Advance::Lost
        }
    }

    /// The resolved class.
    #[inline(always)]
    #[must_use]
    pub fn class(&self) -> Word {
        Word(self.load(layout::class(self.index())))
    }

    /// Runs `change` under the set's lock, if that can be had and the way is still the source's;
    /// whether it was.
    #[inline(always)]
    pub fn locked(&self, change: impl FnOnce(&Self)) -> bool {
        if !lock(&self.words) {
            return false;
        }
        let valid = self.is_valid();
        if valid {
            change(self);
        }
        unlock(&self.words);
        valid
    }

    /// Writes the class. Under the lock.
    #[inline(always)]
    pub fn set_class(&self, word: Word) {
        self.words.store(layout::class(self.index()), word.0);
    }

    /// Writes the ban. Under the lock.
    #[inline(always)]
    pub fn set_ban(&self, ban: Ban) {
        self.words.store(layout::ban(self.index()), ban.0);
    }

    /// The latest ban.
    #[inline(always)]
    #[must_use]
    pub fn ban(&self) -> Ban {
        Ban(self.load(layout::ban(self.index())))
    }

    /// Replaces the ban if it still is `current`; whether it was.
    #[inline(always)]
    pub fn replace_ban(&self, current: Ban, next: Ban) -> bool {
        self.words
            .compare_exchange(layout::ban(self.index()), current.0, next.0)
    }

    /// Ends the ban if it is on at `at`: the ban that was. Nothing else of the source changes. `at` is in moments and
    /// no later than any CPU's time.
    ///
    /// Without the lock, which a process that is killed would keep. The swap alone suffices: a way is not taken while
    /// its ban is on, and a word that is still the one read is still that ban, for no later one ends with it.
    #[must_use]
    pub fn lift_ban(&self, at: u64) -> Option<Ban> {
        let mut attempt = 0;
        while attempt < LIFTS {
            let found = self.ban();
            if !self.is_valid() || !found.is_on(at) {
                return None;
            }
            if self.replace_ban(found, found.lifted(at)) {
                return Some(found);
            }
            attempt += 1;
        }
        None
    }

    /// Takes `ticks` back. Under the lock.
    #[inline(always)]
    pub fn retreat(&self, index: usize, ticks: u64) {
        self.words
            .add(layout::tat(self.index(), index), ticks.wrapping_neg());
    }

    /// Counts a packet that passed.
    #[inline(always)]
    pub fn count_passed(&self, bytes: u64) {
        let word = layout::passed(self.index());
        self.words.add(word, 1);
        self.words.add(word + 1, bytes);
    }

    /// Counts a packet that was dropped.
    #[inline(always)]
    pub fn count_dropped(&self, bytes: u64) {
        let word = layout::dropped(self.index());
        self.words.add(word, 1);
        self.words.add(word + 1, bytes);
    }

    /// Counts a packet that was refused, and whether it was dropped or spared by monitor mode.
    #[inline(always)]
    pub fn count_refused(&self, bytes: u64, dropped: bool) {
        self.count_refusal();
        let tally = if dropped {
            layout::dropped(self.index())
        } else {
            layout::passed(self.index())
        };
        self.words.add(tally, 1);
        self.words.add(tally + 1, bytes);
    }

    /// Counts a refusal; how many there were in all.
    #[inline(always)]
    pub fn count_refusal(&self) -> u64 {
        let counter = layout::refused(self.index());
        self.words.add(counter, 1);
        self.load(counter)
    }

    /// Counts a refusal, and takes the right to tell of it and those since the last event, at most once
    /// a second: how many they are (below 2^24), and how many there were in all. `at` is in
    /// [`crate::ban::moment`]s.
    #[inline(always)]
    pub fn claim_event(&self, at: u64) -> Option<(u64, u64)> {
        let total = self.count_refusal();
        let word = layout::event(self.index());
        let last = Strikes(self.load(word));
        if last.since() != 0 && at < last.since() + SECOND {
            return None;
        }
        let next = Strikes::new(at, total);
        self.words
            .compare_exchange(word, last.0, next.0)
            .then_some((total.wrapping_sub(last.count()) & COUNT_MASK, total))
    }

    /// Counts a refusal against the window; the refusals in it, this one included, or 0 where another CPU
    /// was faster time and again.
    #[inline(always)]
    pub fn strike(&self, at: u64, within: u64) -> u64 {
        let word = layout::strikes(self.index());
        let mut attempt = 0;
        while attempt < 4 {
            let found = Strikes(self.load(word));
            let next = found.and_one(at, within);
            if self.words.compare_exchange(word, found.0, next.0) {
                return next.count();
            }
            attempt += 1;
        }
        0
    }

    /// Begins a new window of refusals.
    #[inline(always)]
    pub fn clear_strikes(&self, at: u64) {
        self.words
            .store(layout::strikes(self.index()), Strikes::new(at, 0).0);
    }
}
