//! A set of the table in loom's model of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64 as Plain, Ordering::Relaxed};

use loom::sync::atomic::{AtomicU64, Ordering, fence};
use throttler_common::abi::{SET_WORDS, WAYS};
use throttler_common::class::Word as Class;
use throttler_common::table::{Words, header, layout};

use crate::world::{NOW, Source};

/// One set, shared by the threads of a model.
#[derive(Clone)]
pub(crate) struct Set(Arc<[Word; SET_WORDS]>);

enum Word {
    /// Every order of accesses to it is tried.
    Modelled(AtomicU64),
    /// No scenario depends on it: an access is no step of the model.
    Aside(Plain),
}

/// What a set holds at first.
pub(crate) struct Plan {
    words: [u64; SET_WORDS],
    modelled: [bool; SET_WORDS],
}

impl Plan {
    /// All ways are those of sources that keep them.
    pub(crate) fn full() -> Self {
        let mut plan = Self {
            words: [0; SET_WORDS],
            modelled: [false; SET_WORDS],
        };
        let kept = header::again(header::wanted(9, 9), header::seen_units(NOW));
        for way in 0..WAYS {
            plan.words[layout::header(way)] = kept;
        }
        plan.modelled[layout::header(0)] = true;
        plan
    }

    fn in_play(mut self, way: usize) -> Self {
        for word in [
            layout::header(way),
            layout::address(way, 0),
            layout::address(way, 1),
            layout::tat(way, 0),
        ] {
            self.modelled[word] = true;
        }
        self
    }

    /// The way is free.
    pub(crate) fn free(mut self, way: usize) -> Self {
        self.words[layout::header(way)] = 0;
        self.in_play(way)
    }

    /// The way is a source's that was seen once, just now, and whose buckets are full.
    pub(crate) fn seat(mut self, way: usize, source: &Source) -> Self {
        let seen = header::seen_units(NOW);
        self.words[layout::header(way)] = header::fresh(0, source.place.wanted, seen);
        self.words[layout::address(way, 0)] = source.addr.words[0];
        self.words[layout::address(way, 1)] = source.addr.words[1];
        self.words[layout::class(way)] = source.class.0;
        self.in_play(way)
    }

    /// The source has used some of its first limit.
    pub(crate) fn charged(mut self, way: usize, tat: u64) -> Self {
        self.words[layout::tat(way, 0)] = tat;
        self
    }

    /// Sources of this set may be in their second.
    pub(crate) fn overflowed(mut self) -> Self {
        self.words[layout::header(0)] |= header::OVERFLOW;
        self
    }

    /// The order of accesses to these words matters as well.
    pub(crate) fn watching(mut self, words: &[usize]) -> Self {
        for &word in words {
            self.modelled[word] = true;
        }
        self
    }

    pub(crate) fn build(self) -> Set {
        Set(Arc::new(std::array::from_fn(|i| {
            if self.modelled[i] {
                Word::Modelled(AtomicU64::new(self.words[i]))
            } else {
                Word::Aside(Plain::new(self.words[i]))
            }
        })))
    }
}

impl Set {
    /// Live ways that have the source's address.
    pub(crate) fn ways_of(&self, source: &Source) -> usize {
        (0..WAYS)
            .filter(|way| self.load(layout::header(*way)) & header::LIVE != 0)
            .filter(|way| self.holds(*way, source))
            .count()
    }

    /// Whether the way is the source's, its class included.
    pub(crate) fn is_of(&self, way: usize, source: &Source) -> bool {
        self.load(layout::header(way)) & header::LIVE != 0
            && self.holds(way, source)
            && Class(self.load(layout::class(way))) == source.class
    }

    fn holds(&self, way: usize, source: &Source) -> bool {
        (0..2).all(|i| self.load(layout::address(way, i)) == source.addr.words[i])
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.load(layout::header(0)) & header::LOCK != 0
    }
}

impl Words for Set {
    // Enough to fail, and to succeed after a failure; each more is a round of the same.
    const SPINS: usize = 2;

    fn load(&self, word: usize) -> u64 {
        match &self.0[word] {
            Word::Modelled(word) => word.load(Ordering::Acquire),
            Word::Aside(word) => word.load(Relaxed),
        }
    }

    fn store(&self, word: usize, value: u64) {
        match &self.0[word] {
            Word::Modelled(word) => word.store(value, Ordering::Release),
            Word::Aside(word) => word.store(value, Relaxed),
        }
    }

    // A fence on either side makes a full barrier; the model takes a SeqCst access for AcqRel.
    fn compare_exchange(&self, word: usize, current: u64, next: u64) -> bool {
        match &self.0[word] {
            Word::Modelled(word) => {
                fence(Ordering::SeqCst);
                let done =
                    word.compare_exchange(current, next, Ordering::AcqRel, Ordering::Acquire);
                fence(Ordering::SeqCst);
                done.is_ok()
            }
            Word::Aside(word) => word
                .compare_exchange(current, next, Relaxed, Relaxed)
                .is_ok(),
        }
    }

    fn add(&self, word: usize, value: u64) {
        match &self.0[word] {
            Word::Modelled(word) => {
                fence(Ordering::SeqCst);
                word.fetch_add(value, Ordering::AcqRel);
                fence(Ordering::SeqCst);
            }
            Word::Aside(word) => {
                word.fetch_add(value, Relaxed);
            }
        }
    }
}
