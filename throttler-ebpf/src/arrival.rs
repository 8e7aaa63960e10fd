//! What one run of the program is about, in one place that its functions hand on.

use core::cell::Cell;

use aya_ebpf::programs::XdpContext;
use throttler_common::{Packet, lookup::Source};

use crate::{clock::KernelClock, maps};

/// A packet, its time, and where it came in. It lies in a map value of the CPU's own: the stack's 512
/// bytes are for the functions, and an XDP program is not preempted by another on its CPU.
#[repr(C)]
pub(crate) struct Arrival {
    pub(crate) packet: Packet,
    pub(crate) clock: KernelClock,
    /// Interface index.
    pub(crate) ifindex: u32,
    /// The bank of the generation that decides, from when the decision begins.
    pub(crate) bank: Cell<u32>,
    /// Who was met last.
    pub(crate) met: Cell<Source>,
    /// As in [`throttler_common::decide::Met`].
    pub(crate) source: Cell<Source>,
    pub(crate) parent: Cell<Source>,
    pub(crate) layer: Cell<Source>,
    /// Events that this CPU has written in the current second: a [`throttler_common::ban::Strikes`].
    pub(crate) told: Cell<u64>,
    /// The timer tick of this CPU's latest reading of the clock, and that reading.
    pub(crate) tick: u64,
    pub(crate) tick_time: u64,
}

impl Arrival {
    /// This CPU's.
    #[inline(always)]
    pub(crate) fn of(ctx: &XdpContext) -> Option<&'static mut Self> {
        let arrival = maps::ARRIVAL.get_ptr_mut(0)?;
        // SAFETY: a per-CPU map value, ours alone until the program ends.
        let arrival = unsafe { &mut *arrival };
        arrival.ifindex = ctx.ingress_ifindex() as u32;
        Some(arrival)
    }
}
