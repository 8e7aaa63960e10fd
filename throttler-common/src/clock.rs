//! Which time it is, as exactly as the question needs.
//!
//! Reading the kernel's clock costs as much as the rest of a refusal. A charge needs it: over-admission
//! is zero only if a packet is charged no earlier than it came. Much else does not: classes end in
//! steps of 0.27 s, bans in steps of a millisecond, and a packet that a bucket refuses now and two timer
//! ticks from now is refused whatever the time in between. For those a reading taken in the same timer
//! tick will do.

/// A clock that may be read coarsely for nearly nothing.
pub trait Clock {
    /// Monotonic nanoseconds, not after now and, but for late timer interrupts, at most
    /// [`Clock::lag`] before.
    fn coarse(&self) -> u64;
    /// How old [`Clock::coarse`] may be.
    fn lag(&self) -> u64;
    /// Monotonic nanoseconds, now.
    fn exact(&self) -> u64;
}

/// A given time: tests, test runs, simulation.
impl Clock for u64 {
    #[inline(always)]
    fn coarse(&self) -> u64 {
        *self
    }

    #[inline(always)]
    fn lag(&self) -> u64 {
        0
    }

    #[inline(always)]
    fn exact(&self) -> u64 {
        *self
    }
}
