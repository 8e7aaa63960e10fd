//! What parts of a limiter cost by themselves, and the plainest limiter on the kernel's LRU hash.

use core::arch::asm;

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::{Array, LruHashMap},
    helpers::bpf_ktime_get_ns,
    macros::{btf_map, xdp},
    programs::XdpContext,
};

use crate::header;

const ENTRIES: usize = 1 << 21;
/// Lines of 64 bytes, as many as the large cases have sources.
const LINES: usize = 1 << 20;
/// One packet a nanosecond, and a second's worth at once: nothing is ever over it.
const INCREMENT: u64 = 1;
const BURST: u64 = 1_000_000_000;
const ATTEMPTS: usize = 8;

#[btf_map]
static LRU: LruHashMap<u32, u64, ENTRIES> = LruHashMap::new();
#[btf_map]
static MEMORY: Array<[u64; 8], LINES> = Array::new();

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// The clock alone.
#[xdp(frags)]
pub(crate) fn clock(_: XdpContext) -> u32 {
    if now() == 0 {
        return xdp_action::XDP_PASS;
    }
    xdp_action::XDP_DROP
}

/// One cache line of a table that no cache holds: the least that state of a million sources costs.
#[xdp(frags)]
pub(crate) fn cache_line(ctx: XdpContext) -> u32 {
    let hash = header::source(&ctx).unwrap_or(0).wrapping_mul(0x9e37_79b1);
    let line = MEMORY.get(hash >> (32 - LINES.trailing_zeros()));
    if line.is_none_or(|words| words[0] != 0) {
        return xdp_action::XDP_PASS;
    }
    xdp_action::XDP_DROP
}

/// A correct limiter with nothing else to it: LRU hash, clock, GCRA by compare-and-swap.
#[xdp(frags)]
pub(crate) fn lru_gcra(ctx: XdpContext) -> u32 {
    let Some(source) = header::source(&ctx) else {
        return xdp_action::XDP_PASS;
    };
    let now = now();
    let Some(arrival) = LRU.get_ptr_mut(&source) else {
        let _ = LRU.insert(&source, &(now + INCREMENT), 0);
        return xdp_action::XDP_PASS;
    };
    for _ in 0..ATTEMPTS {
        // SAFETY: the map's values are eight aligned bytes; one instruction, so it cannot tear.
        let old = unsafe { arrival.read_volatile() };
        let base = old.max(now);
        if base > now + BURST {
            return xdp_action::XDP_DROP;
        }
        // SAFETY: as above.
        if unsafe { compare_exchange(arrival, old, base + INCREMENT) } {
            return xdp_action::XDP_PASS;
        }
    }
    xdp_action::XDP_DROP
}

/// # Safety
/// `word` points to eight aligned, writable bytes of a map.
#[inline(always)]
unsafe fn compare_exchange(word: *mut u64, old: u64, new: u64) -> bool {
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
