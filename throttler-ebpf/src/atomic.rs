//! Atomic operations on map memory. rustc has no atomic types for BPF, so these are its
//! instructions (v3: `BPF_CMPXCHG`, `BPF_ATOMIC | BPF_ADD`; Documentation/bpf/standardization/
//! instruction-set.rst). Every pointer is to eight aligned bytes of a map value.

use core::arch::asm;

/// Reads a word that other CPUs may write.
///
/// # Safety
/// `word` points to eight aligned, readable bytes.
#[inline(always)]
pub(crate) unsafe fn load(word: *const u64) -> u64 {
    // SAFETY: by contract. An aligned eight-byte load is one instruction, and so cannot tear.
    unsafe { core::ptr::read_volatile(word) }
}

/// Writes a word that other CPUs may read.
///
/// # Safety
/// `word` points to eight aligned, writable bytes.
#[inline(always)]
pub(crate) unsafe fn store(word: *mut u64, value: u64) {
    // SAFETY: by contract; one instruction, as above.
    unsafe { core::ptr::write_volatile(word, value) }
}

/// Stores `new` if the word holds `old`; whether it did. Fully ordered.
///
/// # Safety
/// `word` points to eight aligned, writable bytes.
#[inline(always)]
pub(crate) unsafe fn compare_exchange(word: *mut u64, old: u64, new: u64) -> bool {
    let found: u64;
    // SAFETY: by contract; the instruction compares with and answers in r0.
    unsafe {
        asm!(
            "r0 = cmpxchg_64({word} + 0, r0, {new})",
            word = in(reg) word,
            new = in(reg) new,
            inout("r0") old => found,
            options(nostack),
        );
    }
    found == old
}

/// Adds to the word.
///
/// # Safety
/// `word` points to eight aligned, writable bytes.
#[inline(always)]
pub(crate) unsafe fn add(word: *mut u64, value: u64) {
    // SAFETY: by contract.
    unsafe {
        asm!(
            "lock *(u64 *)({word} + 0) += {value}",
            word = in(reg) word,
            value = in(reg) value,
            options(nostack),
        );
    }
}
