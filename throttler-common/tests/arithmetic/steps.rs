//! Each step of `gcra` against the same in 128 bits.

use throttler_common::charge::{Refused, decode, encode};
use throttler_common::gcra;

use crate::accepted::{LARGEST, cost, limit, times, units};
use crate::rng::Rng;
use crate::{cases, seed};

/// Steps from each limit.
const STEPS: u64 = 20;

#[test]
fn costs_steps_and_waits_are_exact() {
    let mut rng = Rng::new(seed());
    let (mut admitted, mut refused, mut never) = (0_u64, 0_u64, 0_u64);
    for case in 0..cases() {
        let limit = limit(&mut rng);
        for _ in 0..STEPS {
            let units = units(&mut rng, &limit);
            let exact = cost(&limit, units);
            let paid = gcra::cost(&limit, units);
            assert_eq!(u128::from(paid), exact, "case {case}: {units} of {limit:?}");
            let (now, tat) = times(&mut rng, &limit, exact);
            let debt = u128::from(tat.saturating_sub(now));
            let told = format!("case {case}: {units} of {limit:?}, {tat} at {now}");
            match gcra::step(tat, now, paid, limit.depth) {
                Ok(next) => {
                    admitted += 1;
                    assert!(debt + exact <= u128::from(limit.depth), "{told}");
                    let start = u128::from(tat.max(now));
                    assert_eq!(u128::from(next), start + exact, "{told}");
                }
                Err(wait) => {
                    refused += 1;
                    let depth = u128::from(limit.depth);
                    assert_eq!(u128::from(wait), debt + exact - depth, "{told}");
                    let after = |wait: u64| gcra::step(tat, now + wait, paid, limit.depth);
                    if exact > depth {
                        // It never conforms; the wait is that of an empty bucket at most.
                        never += 1;
                        assert!(after(wait).is_err(), "{told}");
                    } else {
                        assert!(after(wait).is_ok(), "{told}");
                        assert!(after(wait - 1).is_err(), "{told}");
                    }
                    let nanos = gcra::nanos_ceil(wait);
                    assert!(gcra::ticks(nanos) >= wait, "{told}");
                    assert!(nanos == 0 || gcra::ticks(nanos - 1) < wait, "{told}");
                    // The bits that a result between the kernel's functions has for it.
                    let told_on = Err(Refused {
                        limit: 3,
                        wait: nanos,
                    });
                    assert_eq!(decode(encode(told_on)), told_on, "{told}");
                }
            }
        }
    }
    println!("{admitted} admitted, {refused} refused, of those {never} that never conform");
    let all = cases() * STEPS;
    assert!(
        admitted * 20 > all && refused * 20 > all && never > 0,
        "too much of one kind"
    );
}

#[test]
fn what_reports_say_of_a_bucket_is_exact() {
    let mut rng = Rng::new(seed() + 1);
    for case in 0..cases() {
        let limit = limit(&mut rng);
        let one = units(&mut rng, &limit);
        let (now, tat) = times(&mut rng, &limit, cost(&limit, one));
        let told = format!("case {case}: {limit:?}, {tat} at {now}");
        let room = u128::from(limit.depth - tat.saturating_sub(now));
        let left = gcra::remaining(&limit, tat, now);
        assert!(cost(&limit, left) <= room, "{told}: {left} are too many");
        assert!(cost(&limit, left + 1) > room, "{told}: {left} are too few");

        let full = gcra::reset(tat, now);
        let all = gcra::remaining(&limit, 0, now);
        assert_eq!(gcra::remaining(&limit, tat, now + full), all, "{told}");
        if full > 0 {
            assert!(tat > now + full - 1, "{told}: full before {full} ticks");
        }

        let wait = gcra::retry_after(&limit, tat, now);
        if cost(&limit, 1) <= u128::from(limit.depth) {
            assert!(gcra::remaining(&limit, tat, now + wait) >= 1, "{told}");
            assert_eq!(wait == 0, left >= 1, "{told}");
            if wait > 0 {
                assert_eq!(gcra::remaining(&limit, tat, now + wait - 1), 0, "{told}");
            }
        }
    }
}

/// Over the interval from any admission to any later one: what was paid is at most the depth and the time in between, so
/// that units are at most burst + rate * dt (a unit costs no less than it should).
#[test]
fn no_interval_has_more_than_the_depth_and_its_length() {
    let mut rng = Rng::new(seed() + 2);
    for case in 0..cases() / 20 {
        let limit = limit(&mut rng);
        let interval = gcra::cost(&limit, 1);
        let (mut now, mut tat) = (1_u64 << 62, 0);
        let (mut paid, mut least, start) = (0_u128, i128::MAX, now);
        for _ in 0..200 {
            let gap = match rng.below(4) {
                0 => 0,
                1 => rng.below(interval + 1),
                2 => rng.below(limit.depth / 4 + 1),
                _ => gcra::retry_after(&limit, tat, now),
            };
            now += gap.min(1 << 52);
            let units = units(&mut rng, &limit);
            if let Ok(next) = gcra::step(tat, now, gcra::cost(&limit, units), limit.depth) {
                tat = next;
                least = least.min(paid as i128 - i128::from(now - start));
                paid += cost(&limit, units);
                let most = i128::from(limit.depth) + least;
                assert!(
                    paid as i128 - i128::from(now - start) <= most,
                    "case {case}: {limit:?} at {now}"
                );
            }
        }
    }
}

/// The kernel's clock reaches 2^58 ns after 9.1 years; until a longest bucket and a largest packet before that, no sum wraps.
#[test]
fn the_last_nanosecond_of_the_uptime_is_known() {
    let longest = 366_u64 * 86_400 * 1_000_000_000;
    let depth = gcra::ticks(longest);
    let last = u64::MAX - 2 * depth;
    assert!(
        last > gcra::ticks(7 * longest),
        "seven years of the longest bucket"
    );
    assert_eq!(gcra::step(last + depth, last, depth, depth), Err(depth));
    assert_eq!(gcra::step(0, last, depth, depth), Ok(last + depth));
    // The largest cost: 65,575 bytes at one in 1000 s, 2.1 years.
    let slowest = throttler_common::abi::LimitParams {
        increment: gcra::ticks(1_000_000_000_000),
        depth,
        ..Default::default()
    };
    let cost = gcra::cost(&slowest, LARGEST);
    assert_eq!(cost, LARGEST * gcra::ticks(1_000_000_000_000));
    assert!(
        gcra::nanos_ceil(cost) < 1 << 56,
        "more than the word for a refusal holds"
    );
}
