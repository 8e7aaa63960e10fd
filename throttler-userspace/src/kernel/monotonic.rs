//! The clocks of now.

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
