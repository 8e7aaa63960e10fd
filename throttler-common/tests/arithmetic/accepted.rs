//! Limits as the compiler of policies makes them, the most extreme ones often.

use throttler_common::abi::{LimitParams, unit};

use crate::rng::Rng;

/// Ticks of 366 days.
const LONGEST: u64 = (366 * 86_400 * 1_000_000_000) << 6;
/// Ticks of a unit, shifted: below this for bytes.
const MAX_INCREMENT: u64 = 1 << 46;
/// A byte in 1000 s.
const SLOWEST_BYTE: u64 = 1_000_000_000_000 << 6;
/// 1e9 packets a second.
const LEAST_INCREMENT: u64 = 64;
const MAX_SHIFT: u64 = 32;
/// L3 length of the largest packet.
pub(crate) const LARGEST: u64 = 40 + 65_535;
/// The end of the uptime, in ticks.
const END: u128 = 1 << 64;

/// Any number up to `most`, of any size alike, and the edges often.
pub(crate) fn number(rng: &mut Rng, least: u64, most: u64) -> u64 {
    let near = match rng.below(6) {
        0 => least + rng.below(3),
        1 => most.saturating_sub(rng.below(3)),
        2 => 1 << rng.below(64),
        3 => (1 << rng.below(64)) - 1,
        4 => rng.any() >> rng.below(64),
        _ => rng.any(),
    };
    if near < least || near > most {
        least + near % (most - least + 1)
    } else {
        near
    }
}

/// A limit.
pub(crate) fn limit(rng: &mut Rng) -> LimitParams {
    let bytes = rng.one_in(2);
    let (shift, increment) = if bytes {
        let shift = rng.below(MAX_SHIFT + 1);
        // At most 1e11 bytes a second: 0.64 ticks.
        let least = ((64_u64 << shift) / 100).max(1);
        (
            shift as u8,
            number(
                rng,
                least,
                (MAX_INCREMENT - 1).min(SLOWEST_BYTE << shift.min(1)),
            ),
        )
    } else {
        (0, number(rng, LEAST_INCREMENT, LONGEST))
    };
    // Of exact increments, the bucket is at most LONGEST; of those rounded up, a 64th more.
    let most = (u128::from(LONGEST) << shift) / u128::from(increment);
    let burst = number(rng, 1, u64::try_from(most).unwrap_or(u64::MAX).max(1));
    let depth = (u128::from(burst) * u128::from(increment)) >> shift;
    let depth = depth + if rng.one_in(8) { depth / 64 } else { 0 };
    LimitParams {
        increment,
        depth: u64::try_from(depth).expect("366 days in ticks"),
        changed_ago: 0,
        unit: if bytes { unit::BYTES } else { unit::PACKETS },
        shift,
        reserved: 0,
    }
}

/// Units of a packet that the limit charges.
pub(crate) fn units(rng: &mut Rng, limit: &LimitParams) -> u64 {
    match limit.unit {
        unit::BYTES => number(rng, 1, LARGEST),
        _ => 1,
    }
}

/// What units cost, in 128 bits, rounded up.
pub(crate) fn cost(limit: &LimitParams, units: u64) -> u128 {
    let product = u128::from(units).checked_mul(u128::from(limit.increment));
    product.expect("in 128 bits").div_ceil(1 << limit.shift)
}

/// A time and an arrival time: the bucket is full, in debt, or empty.
pub(crate) fn times(rng: &mut Rng, limit: &LimitParams, cost: u128) -> (u64, u64) {
    // Once for the step, and once for the step after its wait.
    let latest = END - 1 - u128::from(limit.depth) - 2 * cost;
    let now = number(rng, 0, u64::try_from(latest).expect("below the end"));
    let tat = match rng.below(4) {
        0 => number(rng, 0, now),
        1 => now + limit.depth,
        2 => now + (u128::from(limit.depth).saturating_sub(cost)) as u64 + rng.below(2),
        _ => now + number(rng, 0, limit.depth),
    };
    (now, tat.min(now + limit.depth))
}
