//! Refuses limits that the datapath's arithmetic could not keep exactly (it counts 1/64 ns in a u64).

use super::grammar::GrammarError;
use super::rate::Rate;
use super::share::Part;
use super::words::Unit;

/// 366 days: the longest bucket, and the longest ban.
pub(crate) const LONGEST_NS: u64 = 366 * 86_400 * 1_000_000_000;

/// A byte burst below the common MTU stops a full-size packet for good.
pub(crate) const FULL_SIZE: u64 = 1500;

const NS_PER_S: u128 = 1_000_000_000;

/// Which of a limit's values an error belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Culprit {
    Rate,
    Burst,
}

/// Checks one bucket: not too fast, not too slow, and full again within 366 days.
pub(crate) fn check(rate: &Rate, burst: u64, unit: Unit) -> Result<(), (Culprit, GrammarError)> {
    let most = match unit {
        Unit::Packets | Unit::Connections => 1_000_000_000,
        Unit::Bytes => 100_000_000_000,
    };
    if faster_than(rate, most) {
        let message = format!("rate `{rate}` is more than {most} {unit} per second");
        let help = format!("write at most `{most}/s`, or `\"unlimited\"` in a plan");
        return Err((Culprit::Rate, GrammarError::new(message, help)));
    }
    if unit == Unit::Bytes && slower_than_a_byte_in_1000_s(rate) {
        let message = format!("rate `{rate}` is less than 1 byte per 1000 s");
        let help = "write at least `1/1000s`";
        return Err((Culprit::Rate, GrammarError::new(message, help)));
    }
    let largest = largest_burst(rate);
    if burst > largest {
        return Err(too_long(rate, burst, largest));
    }
    Ok(())
}

/// Checks a part of a bucket that [`check`] accepts: its rate is a hundredth at least, and its burst may have been
/// rounded up.
pub(crate) fn check_part(
    rate: &Rate,
    part: Part,
    unit: Unit,
) -> Result<(), (Culprit, GrammarError)> {
    let percent = u128::from(part.percent);
    let part_of = format!("{} % of `{rate}`", part.percent);
    // All products fit: of an accepted bucket, mantissa < 2^64 and power * period < 2^120.
    let per_count = power(rate) * u128::from(rate.period_ns());
    let rate_of_part = u128::from(rate.mantissa()) * percent;
    if unit == Unit::Bytes && rate_of_part * NS_PER_S * 10 < per_count {
        let message = format!("{part_of} is less than 1 byte per 1000 s");
        let help = "write a higher rate, or remove `protected`";
        return Err((Culprit::Rate, GrammarError::new(message, help)));
    }
    let filled = u128::from(LONGEST_NS) * rate_of_part / 100;
    if u128::from(part.burst) > filled / per_count {
        let message = format!(
            "a burst of {} at {part_of} takes more than 366 days to refill",
            part.burst
        );
        let help = "write a higher rate, or another share in `reserved`";
        return Err((Culprit::Rate, GrammarError::new(message, help)));
    }
    Ok(())
}

fn too_long(rate: &Rate, burst: u64, largest: u64) -> (Culprit, GrammarError) {
    let message = format!("a burst of {burst} at `{rate}` takes more than 366 days to refill");
    if largest == 0 {
        let help = "write a rate of at least 1 per 366 days";
        return (Culprit::Rate, GrammarError::new(message, help));
    }
    let help = format!("write a burst of at most {largest}, or a higher rate");
    (Culprit::Burst, GrammarError::new(message, help))
}

fn power(rate: &Rate) -> u128 {
    10_u128.pow(rate.scale())
}

// count / period > most per second. The right side overflows only when it is far above any left side.
fn faster_than(rate: &Rate, most: u128) -> bool {
    let left = u128::from(rate.mantissa()) * NS_PER_S;
    let right = power(rate)
        .checked_mul(u128::from(rate.period_ns()))
        .and_then(|right| right.checked_mul(most));
    right.is_some_and(|right| left > right)
}

// count / period < 1 / 1000 s. With a scale of at most 19, both sides fit.
fn slower_than_a_byte_in_1000_s(rate: &Rate) -> bool {
    let left = u128::from(rate.mantissa()) * NS_PER_S * 1000;
    power(rate)
        .checked_mul(u128::from(rate.period_ns()))
        .is_none_or(|right| left < right)
}

// The burst b for which b * period / count is 366 days.
fn largest_burst(rate: &Rate) -> u64 {
    let filled = u128::from(LONGEST_NS) * u128::from(rate.mantissa());
    power(rate)
        .checked_mul(u128::from(rate.period_ns()))
        .map_or(0, |unit| u64::try_from(filled / unit).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn culprit(rate: &str, burst: u64, unit: Unit) -> Option<Culprit> {
        let rate = Rate::parse(rate, unit).unwrap();
        check(&rate, burst, unit).err().map(|(culprit, _)| culprit)
    }

    #[test]
    fn holds_at_the_very_edge() {
        let packets = |rate, burst| culprit(rate, burst, Unit::Packets);
        assert_eq!(packets("1000000000/s", 1), None);
        assert_eq!(packets("1000000000.1/s", 1), Some(Culprit::Rate));
        assert_eq!(packets("1/366d", 1), None);
        assert_eq!(packets("1/366d", 2), Some(Culprit::Burst));
        assert_eq!(packets("1/367d", 1), Some(Culprit::Rate));
        let bytes = |rate, burst| culprit(rate, burst, Unit::Bytes);
        assert_eq!(bytes("100G/s", 1), None);
        assert_eq!(bytes("100.1G/s", 1), Some(Culprit::Rate));
        assert_eq!(bytes("1/1000s", 1), None);
        assert_eq!(bytes("1/1001s", 1), Some(Culprit::Rate));
    }

    proptest! {
        // The datapath's own terms: the whole window in 1/64 ns has to fit a u64.
        #[test]
        fn accepted_limits_fit_the_clock(count in 1_u64..1_000_000_000, times in 1_u64..10_000_000, burst in 1_u64..1_000_000_000) {
            let rate = Rate::parse(&format!("{count}/{times}s"), Unit::Packets).unwrap();
            if check(&rate, burst, Unit::Packets).is_ok() {
                let window = u128::from(burst) * u128::from(rate.period_ns()) * 64 / u128::from(count);
                prop_assert!(u64::try_from(window).is_ok());
            }
        }
    }
}
