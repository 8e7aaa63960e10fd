//! From a rate as written to fixed point: for every rate that a policy may have.
//!
//! With `exact` the ticks (1/64 ns) that a unit costs by the policy, a rational number, shown:
//!
//! - packets and connections: the increment is `exact` rounded up, so that it is less than a tick too long: over n units a limit
//!   drifts by less than n ticks, and always to the slower side (every whole count in each of ten periods, every count with up to
//!   three decimals in part);
//! - bytes: the increment is below `exact * (1 + 2^-16)`, and a packet's cost is rounded up to a tick beyond that (every packet
//!   length at every rate tried);
//! - a burst of packets is exactly so many increments deep; one of bytes less than a tick below that;
//! - what the policy accepts, and no more: the largest and smallest rates and bursts are found by search and are those of the
//!   formula (at most 1e9 packets or 1e11 bytes a second, at least a byte in 1000 s, full within 366 days), and whatever is
//!   beyond is refused with a reason and a mend;
//! - a conversion between two limits is below the exact one by less than 2^-22 and two ticks, and never above.
//!
//! `THROTTLER_CASES` says how many, `THROTTLER_SEED` which.

#[path = "../../../tests/exactness/rational.rs"]
mod rational;
#[expect(dead_code, reason = "the datapath tests use the rest")]
#[path = "../../../tests/harness/rng.rs"]
mod rng;
#[path = "../../../tests/harness/setting.rs"]
mod setting;

mod bounds;
mod bytes;
mod conversions;
mod counts;
mod written;

use setting::setting;

fn cases() -> u64 {
    setting("THROTTLER_CASES", 20_000)
}

fn seed() -> u64 {
    setting("THROTTLER_SEED", 0x7261_7465_7300)
}
