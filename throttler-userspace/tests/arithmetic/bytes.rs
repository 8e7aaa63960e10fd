//! Bytes: every packet length, at rates of all sizes.

use throttler::config::Unit;
use throttler_common::gcra;

use crate::written::{Exact, LONGEST, PERIODS, SECOND, TICKS, direct, text};
use crate::{cases, seed};

/// Rounding slows a rate by less than this part.
const PRECISION: i128 = 1 << 16;
/// L3 length of the largest packet.
const LARGEST: u64 = 40 + 65_535;
const FASTEST: i128 = 100_000_000_000;

/// Rates whose bytes have few or many factors of two and five, up to 800 Gbit/s.
const RATES: [i128; 24] = [
    1,
    3,
    7,
    999,
    1_000,
    65_536,
    100_000,
    976_562,
    976_563,
    1_000_000,
    1_500_000,
    7_000_000,
    12_300_000,
    125_000_000,
    123_456_789,
    999_999_937,
    1_250_000_000,
    12_300_000_000,
    12_500_000_000,
    33_333_333_333,
    64_000_000_000,
    64_000_000_001,
    99_999_999_977,
    FASTEST,
];

fn is_within_its_bound(count: i128, decimals: u32, (period, seconds): (&str, i128), every: u64) {
    let exact = Exact::new(count, decimals, seconds);
    let written = text(count, decimals, period);
    let burst = 1 + u64::try_from(LONGEST * TICKS * count / exact.numerator / 3 * 2)
        .expect("a burst")
        .min(1 << 40);
    let limit = direct(&written, Unit::Bytes, burst);
    let told = format!("{written}: {limit:?}");
    let increment = i128::from(limit.increment);
    let scaled = exact.numerator << limit.shift;
    assert!(increment * exact.denominator >= scaled, "{told}: too fast");
    let over = increment * exact.denominator - scaled;
    assert!(over * PRECISION < scaled, "{told}: too slow");
    assert!(limit.increment < 1 << 46 && limit.shift <= 32, "{told}");
    // Less than a tick below so many bytes at once.
    let all = i128::from(burst) * increment;
    let depth = i128::from(limit.depth) << limit.shift;
    assert!(depth <= all && all - depth < 1 << limit.shift, "{told}");
    for length in (0..=LARGEST).step_by(every as usize) {
        let cost = i128::from(gcra::cost(&limit, length));
        // length * exact <= cost < length * exact * (1 + 2^-16) + 1.
        let wanted = i128::from(length) * exact.numerator;
        assert!(
            cost * exact.denominator >= wanted,
            "{told}: {length} bytes are too cheap"
        );
        let least = (cost - 1) * exact.denominator * PRECISION;
        assert!(
            least < wanted * (PRECISION + 1) || length == 0,
            "{told}: {length} bytes are too dear"
        );
    }
}

#[test]
fn every_length_at_rates_of_all_sizes() {
    for count in RATES {
        is_within_its_bound(count, 0, ("s", 1), 1);
    }
    println!("{} rates, {} lengths each", RATES.len(), LARGEST + 1);
}

#[test]
fn any_rate_in_any_period() {
    let mut rng = crate::rng::Rng::new(seed() + 2);
    let mut checked = 0_u64;
    while checked < cases() {
        let period = rng.pick(&PERIODS);
        let decimals = rng.below(4) as u32;
        let count = 1 + i128::from(rng.any() >> rng.below(63))
            % (FASTEST * period.1 * 10_i128.pow(decimals));
        let exact = Exact::new(count, decimals, period.1);
        // At least a byte in 1000 s, and all digits in 64 bits.
        if exact.numerator > 1_000 * SECOND * TICKS * count || u64::try_from(count).is_err() {
            continue;
        }
        is_within_its_bound(count, decimals, period, 1 + rng.below(4_000));
        checked += 1;
    }
}
