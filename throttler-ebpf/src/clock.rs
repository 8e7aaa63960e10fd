//! The kernel's clocks.
//!
//! `bpf_ktime_get_ns` costs about 30 ns. `bpf_jiffies64` is a load, which the kernel writes in place of
//! the call. So a CPU keeps the time that it read last, and the timer tick of that reading: as long as
//! the tick is the same, the reading is at most a tick old.

use core::cell::Cell;

use aya_ebpf::{
    Global,
    helpers::{bpf_jiffies64, bpf_ktime_get_ns},
};
use throttler_common::Clock;

/// Nanoseconds that a reading may be old: two timer ticks, of which one is for a tick that comes late.
#[unsafe(no_mangle)]
static CLOCK_LAG: Global<u64> = Global::new(0);

/// The time of one packet. The exact time is read when it is asked for, once.
#[repr(C)]
pub(crate) struct KernelClock {
    coarse: u64,
    lag: u64,
    /// 0: not read yet.
    exact: Cell<u64>,
}

impl KernelClock {
    /// The kernel's monotonic clock; `tick` and `tick_time` are this CPU's latest reading.
    #[inline(always)]
    pub(crate) fn of_kernel(tick: &mut u64, tick_time: &mut u64) -> Self {
        // SAFETY: the helper takes no arguments and has no preconditions.
        let current = unsafe { bpf_jiffies64() };
        if *tick != current {
            *tick = current;
            *tick_time = now();
            return Self::at(*tick_time);
        }
        Self {
            coarse: *tick_time,
            lag: CLOCK_LAG.load(),
            exact: Cell::new(0),
        }
    }

    /// A given time.
    #[inline(always)]
    pub(crate) fn at(now: u64) -> Self {
        Self {
            coarse: now,
            lag: 0,
            exact: Cell::new(now),
        }
    }
}

impl Clock for KernelClock {
    #[inline(always)]
    fn coarse(&self) -> u64 {
        self.coarse
    }

    #[inline(always)]
    fn lag(&self) -> u64 {
        self.lag
    }

    #[inline(always)]
    fn exact(&self) -> u64 {
        let read = self.exact.get();
        if read != 0 {
            return read;
        }
        let now = now();
        self.exact.set(now);
        now
    }
}

#[inline(always)]
fn now() -> u64 {
    // SAFETY: the helper takes no arguments and has no preconditions.
    unsafe { bpf_ktime_get_ns() }
}
