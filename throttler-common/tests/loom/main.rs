//! The protocol of the source table under every interleaving of two and three CPUs, as the memory model
//! of the language allows them (<https://docs.rs/loom>). [`throttler_common::table`] says what it is.
//!
//! Small sets: only the ways in play are modelled, the others are sources that keep theirs. The sources
//! of a scenario have the same tag and scope, so that nothing but address and version tells them apart.
//! Each scenario ends with [`valid::is_valid`].
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
}
mod bans;
mod charges;
mod claims;
mod globals;
mod locking;
#[expect(dead_code, reason = "shared with tests/shuttle")]
#[path = "../support/policy.rs"]
mod policy;
mod reads;
mod renewals;
#[path = "../support/seat.rs"]
mod seat;
mod second_set;
#[expect(dead_code, reason = "shared with tests/shuttle")]
#[path = "../support/set.rs"]
mod set;
#[path = "../../../tests/harness/setting.rs"]
mod setting;
#[path = "../support/source.rs"]
mod source;
mod undoing;
#[path = "../support/valid.rs"]
mod valid;
mod whole;
mod world;
#[expect(dead_code, reason = "shared with tests/shuttle")]
#[path = "../support/world.rs"]
mod worlds;

/// Monotonic nanoseconds of most that happens.
pub(crate) const NOW: u64 = 1_000_000_000_000;
/// Enough to fail, and to succeed after a failure; each more is a round of the same.
pub(crate) const SPINS: usize = 2;
