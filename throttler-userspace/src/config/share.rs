//! How `reserved` splits a `global` limit in two.

/// A part of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Of the limit's rate, in per cent: 1..=100, or 0 of a part that is not there.
    pub percent: u8,
    /// Of the limit's burst, in whole units.
    pub burst: u64,
}

impl Part {
    /// All of a limit with this burst.
    #[must_use]
    pub const fn whole(burst: u64) -> Self {
        Self {
            percent: 100,
            burst,
        }
    }
}

/// Splits a limit into what is everybody's and what is reserved for protected plans: `[common, reserved]`. `reserved`
/// is in per cent, 0..=99. The reserved burst is rounded down but at least one unit, so that a burst of at least 2
/// leaves both parts one. Rates and bursts of both add up to the limit's.
#[must_use]
pub const fn split(burst: u64, reserved: u8) -> [Part; 2] {
    if reserved == 0 {
        let none = Part {
            percent: 0,
            burst: 0,
        };
        return [Part::whole(burst), none];
    }
    let percent = reserved as u64;
    // As burst * percent / 100, without a product that may not fit.
    let kept = burst / 100 * percent + burst % 100 * percent / 100;
    let kept = if kept == 0 { 1 } else { kept };
    [
        Part {
            percent: 100 - reserved,
            burst: burst.saturating_sub(kept),
        },
        Part {
            percent: reserved,
            burst: kept,
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn splits_as_people_would() {
        let bursts = |burst, reserved| split(burst, reserved).map(|part| part.burst);
        assert_eq!(bursts(1000, 25), [750, 250]);
        assert_eq!(bursts(10, 25), [8, 2]);
        assert_eq!(bursts(2, 1), [1, 1]);
        assert_eq!(bursts(2, 99), [1, 1]);
        assert_eq!(bursts(7, 0), [7, 0]);
    }

    proptest! {
        #[test]
        fn both_parts_are_the_limit(burst in 2_u64.., reserved in 1_u8..=99) {
            let [common, kept] = split(burst, reserved);
            prop_assert_eq!(common.burst + kept.burst, burst);
            prop_assert_eq!(common.percent + kept.percent, 100);
            prop_assert!(common.burst > 0 && kept.burst > 0);
            let exact = u128::from(burst) * u128::from(reserved) / 100;
            prop_assert_eq!(u128::from(kept.burst), exact.max(1));
        }
    }
}
