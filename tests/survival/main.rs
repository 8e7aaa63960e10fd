//! What the daemon survives, and what survives the daemon: kills, reloads and upgrades under a flood that never stops,
//! pins that are broken, interfaces that come and go. Needs root.
//!
//! `THROTTLER_KILLS`, `THROTTLER_RELOADS` and `THROTTLER_UPGRADES` say how many, `THROTTLER_SEED` which moments, and
//! `THROTTLER_CALLS` before how many system calls of a start it is killed.

mod bombard;
mod build;
#[path = "../end_to_end/site.rs"]
#[expect(dead_code, reason = "these tests need less of it")]
mod calm;
mod canaries;
mod flood;
mod guard;
mod interfaces;
mod kills;
mod moment;
#[path = "../harness/offered.rs"]
mod offered;
mod pins;
mod policy;
mod reloads;
#[path = "../harness/rng.rs"]
mod rng;
#[path = "../harness/setting.rs"]
mod setting;
mod site;
mod upgrades;
