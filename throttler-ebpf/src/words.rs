//! The words of a set, in map memory.

use throttler_common::{
    abi::{SET_WORDS, Scale, Set},
    table::Words,
};

use crate::{atomic, calls::throttler_convert, verifier::opaque};

/// A set, valid for this run of the program: the array that it lies in is never freed while the program
/// is loaded.
#[derive(Clone, Copy)]
pub(crate) struct KernelWords(*mut Set);

impl KernelWords {
    /// # Safety
    /// A value of the `SOURCES` map, or null: then this answers `None`.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr(set: *mut Set) -> Option<Self> {
        (!set.is_null()).then_some(Self(set))
    }

    #[inline(always)]
    pub(crate) fn as_ptr(self) -> *mut Set {
        self.0
    }

    #[inline(always)]
    fn at(self, word: usize) -> *mut u64 {
        // SAFETY: the mask keeps the word inside the set.
        unsafe { self.0.cast::<u64>().add(word & (SET_WORDS - 1)) }
    }
}

impl Words for KernelWords {
    #[inline(always)]
    fn load(&self, word: usize) -> u64 {
        // SAFETY: an aligned word of the set. x86 keeps loads in order, which makes this an acquire.
        unsafe { atomic::load(self.at(word)) }
    }

    #[inline(always)]
    fn store(&self, word: usize, value: u64) {
        // SAFETY: an aligned word of the set. x86 keeps stores in order, which makes this a release.
        unsafe { atomic::store(self.at(word), value) }
    }

    #[inline(always)]
    fn compare_exchange(&self, word: usize, current: u64, next: u64) -> bool {
        // SAFETY: as in `load`.
        unsafe { atomic::compare_exchange(self.at(word), current, next) }
    }

    #[inline(always)]
    fn add(&self, word: usize, value: u64) {
        // SAFETY: as in `load`.
        unsafe { atomic::add(self.at(word), value) }
    }

    #[inline(always)]
    fn prefetch(&self, word: usize) {
        // A load that nobody waits for. SAFETY: as in `load`.
        let _ = unsafe { atomic::load(self.at(word)) };
    }

    #[inline(always)]
    fn is_zero(value: u64) -> u64 {
        // The optimiser knows these for a comparison, which BPF has as a branch alone. The highest bit of
        // a value and of its negative are both clear for 0 alone.
        let negative = opaque(0usize.wrapping_sub(value as usize)) as u64;
        opaque((value | negative) as usize) as u64 >> 63 ^ 1
    }

    #[inline(always)]
    fn convert(ticks: u64, from: &Scale, to: &Scale, most: u64) -> u64 {
        throttler_convert(ticks, from, to, most)
    }

    #[inline(always)]
    fn units(ticks: u64, scale: &Scale) -> u64 {
        throttler_convert(ticks, scale, core::ptr::null(), ticks)
    }
}
