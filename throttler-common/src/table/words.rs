//! Access to the words of one set.

use crate::abi::Scale;
use crate::gcra;

/// The 128 words of one set of the table. Every access is atomic and other CPUs use the same words at
/// the same time. Three implementations: BPF map memory, memory of the host (also the mapped table
/// itself), and loom's model of it.
///
/// Orderings that the protocol in [`super`] needs: loads are acquires, stores releases, and
/// [`Words::compare_exchange`] and [`Words::add`] are full barriers, as the kernel's BPF atomics and
/// x86's locked instructions are.
pub trait Words {
    /// Attempts at the set's lock. A model that looks at every interleaving has fewer.
    const SPINS: usize = super::lock::SPINS;

    /// Reads a word.
    fn load(&self, word: usize) -> u64;
    /// Writes a word.
    fn store(&self, word: usize, value: u64);
    /// Writes `next` if the word is `current`; whether it was.
    fn compare_exchange(&self, word: usize, current: u64, next: u64) -> bool;
    /// Adds to a word.
    fn add(&self, word: usize, value: u64);

    /// Asks for a word's cache line, which will be written soon.
    #[inline(always)]
    fn prefetch(&self, word: usize) {
        let _ = word;
    }

    /// 1 where the value is 0, otherwise 0. The kernel's has no branch.
    #[inline(always)]
    fn is_zero(value: u64) -> u64 {
        u64::from(value == 0)
    }

    /// [`gcra::convert`]. The kernel's implementation puts it behind a call, so that the verifier checks
    /// it once.
    #[inline(always)]
    fn convert(ticks: u64, from: &Scale, to: &Scale, most: u64) -> u64 {
        gcra::convert(ticks, from, to, most)
    }

    /// Units that ticks bought, rounded down: [`gcra::convert`] to one tick a unit.
    #[inline(always)]
    fn units(ticks: u64, scale: &Scale) -> u64 {
        gcra::convert(ticks, scale, &Scale::ONE, ticks)
    }
}
