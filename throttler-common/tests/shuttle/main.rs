//! The source table in wider shapes than `tests/loom` can try all orders of: three to five CPUs, a full set of
//! eight ways, more sources than that, whole packets of every kind, under many random schedules
//! (<https://docs.rs/shuttle>). Its memory is sequentially consistent; loom's is that of the language.
//!
//! What is drawn follows from a seed, which a failure prints; `SHUTTLE_RANDOM_SEED` runs it again.
mod atomic {
    pub(crate) use shuttle::sync::atomic::{AtomicU64, Ordering, fence};
}
mod packets;
#[expect(dead_code, reason = "shared with tests/loom")]
#[path = "../support/policy.rs"]
mod policy;
#[expect(dead_code, reason = "shared with tests/loom")]
#[path = "../support/seat.rs"]
mod seat;
#[expect(dead_code, reason = "shared with tests/loom")]
#[path = "../support/set.rs"]
mod set;
#[path = "../../../tests/harness/setting.rs"]
mod setting;
#[path = "../support/source.rs"]
mod source;
#[path = "../support/valid.rs"]
mod valid;
#[expect(dead_code, reason = "shared with tests/loom")]
#[path = "../support/world.rs"]
mod worlds;

/// Monotonic nanoseconds of the first packets.
pub(crate) const NOW: u64 = 1_000_000_000_000;
/// Attempts at a set's lock: few, so that they run out.
pub(crate) const SPINS: usize = 12;
