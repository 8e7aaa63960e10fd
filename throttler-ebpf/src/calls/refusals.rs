//! What a refusal leads to: counts, bans, events.

use throttler_common::{
    Clock as _, Notice, Reason,
    abi::{Event, Set},
    abuse,
    charge::Refused,
    notice::Kind,
    refuse::{self, Refusal},
    table::Way,
};

use crate::{
    account, arrival::Arrival, policy::KernelPolicy, slots::KernelSlots, words::KernelWords,
};

/// [`refuse::refuse`]; 1 where the prefix is to be asked after. `flags` is reason, monitored, scope, limit (8 bits each), plan (16).
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_refuse(
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
    flags: u64,
    wait: u64,
) -> u32 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(words), Some(arrival)) = arguments else {
        return 0;
    };
    let why = match flags as u8 {
        7 => Reason::GlobalLimit,
        8 => Reason::Blocked,
        11 => Reason::TableFull,
        _ => Reason::OverLimit,
    };
    let refusal = Refusal {
        why,
        monitored: flags >> 8 & 1 != 0,
        scope: (flags >> 16) as u8,
        plan: (flags >> 32) as u16,
        refused: Refused {
            limit: (flags >> 24) as u8,
            wait,
        },
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let way = Way { words, handle };
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let widen = refuse::refuse(&policy, &slots, &way, packet, clock, &refusal);
    u32::from(widen)
}

/// [`abuse::strike`]: the ban given, or 0.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_strike(
    set: *mut Set,
    arrival: *const Arrival,
    handle: u64,
    at: u64,
) -> u64 {
    // SAFETY: as in `throttler_check`.
    let arguments = unsafe { (KernelWords::from_ptr(set), arrival.as_ref()) };
    let (Some(words), Some(arrival)) = arguments else {
        return 0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let given = abuse::strike(&policy, &Way { words, handle }, at).0;
    if given != 0 {
        account::banned();
    }
    given
}

/// [`abuse::widen`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_widen(arrival: *const Arrival, scope: u32) -> u32 {
    // SAFETY: as in `throttler_judge`.
    if let Some(arrival) = unsafe { arrival.as_ref() } {
        let policy = KernelPolicy::of_bank(arrival.bank.get());
        let slots = KernelSlots(arrival);
        abuse::widen(
            &policy,
            &slots,
            &arrival.packet,
            &arrival.clock,
            scope as u8,
        );
    }
    0
}

/// [`abuse::is_prefix_banned`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_prefix_banned(arrival: *const Arrival, scope: u32) -> u32 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return 0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    u32::from(abuse::is_prefix_banned(
        &policy,
        &slots,
        packet,
        clock,
        scope as u8,
    ))
}
/// Writes an event. `flags` is kind, reason, scope, limit (8 bits each), plan (16), monitored; `counts`
/// are refusals and bans (32 bits each).
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_tell(
    arrival: *const Arrival,
    flags: u64,
    counts: u64,
    refused_total: u64,
    retry_after: u64,
) -> u32 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return 0;
    };
    let Some(head) = KernelPolicy::of_bank(arrival.bank.get()).into_head() else {
        return 0;
    };
    let kind = match flags as u8 {
        1 => Kind::Ban,
        2 => Kind::Unban,
        3 => Kind::WiderBan,
        4 => Kind::WiderUnban,
        5 => Kind::Pressure,
        _ => Kind::Refusal,
    };
    let source = Notice::new(kind, 0, 0).source(head, &arrival.packet);
    account::tell(Event {
        at: arrival.clock.exact(),
        source,
        refused: counts as u32,
        bans: (counts >> 32) as u32,
        refused_total,
        retry_after,
        generation: head.generation,
        ifindex: arrival.ifindex,
        plan: (flags >> 32) as u16,
        scope: (flags >> 16) as u8,
        limit: (flags >> 24) as u8,
        reason: (flags >> 8) as u8,
        family: arrival.packet.family().number(),
        monitored: (flags >> 48) as u8,
        kind: kind as u8,
    });
    0
}
