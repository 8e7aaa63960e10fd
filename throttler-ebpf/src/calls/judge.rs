//! What becomes of a packet, and a line on it for whoever debugs.

use aya_log_ebpf::trace;
use throttler_common::{
    decide::{self, Met},
    swift::Swift,
};

use crate::{arrival::Arrival, policy::KernelPolicy, slots::KernelSlots};

/// [`decide::judge`], as a [`Swift`].
#[unsafe(no_mangle)]
#[inline(never)]
pub(crate) extern "C" fn throttler_judge(arrival: *const Arrival, scope: u32) -> u32 {
    // SAFETY: the callers pass this CPU's arrival.
    let Some(arrival) = (unsafe { arrival.as_ref() }) else {
        return u32::MAX;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    let slots = KernelSlots(arrival);
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let met = Met {
        source: arrival.source.get(),
        parent: arrival.parent.get(),
        layer: arrival.layer.get(),
    };
    Swift::new(decide::judge(
        packet,
        scope as u8,
        &met,
        clock,
        &policy,
        &slots,
    ))
    .0
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
