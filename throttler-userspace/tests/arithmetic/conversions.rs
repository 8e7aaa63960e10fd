//! What is left in a bucket, converted to another limit.

use throttler::compile::scale;
use throttler::config::Unit;
use throttler_common::abi::LimitParams;
use throttler_common::gcra;

use crate::rational::mul_div;
use crate::rng::Rng;
use crate::written::{Exact, LONGEST, PERIODS, TICKS, direct, text};
use crate::{cases, seed};

/// Rounded down, by less than a 2^22nd and two ticks.
const PART: i128 = 1 << 22;

fn any(rng: &mut Rng, unit: Unit) -> LimitParams {
    loop {
        let (period, seconds) = rng.pick(&PERIODS);
        let fastest = match unit {
            Unit::Bytes => 100_000_000_000,
            _ => 1_000_000_000,
        };
        let count = 1 + i128::from(rng.any() >> rng.below(63)) % (fastest * seconds);
        let exact = Exact::new(count, 0, seconds);
        let largest = LONGEST * TICKS * count / exact.numerator;
        let slowest = unit == Unit::Bytes && exact.numerator > 1_000_000_000_000 * TICKS * count;
        if largest > 0 && !slowest && u64::try_from(count).is_ok() {
            let burst = 1 + i128::from(rng.any() >> rng.below(63)) % largest;
            let burst = u64::try_from(burst).expect("at most the largest");
            return direct(&text(count, 0, period), unit, burst);
        }
    }
}

#[test]
fn conversions_are_rounded_down_by_less_than_their_bound() {
    let mut rng = Rng::new(seed() + 3);
    let mut capped = 0;
    for case in 0..cases() * 5 {
        let unit = rng.pick(&[Unit::Packets, Unit::Bytes]);
        let (from, to) = (any(&mut rng, unit), any(&mut rng, unit));
        let left = match rng.below(3) {
            0 => from.depth,
            1 => from.increment.min(from.depth),
            _ => rng.below(from.depth + 1) >> rng.below(40),
        };
        let most = i128::from(to.depth);
        let got = i128::from(gcra::convert(left, &scale(&from), &scale(&to), to.depth));
        // left / increment of the one * increment of the other, with both shifts.
        let dividend = i128::from(to.increment) << from.shift;
        let divisor = i128::from(from.increment) << to.shift;
        let exact = mul_div(i128::from(left), dividend, divisor).0.min(most);
        let told = format!("case {case}: {left} of {from:?} to {to:?}");
        assert!(got <= exact, "{told}: {got}, not {exact}: a reload adds");
        assert!(
            got >= exact - exact / PART - 2,
            "{told}: {got}, not {exact}"
        );
        capped += u64::from(exact == most);
    }
    assert!(
        capped * 10 > cases() && capped < cases() * 4,
        "{capped} of one kind"
    );
}
