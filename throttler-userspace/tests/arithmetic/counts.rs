//! Packets and connections: every count, in every period.

use throttler::config::Unit;

use crate::written::{Exact, LONGEST, PERIODS, TICKS, direct, text};
use crate::{cases, seed};

/// Checks one rate with a burst, as far as a policy may have it. Whether it may.
fn is_rounded_up_by_less_than_a_tick(
    count: i128,
    decimals: u32,
    (period, seconds): (&str, i128),
    burst: i128,
) -> bool {
    let exact = Exact::new(count, decimals, seconds);
    if burst == 0 || !exact.fits(burst) || !exact.is_at_most(1_000_000_000) {
        return false;
    }
    let written = text(count, decimals, period);
    let burst = u64::try_from(burst).expect("a burst");
    let limit = direct(&written, Unit::Packets, burst);
    assert_eq!(
        direct(&written, Unit::Connections, burst).increment,
        limit.increment
    );
    let increment = i128::from(limit.increment);
    // increment - 1 tick < exact <= increment.
    assert!(
        increment * exact.denominator >= exact.numerator,
        "{written}: {limit:?}"
    );
    assert!(
        (increment - 1) * exact.denominator < exact.numerator,
        "{written}: {limit:?}"
    );
    assert_eq!(limit.shift, 0, "{written}");
    // Exactly the burst at once, so that n units drift by less than n ticks, however many came at once.
    let depth = i128::from(limit.depth);
    assert_eq!(depth, i128::from(burst) * increment, "{written}");
    // The datapath's sums: ARCHITECTURE.md, Arithmetic.
    assert!(
        depth < LONGEST * TICKS + i128::from(burst),
        "{written}: {limit:?}"
    );
    assert!(depth <= LONGEST * TICKS / 64 * 65, "{written}: {limit:?}");
    true
}

#[test]
fn every_whole_count_in_every_period() {
    let mut checked = 0_u64;
    for period in PERIODS {
        for count in 1..=i128::from(cases()) {
            checked += u64::from(is_rounded_up_by_less_than_a_tick(count, 0, period, count));
        }
    }
    println!("{checked} rates");
    assert_eq!(
        checked,
        cases() * PERIODS.len() as u64,
        "all of them are allowed"
    );
}

#[test]
fn every_count_of_three_decimals_and_bursts_of_all_sizes() {
    let mut rng = crate::rng::Rng::new(seed());
    let mut checked = 0_u64;
    for period in PERIODS {
        for decimals in [1, 2, 3] {
            for count in 1..=i128::from(cases()) / 8 {
                let largest = LONGEST * TICKS * count / Exact::new(1, decimals, period.1).numerator;
                let any = i128::from(rng.any() >> rng.below(60));
                for burst in [1, largest, 1 + any % largest.max(1)] {
                    checked += u64::from(is_rounded_up_by_less_than_a_tick(
                        count, decimals, period, burst,
                    ));
                }
            }
        }
    }
    println!("{checked} rates with bursts");
    assert!(checked > cases() * 5, "{checked} of too few rates");
}

#[test]
fn the_fastest_rates_have_whole_ticks_as_well() {
    let mut rng = crate::rng::Rng::new(seed() + 1);
    for case in 0..i128::from(cases()) {
        // From 1e9 a second downwards, and anywhere below.
        let count = if case % 2 == 0 {
            1_000_000_000 - case
        } else {
            1 + i128::from(rng.below(1_000_000_000))
        };
        let largest = LONGEST * TICKS * count / Exact::new(1, 0, 1).numerator;
        for burst in [1, count, largest] {
            assert!(
                is_rounded_up_by_less_than_a_tick(count, 0, ("s", 1), burst),
                "{count}/s, burst {burst}"
            );
        }
    }
}
