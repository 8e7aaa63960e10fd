//! Limits with a period of an hour or more, and from where on such a limit is nearly used up.

use throttler_common::abi::{LimitParams, MAX_LIMITS, MAX_SCOPES};

use super::super::generation::Generation;
use crate::compile::{Description, LimitDescription, ScopeKind};
use crate::config::{Rate, Unit};

/// The shortest period, as the policy writes it, that is worth telling of: `100/hour`, `5000/day`, `1/60min`. A rate that
/// is as slow and is written by the second (`0.01/s`) is none: nobody thinks of it as an allowance.
const LONG_NS: u64 = 3_600_000_000_000;

/// Whether a limit's period is an hour or more.
pub(super) fn is_long(limit: &LimitDescription) -> bool {
    let unit = [Unit::Packets, Unit::Bytes, Unit::Connections]
        .into_iter()
        .find(|unit| unit.as_str() == limit.unit);
    let rate = unit.and_then(|unit| Rate::parse(&limit.rate, unit).ok());
    rate.is_some_and(|rate| rate.period_ns() >= LONG_NS)
}

/// Whether so many units left of a burst are a fifth of it, or less: 80 % are used.
pub(super) fn is_near(remaining: u64, burst: u64) -> bool {
    remaining <= burst / 5
}

/// The debt in ticks above which a bucket is nearly used up: the same as [`is_near`], without a division.
fn near_debt(params: &LimitParams, burst: u64) -> u64 {
    let units = u128::from(burst / 5) + 1;
    let scaled = units * u128::from(params.increment);
    let room = scaled.div_ceil(1 << (params.shift & 63));
    params
        .depth
        .saturating_sub(u64::try_from(room).unwrap_or(u64::MAX))
}

/// A long limit of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct LongLimit {
    /// Index of its arrival time.
    pub(super) index: usize,
    /// It is nearly used up where the arrival time is more than so many ticks ahead.
    pub(super) debt: u64,
}

/// Those of a generation.
#[derive(Debug)]
pub(super) struct Long {
    /// By index of the row.
    rows: Vec<Vec<LongLimit>>,
    /// Which arrival times of a scope are of a long limit for any plan, a bit each.
    scopes: [u8; MAX_SCOPES],
    /// Scopes with a long `global` limit.
    pub(super) globals: Vec<u8>,
}

impl Long {
    pub(super) fn of(description: &Description, generation: &Generation) -> Self {
        let mut long = Self {
            rows: Vec::new(),
            scopes: [0; MAX_SCOPES],
            globals: Vec::new(),
        };
        let plans = description.plans.iter().map(|plan| plan.id);
        for plan in std::iter::once(0).chain(plans) {
            for scope in &description.scopes {
                let limits = description.limits(scope, plan).iter();
                for limit in limits.filter(|limit| is_long(limit)) {
                    long.add(generation, plan, scope.id, limit);
                }
            }
        }
        let with_global = description
            .scopes
            .iter()
            .filter(|scope| scope.kind == ScopeKind::Scope && scope.global.iter().any(is_long));
        long.globals.extend(with_global.map(|scope| scope.id));
        long
    }

    fn add(&mut self, generation: &Generation, plan: u16, scope: u8, limit: &LimitDescription) {
        let index = usize::from(limit.index) % MAX_LIMITS;
        let Some(place) = generation.index(plan, scope) else {
            return;
        };
        let Some(row) = generation.row_at(place) else {
            return;
        };
        let place = place as usize;
        if self.rows.len() <= place {
            self.rows.resize_with(place + 1, Vec::new);
        }
        self.rows[place].push(LongLimit {
            index,
            debt: near_debt(&row.limits[index], limit.burst),
        });
        self.scopes[usize::from(scope)] |= 1 << index;
    }

    /// Whether no source has such a limit: there is nothing to look for in the table.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Arrival times of a scope or layer that count, a bit each.
    pub(super) fn mask(&self, scope: u8) -> u8 {
        self.scopes[usize::from(scope)]
    }

    /// Those of a row.
    pub(super) fn row(&self, index: Option<u32>) -> &[LongLimit] {
        let found = index.and_then(|index| self.rows.get(index as usize));
        found.map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::params;
    use proptest::prelude::*;
    use throttler_common::gcra;

    fn limit(rate: &str, unit: &str) -> LimitDescription {
        LimitDescription {
            index: 0,
            name: "a".to_owned(),
            unit: unit.to_owned(),
            rate: rate.to_owned(),
            burst: 1,
        }
    }

    #[test]
    fn the_period_as_written_says_what_is_long() {
        for (rate, unit, long) in [
            ("100/hour", "packets", true),
            ("5000/day", "connections", true),
            ("1/60min", "packets", true),
            ("1/3600s", "packets", true),
            ("5G/d", "bytes", true),
            ("1/59min", "packets", false),
            ("0.01/s", "packets", false),
            ("1000/10s", "packets", false),
        ] {
            assert_eq!(is_long(&limit(rate, unit)), long, "{rate}");
        }
    }

    #[test]
    fn a_fifth_left_is_near() {
        for (remaining, burst, near) in [
            (1, 5, true),
            (2, 5, false),
            (0, 1, true),
            (1, 1, false),
            (20, 100, true),
            (21, 100, false),
            (1, 9, true),
            (0, 4, true),
            (1, 4, false),
        ] {
            assert_eq!(is_near(remaining, burst), near, "{remaining} of {burst}");
        }
    }

    proptest! {
        /// The comparison that the sweep makes says what the units that are left say.
        #[test]
        fn a_debt_is_near_where_its_units_are(
            count in 1u64..10_000, burst in 1u64..10_000, bytes: bool, share in 0.0f64..=1.0, off in -2i64..=2,
        ) {
            let unit = if bytes { Unit::Bytes } else { Unit::Packets };
            let rate = Rate::parse(&format!("{count}/hour"), unit).unwrap();
            let params = params(&rate, burst, unit);
            let threshold = near_debt(&params, burst);
            for debt in [(params.depth as f64 * share) as u64, threshold.saturating_add_signed(off)] {
                let debt = debt.min(params.depth);
                let now = gcra::ticks(1 << 40);
                let remaining = gcra::remaining(&params, now + debt, now);
                // A byte burst may be a tick below its size: full is never near.
                prop_assert_eq!(debt > threshold, is_near(remaining, burst) && debt > 0, "{} of {}", debt, params.depth);
            }
        }
    }
}
