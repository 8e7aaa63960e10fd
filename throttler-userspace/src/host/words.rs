//! The words of a set in memory of this process: a table of the host's own, or the kernel's, mapped.

use std::sync::atomic::{AtomicU64, Ordering};

use throttler_common::abi::SET_WORDS;
use throttler_common::table::Words;

/// One set.
#[derive(Clone, Copy, Debug)]
pub struct HostWords<'a>(&'a [AtomicU64]);

impl<'a> HostWords<'a> {
    /// The set with this index among words that are sets one behind the other; `None` beyond their end.
    #[must_use]
    pub fn of(words: &'a [AtomicU64], set: u32) -> Option<Self> {
        let first = set as usize * SET_WORDS;
        words.get(first..first + SET_WORDS).map(Self)
    }
}

impl Words for HostWords<'_> {
    fn load(&self, word: usize) -> u64 {
        self.0[word].load(Ordering::Acquire)
    }

    fn store(&self, word: usize, value: u64) {
        self.0[word].store(value, Ordering::Release);
    }

    fn compare_exchange(&self, word: usize, current: u64, next: u64) -> bool {
        // Sequentially consistent on both sides, as the protocol's two readings need it.
        self.0[word]
            .compare_exchange(current, next, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    fn add(&self, word: usize, value: u64) {
        self.0[word].fetch_add(value, Ordering::SeqCst);
    }
}
