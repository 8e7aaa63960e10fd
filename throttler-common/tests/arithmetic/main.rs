//! The datapath's fixed-point steps, for every limit that a policy may have.
//!
//! What such a limit is, `throttler-userspace/tests/arithmetic` shows of the compiler of policies; here it is [`accepted`]:
//!
//! - an increment of at most 366 days of ticks for packets and connections, below 2^46 for bytes
//!   and at most 1000 s a byte, at most 32 fraction bits;
//! - a depth of at most 366 days, and the 64th that rounding increments up can add;
//! - packets of at most 65,575 bytes (an IPv6 header and 65,535).
//!
//! Shown, on the edges of all of these and between them, against the same steps in 128 bits where every operation is checked:
//!
//! - no step overflows, as long as the uptime is 2^58 ns (9.1 years) less the longest bucket and the largest cost;
//! - a step admits if and only if the unrounded inequality holds, and what it stores is the exact time;
//! - waits are exact: a packet conforms after the wait and not a tick sooner, the bucket is full after `reset` and not a tick
//!   sooner, `remaining` units conform and not one more;
//! - a wait fits the 56 bits that `charge::encode` has for it.
//!
//! `THROTTLER_CASES` says how many limits, `THROTTLER_SEED` which.

#[expect(dead_code, reason = "the datapath tests use the rest")]
#[path = "../../../tests/harness/rng.rs"]
mod rng;
#[path = "../../../tests/harness/setting.rs"]
mod setting;

mod accepted;
mod steps;

use setting::setting;

fn cases() -> u64 {
    setting("THROTTLER_CASES", 20_000)
}

fn seed() -> u64 {
    setting("THROTTLER_SEED", 0x6172_6974_686d_6574)
}
