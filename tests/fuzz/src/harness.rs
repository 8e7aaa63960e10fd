//! The times that the differential test's policy speaks of.

use jiff::{SignedDuration, Timestamp};

/// A second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// The monotonic time at which inputs begin.
pub(crate) const START: u64 = 200_000 * SECOND;
/// The wall time at [`START`].
const START_WALL: Timestamp = Timestamp::constant(1_803_859_200, 0);

/// The wall time of a monotonic time, as `until` wants it.
pub(crate) fn wall(now: u64) -> String {
    let ahead = SignedDuration::from_nanos(now.cast_signed() - START.cast_signed());
    (START_WALL + ahead).to_string()
}

/// Both clocks at the beginning.
pub(crate) fn clock() -> throttler::compile::Clock {
    throttler::compile::Clock {
        monotonic_ns: START,
        wall: START_WALL,
    }
}
