//! How much of what was refused a larger bucket would have admitted: a bound that holds whatever the packets were.
//!
//! A limit admitted a set A of packets and refused a set V; over any time dt, A has at most B + R dt units. Let W be any part
//! of V with at most E + X dt units in any time dt, where E = B' - B and X = R' - R. Then A and W together keep to the larger
//! bucket's B' + R' dt. A bucket that admits whatever fits (as ours does) has never admitted fewer units than any set that
//! fits: where it refuses a unit that the set has, it has already admitted more since it was last full. So the larger bucket
//! admits at least |A| + |W| of the same packets, |W| more than the limit did. [`Replay`] makes W as large as what is known
//! allows:
//!
//! - Refusals are known by slice, not by the moment. Those of one slice may have come at one instant, those of two
//!   neighbouring slices at the instant between them; so what refills the bucket between two slices is the time from the end
//!   of the one to the begin of the other, and nothing within a slice.
//! - Bytes come in packets, and a bucket that has no room for a large one may have room left. It is never more than one
//!   packet short of full when it refuses, so E is less by the longest packet. Each packet's cost is rounded up to a tick:
//!   a packet has 20 bytes at least, so the larger bucket is taken to be slower by a tick in 20 bytes.
//! - Bytes that are estimates are not taken; 20 bytes a packet are sure.
//!
//! What it does not know: one limit at a time is looked at, another limit of the next plan may refuse what this one would
//! not; the larger bucket begins full at the first slice; bans are left out of account; a refusal is taken to lie in the
//! slice that it is kept in.

use throttler_common::abi::{LimitParams, unit};

/// The shortest packet that has an L3 length: an IPv4 header (RFC 791).
const SHORTEST: u64 = 20;
/// The longest: an IPv6 header and the 65,535 bytes that its length may claim (RFC 8200).
const LONGEST: u64 = 65_575;
/// Parts of a unit that are reckoned with.
const PARTS: u128 = 1 << 20;
const NANOS_PER_MILLI: u128 = 1_000_000;

/// By how much a bucket is larger than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gain {
    /// Units that it admits more at once.
    burst: u64,
    is_bytes: bool,
    larger: LimitParams,
    smaller: LimitParams,
}

impl Gain {
    /// Of a bucket over a smaller one; `None` where it is not sure to admit anything more.
    pub(super) fn of(smaller: LimitParams, larger: LimitParams) -> Option<Self> {
        let is_bytes = smaller.unit == unit::BYTES;
        let mut slower = larger;
        if is_bytes {
            slower.increment += (1_u64 << (larger.shift & 63)).div_ceil(SHORTEST);
        }
        let spare = if is_bytes { LONGEST } else { 0 };
        let most = units(&smaller, u128::from(smaller.depth), u128::div_ceil) / PARTS;
        let least = units(&slower, u128::from(slower.depth), |a, b| a / b) / PARTS;
        let burst = u64::try_from(least.saturating_sub(most)).unwrap_or(u64::MAX);
        let burst = burst.saturating_sub(spare);
        // A larger bucket that is slower is not larger for long.
        let rate = |limit: &LimitParams, other: &LimitParams| {
            (u128::from(other.increment)) << (limit.shift & 63)
        };
        let is_faster = rate(&slower, &smaller) >= rate(&smaller, &slower);
        (is_faster && burst > 0).then_some(Self {
            burst,
            is_bytes,
            larger: slower,
            smaller,
        })
    }

    /// Parts of units that it admits more over so many milliseconds, beyond its burst; never too many.
    fn refill(&self, millis: i64) -> u128 {
        let nanos = u128::try_from(millis).unwrap_or(0) * NANOS_PER_MILLI;
        // Longer times say no more: no bucket takes longer than 366 days to fill.
        let ticks = (nanos << throttler_common::abi::TICK_SHIFT).min(1 << 62);
        let more = units(&self.larger, ticks, |a, b| a / b);
        more.saturating_sub(units(&self.smaller, ticks, u128::div_ceil))
    }

    /// Of what was refused, the units that are sure.
    pub(super) fn sure(&self, packets: u64, bytes: u64, estimated: bool) -> u64 {
        match (self.is_bytes, estimated) {
            (false, _) => packets,
            (true, true) => packets.saturating_mul(SHORTEST).min(bytes),
            (true, false) => bytes,
        }
    }
}

/// Parts of units that so many ticks pay for. A shift is 32 at most, ticks are below 2^63: no bit is lost.
fn units(limit: &LimitParams, ticks: u128, divide: fn(u128, u128) -> u128) -> u128 {
    let increment = u128::from(limit.increment.max(1));
    divide((ticks << (limit.shift & 63)) * PARTS, increment)
}

/// The part of what was refused that is sure to have been admitted, slice by slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replay {
    /// The latest slice, milliseconds.
    begin: i64,
    end: i64,
    /// Parts of units that slices before it have left used at its begin.
    used: u128,
    /// Units admitted in it, and in all.
    slice: u64,
    pub(super) units: u64,
}

impl Replay {
    pub(super) const NEW: Self = Self {
        begin: i64::MIN,
        end: i64::MIN,
        used: 0,
        slice: 0,
        units: 0,
    };

    /// Adds a slice's refused units. Slices come in the order of their begins; what overlaps counts as one.
    pub(super) fn add(&mut self, gain: &Gain, begin: i64, end: i64, refused: u64) {
        if begin >= self.end {
            let slice = u128::from(self.slice) * PARTS;
            let both = self.used.saturating_add(slice);
            let whole = both.saturating_sub(gain.refill(begin.saturating_sub(self.begin)));
            let last = slice.saturating_sub(gain.refill(begin.saturating_sub(self.end)));
            self.used = whole.max(last);
            self.slice = 0;
            self.begin = begin;
        }
        self.end = self.end.max(end);
        let room = (u128::from(gain.burst) * PARTS).saturating_sub(self.used) / PARTS;
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        let admitted = refused.min(room.saturating_sub(self.slice));
        self.slice += admitted;
        self.units = self.units.saturating_add(admitted);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use throttler_common::gcra::{cost, step, ticks};

    use super::*;
    use crate::compile::params;
    use crate::config::{Rate, Unit};

    fn limit(rate: &str, burst: u64, unit: Unit) -> LimitParams {
        params(&Rate::parse(rate, unit).expect("a rate"), burst, unit)
    }

    fn gain(smaller: &str, larger: &str) -> Gain {
        let of = |rate: &str| {
            let parsed = Rate::parse(rate, Unit::Packets).expect("a rate");
            limit(rate, parsed.default_burst(), Unit::Packets)
        };
        Gain::of(of(smaller), of(larger)).expect("a larger one")
    }

    const MINUTE: i64 = 60_000;

    #[test]
    fn a_day_at_twice_the_rate_admits_the_second_half() {
        // 500 more at once, then 500 more a day: a minute's worth is less than a unit.
        let gain = gain("500/day", "1000/day");
        let mut replay = Replay::NEW;
        for minute in 0..1440 {
            replay.add(&gain, minute * MINUTE, (minute + 1) * MINUTE, 10);
        }
        // The 1,438 minutes between the first and the last refill 499.
        assert_eq!(replay.units, 500 + 499);
    }

    #[test]
    fn neighbouring_slices_may_be_one_instant() {
        let gain = gain("10/s", "20/s");
        let mut replay = Replay::NEW;
        replay.add(&gain, 0, MINUTE, 1_000);
        replay.add(&gain, MINUTE, 2 * MINUTE, 1_000);
        assert_eq!(replay.units, 10, "one burst for both");
        replay.add(&gain, 3 * MINUTE, 4 * MINUTE, 1_000);
        assert_eq!(replay.units, 20, "a minute's rest fills it");
    }

    #[test]
    fn what_is_no_larger_admits_nothing_for_sure() {
        let of = |rate, burst| limit(rate, burst, Unit::Packets);
        assert_eq!(Gain::of(of("10/s", 10), of("20/s", 10)), None);
        assert_eq!(Gain::of(of("10/s", 10), of("5/s", 20)), None);
        // Less than a packet of the longest kind.
        let of = |burst| limit("1M/s", burst, Unit::Bytes);
        assert_eq!(Gain::of(of(1_000_000), of(1_060_000)), None);
    }

    /// Packets as milliseconds since the one before, and lengths.
    fn packets() -> impl Strategy<Value = Vec<(u64, u64)>> {
        // Crowds at one instant, on either side of where slices meet.
        let gap = prop_oneof![
            30 => Just(0),
            1 => 19_990_u64..20_010,
            1 => 59_990_u64..60_010,
            1 => 0_u64..5_000,
            1 => 0_u64..600_000,
        ];
        prop::collection::vec((gap, prop_oneof![20_u64..2_000, 20_u64..=65_575]), 1..400)
    }

    /// Runs packets through a bucket that is full at first; whether each was admitted.
    fn run(limit: &LimitParams, packets: &[(u64, u64)], is_bytes: bool) -> Vec<(u64, u64, bool)> {
        let (mut tat, mut millis) = (0, 1_000_000_000);
        let one = |(gap, length): &(u64, u64)| {
            millis += gap;
            let now = ticks(millis * 1_000_000);
            let units = if is_bytes { *length } else { 1 };
            let conforms = step(tat, now, cost(limit, units), limit.depth);
            tat = conforms.unwrap_or(tat);
            (millis, units, conforms.is_ok())
        };
        packets.iter().map(one).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// What is said to be admitted for sure, the real larger bucket admits: more in all, and of the refused ones.
        #[test]
        fn never_more_than_the_larger_bucket_admits(
            packets in packets(),
            is_bytes: bool,
            count in 1_u64..200, times in 1_u64..5, burst in 1_u64..100, more in 1_u64..200,
            period in prop::sample::select(vec!["s", "min", "10min", "hour", "day"]),
            width in prop::sample::select(vec![60_000_i64, 3_600_000]),
            estimated: bool,
        ) {
            let unit = if is_bytes { Unit::Bytes } else { Unit::Packets };
            let size = if is_bytes { 5_000 } else { 1 };
            let of = |times: u64, burst: u64| limit(&format!("{}/{period}", count * times * size), burst * size, unit);
            let (smaller, larger) = (of(1, burst), of(times, burst + more));
            prop_assume!(smaller.depth < 1 << 60 && larger.depth < 1 << 60);
            let refused = run(&smaller, &packets, is_bytes);
            let all: u64 = run(&larger, &packets, is_bytes).iter().filter(|one| one.2).map(|one| one.1).sum();
            let before: u64 = refused.iter().filter(|one| one.2).map(|one| one.1).sum();
            let Some(gain) = Gain::of(smaller, larger) else { return Ok(()); };
            let mut slices = std::collections::BTreeMap::<i64, (u64, u64)>::new();
            for (millis, units, _) in refused.iter().filter(|one| !one.2) {
                let slice = slices.entry(*millis as i64 / width * width).or_default();
                slice.0 += 1;
                slice.1 += units;
            }
            let mut replay = Replay::NEW;
            for (begin, (packets, bytes)) in slices {
                replay.add(&gain, begin, begin + width, gain.sure(packets, bytes, estimated));
            }
            prop_assert!(before + replay.units <= all, "{} + {} > {}", before, replay.units, all);
        }
    }
}
