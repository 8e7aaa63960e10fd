//! Limits that sources share: those of a scope together, and that of newcomers.

use throttler_common::{
    charge::encode,
    global::{self, Share},
    pressure,
};

use crate::{
    account, arrival::Arrival, calls::UNREACHABLE, policy::KernelPolicy, slots::KernelSlots,
};

/// [`global::charge`], encoded.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_global(
    arrival: *const Arrival,
    scope: u32,
    protected: u32,
) -> u64 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return UNREACHABLE;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    global::encode(global::charge(
        &policy,
        &slots,
        packet,
        clock,
        scope as u8,
        protected != 0,
    ))
}

/// [`global::undo`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_undo_global(
    arrival: *const Arrival,
    scope: u32,
    share: u32,
) -> u32 {
    // SAFETY: as in `throttler_judge`.
    if let Some(arrival) = unsafe { arrival.as_ref() } {
        let policy = KernelPolicy::of_bank(arrival.bank.get());
        let share = if share == 0 {
            Share::Common
        } else {
            Share::Reserved
        };
        let slots = KernelSlots(arrival);
        global::undo(&policy, &slots, &arrival.packet, scope as u8, share);
    }
    0
}

/// [`pressure::admit`], encoded; counts newcomers that pass.
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_newcomer(arrival: *const Arrival, scope: u32) -> u64 {
    // SAFETY: as in `throttler_judge`.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return UNREACHABLE;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let parent = arrival.parent.get();
    let result = pressure::admit(&policy, &slots, packet, clock, scope as u8, &parent);
    if result.is_ok() {
        account::newcomer();
    }
    encode(result)
}
