//! The program in the kernel and the same decision core on the host see the same frames at the same times, and must
//! agree on every one of them, on every counter, every event and every source's state. What the core reads of a frame
//! is held against etherparse, which shares no line with it.
//!
//! `THROTTLER_FRAMES` says how many frames, `THROTTLER_SEED` which.

#[expect(dead_code, unused_imports, reason = "the datapath tests use the rest")]
#[path = "../harness/mod.rs"]
mod harness;

mod agree;
#[path = "../harness/reaching.rs"]
mod buffers;
mod census;
mod crowd;
mod generator;
mod headers;
mod mutate;
mod oracle;
mod policy;
#[path = "../harness/setting.rs"]
mod setting;
mod systematic;

use setting::setting;

fn seed() -> u64 {
    setting("THROTTLER_SEED", 0x7468_726f_7474_6c65)
}

fn frames() -> u64 {
    setting("THROTTLER_FRAMES", 200_000)
}
