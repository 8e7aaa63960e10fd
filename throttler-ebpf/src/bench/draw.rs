//! Draws source addresses: a few instructions and no large table, so that what is drawn costs alike
//! before the floor and before the program under test.

use aya_ebpf::{
    btf_maps::{Array, PerCpuArray},
    helpers::{bpf_get_prandom_u32, bpf_get_smp_processor_id},
    macros::btf_map,
};

use crate::settings::{self, ZIPF_RUNS, mode};

#[btf_map]
static SETTINGS: Array<u32, { settings::COUNT }> = Array::new();
/// An alias table (Walker, 1977) over runs of ranks. Even indices: `threshold << 32 | alias`, odd ones:
/// `first rank << 32 | ranks`.
#[btf_map]
static ZIPF: Array<u64, { 2 * ZIPF_RUNS }> = Array::new();
#[btf_map]
static DRAWN: PerCpuArray<u32, 1> = PerCpuArray::new();

/// Known sources are 10.0.0.0 and up; for IPv6 the same 32 bits lie in the /64.
const BASE: u32 = 0x0a00_0000;
/// Odd, so that multiplication by it permutes the 32-bit numbers (Fibonacci hashing).
const SCATTER: u32 = 0x9e37_79b1;
/// CPUs that ever-new sources are kept apart for, as bits.
const CPU_BITS: u32 = 3;

#[inline(always)]
pub(crate) fn setting(index: u32) -> u32 {
    SETTINGS.get(index).copied().unwrap_or(0)
}

/// The next source address; `None`: the frame stays as it is.
#[inline(always)]
pub(crate) fn source() -> Option<u32> {
    let sources = setting(settings::SOURCES);
    match setting(settings::MODE) {
        mode::UNIFORM => Some(BASE | below(sources)),
        mode::ZIPF => Some(BASE | zipf()),
        mode::SWEEP => Some(BASE | count().checked_rem(sources).unwrap_or(0)),
        mode::EVER_NEW => {
            let own = cpu() & ((1 << CPU_BITS) - 1);
            Some(((count() << CPU_BITS) | own).wrapping_mul(SCATTER))
        }
        mode::OWN => Some(BASE | cpu()),
        _ => None,
    }
}

/// How many were drawn on this CPU, this one not counted.
#[inline(always)]
fn count() -> u32 {
    let Some(drawn) = DRAWN.get_ptr_mut(0) else {
        return 0;
    };
    // SAFETY: the pointer is to this CPU's own value, and XDP programs of one CPU do not interrupt
    // each other.
    unsafe {
        let count = *drawn;
        *drawn = count.wrapping_add(1);
        count
    }
}

#[inline(always)]
fn zipf() -> u32 {
    let random = random();
    let own = random >> (32 - ZIPF_RUNS.trailing_zeros());
    let choice = ZIPF.get(2 * own).copied().unwrap_or(0);
    let run = if random << ZIPF_RUNS.trailing_zeros() < (choice >> 32) as u32 {
        own
    } else {
        choice as u32
    };
    let ranks = ZIPF.get(2 * run + 1).copied().unwrap_or(0);
    (ranks >> 32) as u32 + below(ranks as u32)
}

/// Uniform enough: a multiplication instead of a division.
#[inline(always)]
fn below(bound: u32) -> u32 {
    ((u64::from(random()) * u64::from(bound)) >> 32) as u32
}

#[inline(always)]
fn random() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_prandom_u32() }
}

#[inline(always)]
fn cpu() -> u32 {
    // SAFETY: as above.
    unsafe { bpf_get_smp_processor_id() as u32 }
}
