//! What a policy accepts, found by search, and what it says of the rest.

use throttler::config::Unit;

use crate::rng::Rng;
use crate::written::{Exact, LONGEST, PERIODS, TICKS, by_policy, parsed, text};
use crate::{cases, seed};

/// The largest number that is accepted, below one that is not.
fn largest(mut good: u64, mut bad: u64, accepts: impl Fn(u64) -> bool) -> u64 {
    assert!(
        accepts(good) && !accepts(bad),
        "{good} must be accepted and {bad} refused"
    );
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        if accepts(middle) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    good
}

#[test]
fn the_fastest_rates() {
    for (unit, most) in [
        (Unit::Packets, 1_000_000_000),
        (Unit::Connections, 1_000_000_000),
        (Unit::Bytes, 100_000_000_000_u64),
    ] {
        for (period, seconds) in PERIODS {
            let accepts =
                |count: u64| by_policy(&format!("{count}/{period}"), unit, Some(1)).is_ok();
            let seconds = u64::try_from(seconds).expect("a period");
            let Some(bad) = most.checked_mul(seconds).and_then(|all| all.checked_mul(2)) else {
                // Not even the largest number of a rate is too fast.
                assert!(accepts(u64::MAX), "{unit} in {period}");
                continue;
            };
            assert_eq!(
                largest(most, bad, accepts),
                most * seconds,
                "{unit} in {period}"
            );
            let error = by_policy(&format!("{bad}/{period}"), unit, Some(1)).expect_err("too fast");
            assert!(
                error.contains(&format!("more than {most} {unit} per second")),
                "{error}"
            );
        }
    }
}

#[test]
fn the_slowest_rates() {
    for (unit, longest, why) in [
        (
            Unit::Packets,
            366 * 86_400,
            "write a rate of at least 1 per 366 days",
        ),
        (
            Unit::Connections,
            366 * 86_400,
            "write a rate of at least 1 per 366 days",
        ),
        (Unit::Bytes, 1_000, "less than 1 byte per 1000 s"),
    ] {
        let accepts = |seconds: u64| by_policy(&format!("1/{seconds}s"), unit, Some(1)).is_ok();
        assert_eq!(largest(1, longest * 2, accepts), longest, "{unit}");
        let error = by_policy(&format!("1/{}s", longest + 1), unit, Some(1)).expect_err("too slow");
        assert!(error.contains(why), "{error}");
    }
    // The same written as a fraction of as many digits as there may be.
    let digits = |number: u64| format!("0.{number:019}/s");
    let accepts = |number| by_policy(&digits(number), Unit::Packets, Some(1)).is_ok();
    let least = 1 + largest(0, 10_u64.pow(18), |number| !accepts(number));
    assert_eq!(u128::from(least), 10_u128.pow(19).div_ceil(366 * 86_400));
}

#[test]
fn the_largest_burst_of_any_rate() {
    let mut rng = Rng::new(seed() + 4);
    for _ in 0..cases() / 100 {
        let (period, seconds) = rng.pick(&PERIODS);
        let unit = rng.pick(&[Unit::Packets, Unit::Bytes]);
        let decimals = rng.below(4) as u32;
        let bits = 1 + rng.below(30);
        let count = 1 + i128::from(rng.below(1 << bits));
        let exact = Exact::new(count, decimals, seconds);
        let slow = unit == Unit::Bytes && exact.numerator > 1_000_000_000_000 * TICKS * count;
        let burst = LONGEST * TICKS * count / exact.numerator;
        if slow || burst == 0 || !exact.is_at_most(1_000_000_000) {
            continue;
        }
        let written = text(count, decimals, period);
        let burst = u64::try_from(burst).expect("a burst");
        let accepts = |burst| by_policy(&written, unit, Some(burst)).is_ok();
        assert_eq!(largest(1, burst * 2 + 2, accepts), burst, "{written}");
        let error = by_policy(&written, unit, Some(burst + 1)).expect_err("too long");
        assert!(
            error.contains("takes more than 366 days to refill"),
            "{error}"
        );
        assert!(
            error.contains(&format!("write a burst of at most {burst}")),
            "{error}"
        );
        let limit = by_policy(&written, unit, Some(burst)).expect("the largest");
        assert!(limit.depth < 1 << 61, "{written}: {limit:?}");
    }
}

#[test]
fn a_share_is_held_to_the_same_bounds() {
    let shared = |rate: &str, unit: Unit, burst: u64, percent: u8| {
        parsed(&format!(
            "[scopes.default]\nprotected = ['p']\nreserved = '{percent}%'\n[plans.p]\n\
             [scopes.default.global]\na = {{ rate = '{rate}', burst = {burst}, unit = '{unit}' }}"
        ))
    };
    // A hundredth of 1/10s is 1/1000s.
    assert!(shared("1/10s", Unit::Bytes, 3_000, 1).is_ok());
    let error = shared("1/11s", Unit::Bytes, 3_000, 1).expect_err("too slow");
    assert!(
        error.contains("1 % of `1/11s` is less than 1 byte per 1000 s"),
        "{error}"
    );
    assert!(shared("1/11s", Unit::Bytes, 3_000, 10).is_ok());
    // A burst of one at a hundredth of the rate takes a hundred times as long.
    assert!(shared("100/366d", Unit::Packets, 100, 1).is_ok());
    let error = shared("99/366d", Unit::Packets, 99, 1).expect_err("too long");
    assert!(
        error.contains("takes more than 366 days to refill"),
        "{error}"
    );
}
