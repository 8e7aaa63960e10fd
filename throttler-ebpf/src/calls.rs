//! Functions with global linkage. The verifier checks each once, for any arguments, instead of once
//! for every way that leads to it: that keeps the program far below its limit of a million steps.
//! It takes pointer arguments for possibly null, and wants that case handled.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_log_ebpf::trace;
use throttler_common::{
    Packet,
    abi::{NO_LIMIT, Row, Scale, SlotRecord, SourceKey},
    charge::{self, Change, Refused, encode},
    decide_packet, gcra,
};

use crate::{
    account, maps,
    policy::KernelPolicy,
    slots::{KernelSlot, KernelSlots},
};

const UNREACHABLE: Refused = Refused {
    limit: NO_LIMIT,
    wait: 0,
};

/// Decides, counts and tells. Answers `reason | scope << 8 | limit << 16`.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_decide(packet: *const Packet, now: u64, ifindex: u32) -> u32 {
    // SAFETY: the callers pass a packet on their stack.
    let Some(packet) = (unsafe { packet.as_ref() }) else {
        return u32::MAX;
    };
    let policy = KernelPolicy::current();
    let decision = decide_packet(packet, now, &policy, &KernelSlots { ifindex });
    account::count(decision.scope, decision.reason, decision.length);
    decision.reason as u32 | u32::from(decision.scope) << 8 | u32::from(decision.limit) << 16
}

/// A line a packet, for whoever debugs the datapath: `throttler -vv run`. The stack it needs is no one
/// else's.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_trace(decision: u32, length: u32) -> u32 {
    trace!(
        (),
        "reason {} scope {} limit {}, {} bytes",
        decision as u8,
        (decision >> 8) as u8,
        (decision >> 16) as u8,
        length
    );
    0
}

/// What a new source's slot begins as. A static, since a record on the stack would be a fifth of the
/// 512 bytes that all callers on the way share.
static FRESH: SlotRecord = SlotRecord::EMPTY;

/// Puts an empty slot under a key that has none.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_insert(key: *const SourceKey, family: u32) -> u32 {
    // SAFETY: the caller passes a key on its stack.
    let Some(key) = (unsafe { key.as_ref() }) else {
        return 0;
    };
    // Kernels up to 6.1 at least take a key from the function's own stack alone.
    let key = *key;
    let inserted = match family {
        4 => maps::SOURCES_V4.insert(&key, &FRESH, BPF_NOEXIST.into()),
        _ => maps::SOURCES_V6.insert(&key, &FRESH, BPF_NOEXIST.into()),
    };
    if inserted.is_ok() {
        account::claimed();
    }
    u32::from(inserted.is_ok())
}

/// [`charge::check`], encoded.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_check(
    row: *const Row,
    slot: *mut SlotRecord,
    packet: *const Packet,
    now: u64,
) -> u64 {
    // SAFETY: the callers pass a row and a slot that are map values, and the packet of their caller.
    let arguments = unsafe { (row.as_ref(), KernelSlot::from_ptr(slot), packet.as_ref()) };
    let (Some(row), Some(slot), Some(packet)) = arguments else {
        return encode(Err(UNREACHABLE));
    };
    encode(charge::check(row, &slot, packet, now))
}

/// [`charge::admit`], encoded; counts attempts that ran out.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_admit(
    row: *const Row,
    slot: *mut SlotRecord,
    packet: *const Packet,
    now: u64,
) -> u64 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (row.as_ref(), KernelSlot::from_ptr(slot), packet.as_ref()) };
    let (Some(row), Some(slot), Some(packet)) = arguments else {
        return encode(Err(UNREACHABLE));
    };
    let result = charge::admit(row, &slot, packet, now);
    if matches!(
        result,
        Err(Refused {
            limit: NO_LIMIT,
            ..
        })
    ) {
        account::contended();
    }
    encode(result)
}

/// [`charge::rebase`]; `rows` is the index of the row in force and, shifted by 16, that of the earlier one.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_rebase(
    slot: *mut SlotRecord,
    bank: u8,
    rows: u32,
    age: u32,
    now: u64,
) -> u32 {
    // SAFETY: as in `throttler_check`.
    let Some(slot) = (unsafe { KernelSlot::from_ptr(slot) }) else {
        return 0;
    };
    let change = Change {
        row: rows & 0xffff,
        from: rows >> 16,
        age,
    };
    charge::rebase(&KernelPolicy::of_bank(bank), &slot, change, now);
    0
}

/// [`gcra::convert`]; null stands for [`Scale::ONE`], since the verifier refuses a pointer to a constant.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_convert(
    ticks: u64,
    from: *const Scale,
    to: *const Scale,
    most: u64,
) -> u64 {
    // SAFETY: the callers pass scales of map values, or statics.
    let (from, to) = unsafe { (from.as_ref(), to.as_ref()) };
    gcra::convert(
        ticks,
        from.unwrap_or(&Scale::ONE),
        to.unwrap_or(&Scale::ONE),
        most,
    )
}

/// [`charge::undo`] of all limits.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_undo(
    row: *const Row,
    slot: *mut SlotRecord,
    packet: *const Packet,
) -> u32 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (row.as_ref(), KernelSlot::from_ptr(slot), packet.as_ref()) };
    if let (Some(row), Some(slot), Some(packet)) = arguments {
        charge::undo(row, &slot, packet, throttler_common::abi::MAX_LIMITS);
    }
    0
}
