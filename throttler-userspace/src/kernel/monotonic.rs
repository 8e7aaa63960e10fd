//! The clocks of now.

use std::time::Duration;

use super::sys;
use crate::compile::Clock;

/// Monotonic and wall time, read together.
#[must_use]
pub fn now() -> Clock {
    Clock {
        monotonic_ns: sys::monotonic_ns(),
        wall: jiff::Timestamp::now(),
    }
}

/// Monotonic nanoseconds when a time is over that begins now; the end of time for one that never ends.
#[must_use]
pub fn after(duration: Duration) -> u64 {
    let end = u128::from(sys::monotonic_ns()) + duration.as_nanos();
    u64::try_from(end).unwrap_or(u64::MAX)
}
