//! Two CPUs on a few sources, in rounds at whose beginning both are: for the proof that nobody is admitted too
//! much. Each packet is of a drawn source, at the round's time, and is handed to `throttler_at`; what the packet
//! before it came to is read from the program's own counters, so that nothing leaves the kernel in between.

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::{Array, PerCpuArray, ProgramArray},
    helpers::{bpf_get_prandom_u32, bpf_get_smp_processor_id},
    macros::{btf_map, xdp},
    programs::XdpContext,
};
use throttler_common::{
    Reason,
    abi::{MAX_SCOPES, ScopeCounters},
};

#[expect(dead_code, reason = "shared with the program")]
#[path = "../atomic.rs"]
mod atomic;
#[path = "rounds.rs"]
mod rounds;

use rounds::{ADMITTED, DONE, SOURCES, setting};

/// Where a CPU is.
#[repr(C)]
struct Lap {
    /// The round.
    round: u64,
    /// Packets sent in it.
    sent: u64,
    /// The source of the latest; [`NOTED`]: none, or it is noted.
    source: u64,
    /// Its scope.
    scope: u64,
    /// What of the scope was admitted before it.
    before: u64,
    /// Others so far.
    turn: u64,
}

/// A [`Lap::source`] that was noted.
const NOTED: u64 = u64::MAX;

#[btf_map]
static HAMMER_TARGET: ProgramArray<1> = ProgramArray::new();
/// What [`setting`] names.
#[btf_map]
static HAMMER_SETTINGS: Array<u64, { setting::ARRIVED + 1 }> = Array::new();
/// Sources: address, then destination port and scope in 16 bits each.
#[btf_map]
static HAMMER_SOURCES: Array<u64, SOURCES> = Array::new();
/// Packets admitted, by round and source.
#[btf_map]
static HAMMER_ADMITTED: Array<u64, ADMITTED> = Array::new();
#[btf_map]
static HAMMER_LAP: PerCpuArray<Lap, 1> = PerCpuArray::new();
/// The program's.
#[btf_map]
static COUNTERS: PerCpuArray<ScopeCounters, MAX_SCOPES> = PerCpuArray::new();

/// The time, Ethernet, and what of IPv4 and UDP comes before.
const SOURCE: usize = 8 + 14 + 12;
const PORT: usize = 8 + 14 + 20 + 2;

#[xdp(frags)]
pub(crate) fn hammer(ctx: XdpContext) -> u32 {
    if prepare(&ctx).is_some() {
        // SAFETY: the array holds a program of our type or none; then the call falls through.
        unsafe { HAMMER_TARGET.tail_call(&ctx, 0) };
    }
    match HAMMER_LAP.get_ptr_mut(0) {
        // SAFETY: this CPU's own value.
        Some(lap) if unsafe { (*lap).round } >= number(setting::ROUNDS) => DONE,
        _ => xdp_action::XDP_ABORTED,
    }
}

/// The next packet of this CPU; none while it waits for the other one, or is done.
#[inline(always)]
fn prepare(ctx: &XdpContext) -> Option<()> {
    let lap = HAMMER_LAP.get_ptr_mut(0)?;
    // SAFETY: this CPU's own value.
    let lap = unsafe { &mut *lap };
    tally(lap);
    let arrived = HAMMER_SETTINGS.get_ptr_mut(setting::ARRIVED as u32)?;
    if lap.sent >= number(setting::PACKETS) {
        lap.sent = 0;
        lap.round += 1;
        // SAFETY: a word of the array.
        unsafe { atomic::add(arrived, 1) };
    }
    // SAFETY: as above.
    let begun = unsafe { atomic::load(arrived) } >= 2 * lap.round;
    if !begun || lap.round >= number(setting::ROUNDS) {
        return None;
    }
    lap.sent += 1;
    let source = draw(lap)?;
    let (start, end) = (ctx.data(), ctx.data_end());
    if start + PORT + 2 > end {
        return None;
    }
    let now = number(setting::START) + lap.round * number(setting::STEP);
    // SAFETY: just checked, and XDP may write to it.
    unsafe {
        (start as *mut u64).write_unaligned(now);
        let address = (start + SOURCE) as *mut u32;
        address.write_unaligned((source as u32).to_be());
        let port = (start + PORT) as *mut u16;
        port.write_unaligned(((source >> 32) as u16).to_be());
    }
    Some(())
}

/// One of those that are counted, or one of the others in turn: none of those twice in a round.
#[inline(always)]
fn draw(lap: &mut Lap) -> Option<u64> {
    // SAFETY: the helper has no preconditions.
    let random = unsafe { bpf_get_prandom_u32() };
    let counted = number(setting::COUNTED);
    lap.source = if random >> 24 < number(setting::SHARE) as u32 {
        (u64::from(random & 0xff_ffff) * counted) >> 24
    } else {
        lap.turn += 1;
        counted + 2 * (lap.turn % number(setting::OTHERS).max(1)) + cpu()
    };
    let source = HAMMER_SOURCES.get(lap.source as u32).copied()?;
    lap.scope = source >> 48;
    lap.before = conforming(lap.scope);
    Some(source)
}

/// Notes whether the packet before was admitted.
#[inline(always)]
fn tally(lap: &mut Lap) {
    if lap.source == NOTED {
        return;
    }
    let admitted = conforming(lap.scope) - lap.before;
    let counted = number(setting::COUNTED);
    if admitted != 0 && lap.source < counted {
        // The round is another from here on where this was its last packet.
        let index = lap.round * counted + lap.source;
        if let Some(word) = HAMMER_ADMITTED.get_ptr_mut(index as u32) {
            // SAFETY: a word of the array.
            unsafe { atomic::add(word, admitted) };
        }
    }
    lap.source = NOTED;
}

/// Packets of a scope that this CPU admitted.
#[inline(always)]
fn conforming(scope: u64) -> u64 {
    match COUNTERS.get(scope as u32) {
        Some(counters) => counters.by_reason[Reason::Conforming as usize].packets,
        None => 0,
    }
}

#[inline(always)]
fn number(index: usize) -> u64 {
    HAMMER_SETTINGS.get(index as u32).copied().unwrap_or(0)
}

/// 0 or 1.
#[inline(always)]
fn cpu() -> u64 {
    // SAFETY: the helper has no preconditions.
    (unsafe { bpf_get_smp_processor_id() } & 1) as u64
}
