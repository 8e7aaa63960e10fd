//! A set of the table in a model of memory: loom's, or shuttle's.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64 as Plain, Ordering::Relaxed};

use throttler_common::abi::{SET_WORDS, WAYS};
use throttler_common::class::{Kind, Word as Class};
use throttler_common::table::{Place, Words, header, layout};

use crate::atomic::{AtomicU64, Ordering, fence};
use crate::seat::Source;
use crate::{NOW, SPINS};

thread_local! {
    /// The sets of the execution that is being tried. Its CPUs are coroutines of one thread.
    static SETS: RefCell<Vec<Rc<[Word; SET_WORDS]>>> = const { RefCell::new(Vec::new()) };
}

/// The scope of ways that are others' from first to last.
pub(crate) const FILLER: u8 = 9;

/// Where such a way's source belongs: where it is.
pub(crate) const fn filler_place(set: u32) -> Place {
    Place {
        sets: [set, set],
        wanted: header::wanted(FILLER, 9),
    }
}

/// One set, shared by the CPUs of a model: its number in the execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set(usize);

/// Forgets the sets of the execution before.
pub(crate) fn forget() {
    SETS.take();
}

enum Word {
    /// Every order of accesses to it is tried.
    Modelled(AtomicU64),
    /// The same with stores that are exchanges. Of a store and an exchange by two CPUs, loom may show the exchange
    /// as the later one although it read what the store overwrote, which neither the language nor a machine allows.
    Exchanged(AtomicU64),
    /// No scenario depends on it: an access is no step of the model.
    Aside(Plain),
}

/// What a set holds at first.
pub(crate) struct Plan {
    words: [u64; SET_WORDS],
    modelled: [bool; SET_WORDS],
    exchanged: [bool; SET_WORDS],
}

impl Plan {
    /// All ways are those of sources that keep them.
    pub(crate) fn full() -> Self {
        let mut plan = Self {
            words: [0; SET_WORDS],
            modelled: [false; SET_WORDS],
            exchanged: [false; SET_WORDS],
        };
        let kept = header::again(filler_place(0).wanted, header::seen_units(NOW));
        for way in 0..WAYS {
            plan.words[layout::header(way)] = kept;
            plan.words[layout::address(way, 1)] = way as u64;
            plan.words[layout::class(way)] = Class::new(1, Kind::Exempt, 0, 0).0;
        }
        plan.modelled[layout::header(0)] = true;
        plan
    }

    /// Nobody has a way.
    pub(crate) fn empty() -> Self {
        let mut plan = Self::full();
        plan.words = [0; SET_WORDS];
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
        for word in layout::address(way, 0)..=layout::class(way) {
            self.words[word] = 0;
        }
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

    /// A word is something else at first.
    pub(crate) fn holding(mut self, word: usize, value: u64) -> Self {
        self.words[word] = value;
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

    /// The order of accesses to a way's ban and refusals matters, and all of them are told apart.
    pub(crate) fn judging(mut self, way: usize) -> Self {
        self.exchanged[layout::ban(way)] = true;
        self.exchanged[layout::strikes(way)] = true;
        self
    }

    /// The order of accesses to any word matters.
    pub(crate) fn watching_all(mut self) -> Self {
        self.modelled = [true; SET_WORDS];
        self
    }

    pub(crate) fn build(mut self) -> Set {
        let number = SETS.with_borrow(Vec::len);
        for way in 0..WAYS {
            if header::scope(self.words[layout::header(way)]) == FILLER {
                self.words[layout::address(way, 0)] = number as u64;
            }
        }
        let words = Rc::new(std::array::from_fn(|i| {
            if self.exchanged[i] {
                Word::Exchanged(AtomicU64::new(self.words[i]))
            } else if self.modelled[i] {
                Word::Modelled(AtomicU64::new(self.words[i]))
            } else {
                Word::Aside(Plain::new(self.words[i]))
            }
        }));
        SETS.with_borrow_mut(|sets| {
            sets.push(words);
            Set(number)
        })
    }
}

impl Set {
    /// Its words: not borrowed, since another CPU's turn may come amid an access.
    fn words(self) -> Rc<[Word; SET_WORDS]> {
        SETS.with_borrow(|sets| sets[self.0].clone())
    }

    /// Live ways that have the source's address.
    pub(crate) fn ways_of(self, source: &Source) -> usize {
        (0..WAYS)
            .filter(|way| self.load(layout::header(*way)) & header::LIVE != 0)
            .filter(|way| self.holds(*way, source))
            .count()
    }

    /// Whether the way is the source's, its class included.
    pub(crate) fn is_of(self, way: usize, source: &Source) -> bool {
        self.load(layout::header(way)) & header::LIVE != 0
            && self.holds(way, source)
            && Class(self.load(layout::class(way))) == source.class
    }

    fn holds(self, way: usize, source: &Source) -> bool {
        (0..2).all(|i| self.load(layout::address(way, i)) == source.addr.words[i])
    }
}

impl Words for Set {
    const SPINS: usize = SPINS;

    fn load(&self, word: usize) -> u64 {
        match &self.words()[word] {
            Word::Modelled(word) | Word::Exchanged(word) => word.load(Ordering::Acquire),
            Word::Aside(word) => word.load(Relaxed),
        }
    }

    fn store(&self, word: usize, value: u64) {
        match &self.words()[word] {
            Word::Modelled(word) => word.store(value, Ordering::Release),
            Word::Exchanged(word) => {
                word.swap(value, Ordering::Release);
            }
            Word::Aside(word) => word.store(value, Relaxed),
        }
    }

    // A fence on either side makes a full barrier; the model takes a SeqCst access for AcqRel.
    fn compare_exchange(&self, word: usize, current: u64, next: u64) -> bool {
        match &self.words()[word] {
            Word::Modelled(word) | Word::Exchanged(word) => {
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
        match &self.words()[word] {
            Word::Modelled(word) | Word::Exchanged(word) => {
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
