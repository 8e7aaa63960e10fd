//! Rates to ticks. The datapath multiplies, adds and shifts; every division is done here, once.

use throttler_common::abi::{LimitParams, Scale, TICK_SHIFT, unit};

use crate::config::{Part, Rate, Unit};

/// An increment stays below this, so that its product with the largest packet (2^17) fits a `u64`.
const MAX_INCREMENT: u128 = 1 << 46;
/// Rounding an increment up may slow a rate by at most this part: 2^-16, 0.0015 %.
const PRECISION: u128 = 1 << 16;
const MAX_SHIFT: u8 = 32;

/// Ticks a unit costs, shifted left by the returned number of bits, rounded up.
///
/// Packets and connections need no shift: a tick is 1/64 ns. Bytes get the smallest shift at which
/// rounding slows the rate by less than 2^-16.
#[must_use]
pub fn increment(rate: &Rate, unit: Unit) -> (u64, u8) {
    part_increment(rate, 100, unit)
}

/// [`increment`] of so many per cent of a rate, 1..=100. The parts of a rate together never admit more than
/// the rate: each is rounded by itself, and up.
fn part_increment(rate: &Rate, percent: u8, unit: Unit) -> (u64, u8) {
    let ticks = u128::from(rate.period_ns()) << TICK_SHIFT;
    let Some(numerator) = ticks.checked_mul(10u128.pow(rate.scale())) else {
        // Slower than any policy may be.
        return (u64::MAX, 0);
    };
    let per_unit = |shift: u8| {
        let scaled = numerator.checked_shl(u32::from(shift)).unwrap_or(u128::MAX);
        let count = u128::from(rate.mantissa().max(1));
        let percent = u128::from(percent.max(1));
        // scaled * 100 / (count * percent), without the product of the first two.
        let rest = scaled % count * 100;
        let whole = (scaled / count).saturating_mul(100);
        let hundred = whole.saturating_add(rest.div_ceil(count));
        let exact = rest.is_multiple_of(count) && hundred.is_multiple_of(percent);
        (hundred.div_ceil(percent), exact)
    };
    let enough = |shift: u8| {
        let (increment, exact) = per_unit(shift);
        exact || increment >= PRECISION
    };
    let wanted = match unit {
        Unit::Packets | Unit::Connections => 0,
        Unit::Bytes => (0..=MAX_SHIFT).find(|s| enough(*s)).unwrap_or(MAX_SHIFT),
    };
    let shift = (0..=wanted)
        .rev()
        .find(|shift| unit != Unit::Bytes || per_unit(*shift).0 < MAX_INCREMENT)
        .unwrap_or(0);
    (u64::try_from(per_unit(shift).0).unwrap_or(u64::MAX), shift)
}

/// A limit as the datapath reads it. The policy's checks bound `burst * increment` to 366 days.
#[must_use]
pub fn params(rate: &Rate, burst: u64, unit: Unit) -> LimitParams {
    part_params(rate, Part::whole(burst), unit)
}

/// [`params`] of a part of a limit; the policy's checks bound it alike.
#[must_use]
pub fn part_params(rate: &Rate, part: Part, unit: Unit) -> LimitParams {
    let (increment, shift) = part_increment(rate, part.percent, unit);
    let depth = (u128::from(part.burst) * u128::from(increment)) >> shift;
    LimitParams {
        increment,
        depth: u64::try_from(depth).unwrap_or(u64::MAX >> 1),
        changed_ago: 0,
        unit: code(unit),
        shift,
        reserved: 0,
    }
}

/// The scale of a limit: its increment and the reciprocal of it, normalised and rounded down.
#[must_use]
pub fn scale(limit: &LimitParams) -> Scale {
    if limit.increment == 0 {
        return Scale::default();
    }
    // increment = ticks * 2^shift.
    let bits = 64 - limit.increment.leading_zeros() as i32;
    let ticks = (u128::from(limit.increment) << 32) >> bits;
    // 2^(bits + 31) / increment lies between 2^31 and 2^32, both included.
    let units = (1u128 << (bits + 31)) / u128::from(limit.increment);
    let shift = i32::from(limit.shift);
    Scale {
        ticks: ticks as u32,
        units: u32::try_from(units).unwrap_or(u32::MAX),
        ticks_exponent: (bits - 32 - shift) as i16,
        units_exponent: (shift - bits - 31) as i16,
    }
}

fn code(unit: Unit) -> u8 {
    match unit {
        Unit::Packets => unit::PACKETS,
        Unit::Bytes => unit::BYTES,
        Unit::Connections => unit::CONNECTIONS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::split;
    use proptest::prelude::*;
    use throttler_common::gcra;

    fn rate(text: &str, unit: Unit) -> Rate {
        Rate::parse(text, unit).expect("a valid rate")
    }

    #[test]
    fn rates_convert_by_their_ratio_rounded_down() {
        let limits = [
            ("10/min", 10, Unit::Packets),
            ("20/min", 20, Unit::Packets),
            ("1000000000/s", 7, Unit::Packets),
            ("1/day", 300, Unit::Packets),
            ("12.3G/s", 1_000_000, Unit::Bytes),
            ("1/s", 100_000, Unit::Bytes),
        ]
        .map(|(text, burst, unit)| params(&rate(text, unit), burst, unit));
        for from in &limits {
            for to in &limits {
                for part in [1, 2, 3, 7, 1000] {
                    let left = from.depth / part;
                    let got = gcra::convert(left, &scale(from), &scale(to), to.depth);
                    let per_unit =
                        |l: &LimitParams| l.increment as f64 / 2f64.powi(i32::from(l.shift));
                    let exact = (left as f64 * per_unit(to) / per_unit(from)).min(to.depth as f64);
                    let got = got as f64;
                    assert!(got <= exact * (1.0 + 1e-12), "{got} over {exact}");
                    assert!(
                        got >= exact * (1.0 - 1e-8) - 2.0,
                        "{got} under {exact}: {from:?} to {to:?}"
                    );
                }
            }
        }
    }

    /// The two parts of 1000/hour, and of a rate that no part of divides a tick.
    #[test]
    fn parts_of_a_limit_are_exact_where_ticks_are() {
        let whole = rate("1000/hour", Unit::Connections);
        let [common, kept] =
            split(1000, 25).map(|part| part_params(&whole, part, Unit::Connections));
        let hour = gcra::ticks(3_600_000_000_000);
        assert_eq!((common.increment, common.depth), (hour / 750, hour));
        assert_eq!((kept.increment, kept.depth), (hour / 250, hour));
        let odd = rate("7/s", Unit::Packets);
        let [common, kept] = split(7, 10).map(|part| part_params(&odd, part, Unit::Packets));
        // 64e9 / 6.3 and 64e9 / 0.7, rounded up.
        assert_eq!(common.increment, 10_158_730_159);
        assert_eq!(kept.increment, 91_428_571_429);
    }

    proptest! {
        // Over any time, both parts admit what the limit does: their rates' sum is at most the limit's, and
        // less by no more than the rounding of one tick a unit (or 2^-16, for bytes).
        #[test]
        fn parts_admit_what_the_limit_does(
            count in 1_u64..2_000_000_000, scale in 0_usize..4, times in 1_u64..100_000, burst in 2_u64..1_000_000,
            reserved in 1_u8..=99, unit in prop::sample::select(Unit::ALL.to_vec()),
        ) {
            let text = format!("{}.{:0scale$}/{times}s", count / 10_u64.pow(scale as u32), count % 10_u64.pow(scale as u32));
            let text = if scale == 0 { format!("{count}/{times}s") } else { text };
            let whole = rate(&text, unit);
            let file = format!("[scopes.default]\nprotected = ['p']\nreserved = '{reserved}%'\n[plans.p]\n\
                [scopes.default.global]\na = {{ rate = '{text}', burst = {burst}, unit = '{unit}' }}");
            let now = jiff::Timestamp::UNIX_EPOCH;
            prop_assume!(crate::config::parse("t.toml", &file, std::path::Path::new(""), now).is_ok());
            let parts = split(burst, reserved);
            let made = parts.map(|part| part_params(&whole, part, unit));
            for (part, made) in parts.iter().zip(&made) {
                // Exactly burst units at once: one more would be deeper.
                let all = (u128::from(part.burst) * u128::from(made.increment)) >> made.shift;
                prop_assert_eq!(u128::from(made.depth), all);
                prop_assert!(made.depth < 1 << 61);
                // ceil(2^shift * 64 * period * 10^scale * 100 / (mantissa * percent)).
                let ticks = u128::from(whole.period_ns()) << (TICK_SHIFT + u32::from(made.shift));
                let exact = (ticks * 10_u128.pow(whole.scale()) * 100)
                    .div_ceil(u128::from(whole.mantissa()) * u128::from(part.percent));
                prop_assert_eq!(u128::from(made.increment), exact);
            }
            // 1/c + 1/k <= 1/w, in units of the finer shift, without rounding: (c + k) * w <= c * k.
            let shift = made[0].shift.max(made[1].shift);
            let [c, k] = made.map(|m| u128::from(m.increment) << (shift - m.shift));
            let per_unit = u128::from(whole.period_ns()) << (TICK_SHIFT + u32::from(shift));
            let numerator = per_unit * 10_u128.pow(whole.scale());
            let mantissa = u128::from(whole.mantissa());
            // w = numerator / mantissa; floor(c * k / (c + k)) >= floor(w) follows from c * k / (c + k) >= w.
            prop_assert!(c * k / (c + k) >= numerator / mantissa);
        }
    }

    #[test]
    fn whole_periods_are_exact() {
        let (increment, shift) = increment(&rate("10/min", Unit::Packets), Unit::Packets);
        assert_eq!((increment, shift), (gcra::ticks(6_000_000_000), 0));
        let half = params(&rate("0.5/s", Unit::Packets), 3, Unit::Packets);
        assert_eq!(half.depth, 3 * gcra::ticks(2_000_000_000));
    }

    #[test]
    fn round_byte_rates_are_exact_without_a_shift() {
        for (text, ticks) in [("1M/s", 64_000), ("125M/s", 512), ("64Ki/s", 976_563)] {
            let (increment, shift) = increment(&rate(text, Unit::Bytes), Unit::Bytes);
            assert_eq!((increment, shift), (ticks, 0), "{text}");
        }
    }

    #[test]
    fn fast_odd_byte_rates_lose_less_than_their_precision() {
        let (increment, shift) = increment(&rate("12.3G/s", Unit::Bytes), Unit::Bytes);
        let exact = 64e9 / 12.3e9;
        let got = increment as f64 / f64::from(1u32 << shift);
        assert!(
            got >= exact && got / exact < 1.0 + 1.0 / 65_536.0,
            "{got} for {exact}"
        );
        let limit = params(&rate("12.3G/s", Unit::Bytes), 1_000_000, Unit::Bytes);
        assert!(gcra::cost(&limit, 65_575) < 1 << 63);
    }

    #[test]
    fn slow_byte_rates_do_not_overflow_a_large_packet() {
        let limit = params(&rate("1/s", Unit::Bytes), 100_000, Unit::Bytes);
        let exact = u128::from(limit.increment) * 131_072;
        assert_eq!(
            u128::from(gcra::cost(&limit, 131_072)),
            exact >> limit.shift
        );
    }
}
