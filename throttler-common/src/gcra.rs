//! The generic cell rate algorithm (ITU-T I.371, "virtual scheduling"), on one `u64`.
//!
//! A bucket is its theoretical arrival time (TAT): the time at which it will be full again. A unit
//! conforms when paying for it leaves the TAT at most `depth` ahead of now. Over any interval dt at
//! most `burst + rate * dt` units conform. Times are in ticks of 1/64 ns.

use crate::abi::{LimitParams, Scale, TICK_SHIFT};

/// Monotonic nanoseconds to ticks. Holds for 2^58 ns (9 years) of uptime.
#[inline(always)]
#[must_use]
pub const fn ticks(nanos: u64) -> u64 {
    nanos << TICK_SHIFT
}

/// Ticks to nanoseconds, rounded up.
#[inline(always)]
#[must_use]
pub const fn nanos_ceil(ticks: u64) -> u64 {
    (ticks >> TICK_SHIFT) + ((ticks & ((1 << TICK_SHIFT) - 1) != 0) as u64)
}

/// What `units` cost in ticks, rounded up. `units` is at most 2^17 (the compiler of the policy keeps
/// the product below 2^63).
#[inline(always)]
#[must_use]
pub const fn cost(limit: &LimitParams, units: u64) -> u64 {
    let round = (1u64 << (limit.shift & 63)) - 1;
    (units * limit.increment + round) >> (limit.shift & 63)
}

/// One step: the new TAT if the cost conforms at `now`, else the ticks to wait until it does.
///
/// # Errors
/// The wait in ticks; a cost above `depth` never conforms, its wait is that of an empty bucket.
#[inline(always)]
pub const fn step(tat: u64, now: u64, cost: u64, depth: u64) -> Result<u64, u64> {
    let start = if tat > now { tat } else { now };
    let next = start + cost;
    // A debt is at most a depth (366 days) and a cost at most 2.1 years: no wrap in the first five years of uptime, nor up to
    // 2^58 ns (9.1 years) less the limit's own depth and cost.
    let ahead = next - now;
    if ahead <= depth {
        Ok(next)
    } else {
        Err(ahead - depth)
    }
}

/// Whole units that conform at `now`, for reports.
#[must_use]
pub const fn remaining(limit: &LimitParams, tat: u64, now: u64) -> u64 {
    let debt = tat.saturating_sub(now);
    let room = limit.depth.saturating_sub(debt);
    if limit.increment == 0 {
        return 0;
    }
    ((room as u128) << (limit.shift & 63)).wrapping_div(limit.increment as u128) as u64
}

/// Ticks until the bucket is full.
#[must_use]
pub const fn reset(tat: u64, now: u64) -> u64 {
    tat.saturating_sub(now)
}

/// Ticks until one more unit conforms; 0 if one does now.
#[must_use]
pub const fn retry_after(limit: &LimitParams, tat: u64, now: u64) -> u64 {
    match step(tat, now, cost(limit, 1), limit.depth) {
        Ok(_) => 0,
        Err(wait) => wait,
    }
}

/// Ticks that as many units cost at the rate `to` as `ticks` bought at the rate `from`; at most `most`.
/// Rounded down, by less than 2^-22 of the value (and far less above a nanosecond). `ticks` and `most`
/// are below 2^62.
#[must_use]
#[inline(always)]
pub const fn convert(ticks: u64, from: &Scale, to: &Scale, most: u64) -> u64 {
    // The product of the two mantissas, of which the upper half is 30 to 32 bits long.
    let factor = (from.units as u64 * to.ticks as u64) >> 32;
    // Few ticks are lifted, or their product would have few digits.
    let lift = if ticks < 1 << 36 { 24 } else { 0 };
    let (high, low) = (ticks << lift >> 32, ticks << lift & 0xffff_ffff);
    let scaled = high * factor + ((low * factor) >> 32);
    let exponent = from.units_exponent as i32 + to.ticks_exponent as i32 + 64 - lift;
    if exponent <= -64 {
        0
    } else if exponent < 0 {
        let value = scaled >> (-exponent as u32 & 63);
        if value < most { value } else { most }
    } else if scaled == 0 {
        0
    } else if exponent >= 64 || scaled > most >> (exponent as u32 & 63) {
        most
    } else {
        scaled << (exponent as u32 & 63)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn per_minute(count: u64) -> LimitParams {
        let increment = (ticks(60 * SECOND)).div_ceil(count);
        LimitParams {
            increment,
            depth: increment * count,
            unit: crate::abi::unit::PACKETS,
            ..LimitParams::default()
        }
    }

    #[test]
    fn ten_a_minute_admits_ten_then_one_every_six_seconds() {
        let limit = per_minute(10);
        let now = ticks(1_000 * SECOND);
        let mut tat = 0;
        for _ in 0..10 {
            tat = step(tat, now, cost(&limit, 1), limit.depth).unwrap();
        }
        assert_eq!(
            step(tat, now, cost(&limit, 1), limit.depth),
            Err(ticks(6 * SECOND))
        );
        assert_eq!(remaining(&limit, tat, now), 0);
        assert_eq!(reset(tat, now), ticks(60 * SECOND));
        assert_eq!(retry_after(&limit, tat, now), ticks(6 * SECOND));
        let later = now + ticks(6 * SECOND);
        assert_eq!(remaining(&limit, tat, later), 1);
        let tat = step(tat, later, cost(&limit, 1), limit.depth).unwrap();
        assert!(step(tat, later, cost(&limit, 1), limit.depth).is_err());
    }

    #[test]
    fn a_byte_at_100_gbit_costs_its_twelfth_of_a_nanosecond() {
        // 12.5e9 bytes a second: 0.08 ns = 5.12 ticks a byte.
        let shift = 16;
        let increment = ((64u128 * 1_000_000_000) << shift).div_ceil(12_500_000_000) as u64;
        let limit = LimitParams {
            increment,
            shift,
            ..LimitParams::default()
        };
        assert_eq!(cost(&limit, 1_500), 7_681); // 7,680 exactly; rounded up by the increment's last bit
        assert_eq!(cost(&limit, 46), 236);
    }

    #[test]
    fn ticks_round_up_to_nanoseconds() {
        assert_eq!(nanos_ceil(0), 0);
        assert_eq!(nanos_ceil(1), 1);
        assert_eq!(nanos_ceil(64), 1);
        assert_eq!(nanos_ceil(65), 2);
    }

    proptest! {
        /// The bound of DESIGN.md section 3 over every interval, and that a refusal names the exact wait.
        #[test]
        fn admits_at_most_burst_plus_rate_times_dt(
            count in 1u64..50,
            burst in 1u64..60,
            period_ns in 1_000u64..100_000_000_000,
            gaps in prop::collection::vec(0u64..5_000_000_000, 1..200),
        ) {
            let increment = ticks(period_ns).div_ceil(count);
            let limit = LimitParams { increment, depth: increment * burst, ..LimitParams::default() };
            let (mut now, mut tat) = (ticks(5 * SECOND), 0);
            let mut admitted = std::vec::Vec::new();
            for gap in gaps {
                now += ticks(gap);
                match step(tat, now, cost(&limit, 1), limit.depth) {
                    Ok(next) => {
                        tat = next;
                        admitted.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(step(tat, now + wait, cost(&limit, 1), limit.depth).is_ok());
                        prop_assert!(step(tat, now + wait - 1, cost(&limit, 1), limit.depth).is_err());
                    }
                }
            }
            for (i, start) in admitted.iter().enumerate() {
                for (j, end) in admitted.iter().enumerate().skip(i) {
                    let bound = u128::from(burst) * u128::from(increment) + u128::from(end - start);
                    prop_assert!((j - i + 1) as u128 * u128::from(increment) <= bound);
                }
            }
        }
    }
}
