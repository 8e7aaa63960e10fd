//! Refusals over time, in as few bars as can be told apart.

use std::collections::BTreeMap;

/// Bars at most.
pub(super) const MOST: i64 = 150;
/// Seconds; each but the last few divides those of its multiples that a slice may have.
const WIDTHS: [i64; 14] = [
    60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 172_800, 345_600,
];

/// What became of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Refused for a reason.
    Refused,
    /// Dropped while their source was banned.
    Banned,
    /// Would have been refused; monitor mode let them pass.
    Spared,
}

/// What is in a bar: what became of packets, and the reason by number.
pub(super) type Series = (Fate, u32);

/// Packets refused, by time and series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bins {
    /// Seconds; 0 before anything is known.
    pub(super) width: i64,
    /// Begin of the first and end of the last bar, seconds since the epoch.
    pub(super) from: i64,
    pub(super) to: i64,
    /// By begin of the bar.
    pub(super) packets: BTreeMap<i64, BTreeMap<Series, u64>>,
    /// The longest slice in them.
    longest: i64,
}

impl Bins {
    /// Bars of a stretch of time, in seconds since the epoch.
    pub(super) fn of(from: i64, to: i64) -> Self {
        let width = width(from, to);
        Self {
            width,
            from: floor(from, width),
            to: floor(to.saturating_sub(1), width).saturating_add(width),
            ..Self::default()
        }
    }

    /// Adds what a slice has refused.
    pub(super) fn add(&mut self, begin: i64, slice: u32, series: Series, packets: u64) {
        if packets == 0 {
            return;
        }
        let begin = floor(begin, self.width).max(self.from);
        let bar = self.packets.entry(begin).or_default();
        let sum = bar.entry(series).or_default();
        *sum = sum.saturating_add(packets);
        self.longest = self.longest.max(i64::from(slice));
    }

    /// Adds bars of the same width.
    pub(super) fn merge(&mut self, other: Self) {
        for (begin, bar) in other.packets {
            let mine = self.packets.entry(begin).or_default();
            for (series, packets) in bar {
                let sum = mine.entry(series).or_default();
                *sum = sum.saturating_add(packets);
            }
        }
        self.longest = self.longest.max(other.longest);
    }

    /// Makes bars no shorter than the longest slice: what is known by the hour is not drawn by the minute.
    pub(super) fn settle(&mut self) {
        let longest = self.longest;
        let wider = WIDTHS.into_iter().find(|width| *width >= longest);
        let Some(wider) = wider.filter(|wider| *wider > self.width) else {
            return;
        };
        let mut whole = Self {
            width: wider,
            from: floor(self.from, wider),
            to: floor(self.to.saturating_sub(1), wider).saturating_add(wider),
            ..Self::default()
        };
        for (begin, bar) in std::mem::take(&mut self.packets) {
            for (series, packets) in bar {
                whole.add(begin, 0, series, packets);
            }
        }
        *self = whole;
    }

    /// Begins of all bars, empty ones included.
    pub(super) fn begins(&self) -> impl Iterator<Item = i64> + '_ {
        let count = (self.to - self.from) / self.width.max(1);
        (0..count).map(|index| self.from + index * self.width)
    }
}

fn floor(time: i64, width: i64) -> i64 {
    time.div_euclid(width).saturating_mul(width)
}

/// The shortest width with which there are at most [`MOST`] bars.
fn width(from: i64, to: i64) -> i64 {
    let fits = |width: &i64| {
        let first = from.div_euclid(*width);
        let last = to.saturating_sub(1).div_euclid(*width);
        last - first < MOST
    };
    // Whole days beyond the list.
    let longer = || {
        (1..)
            .map(|days: i64| days.saturating_mul(86_400))
            .find(fits)
    };
    WIDTHS
        .into_iter()
        .find(fits)
        .or_else(longer)
        .unwrap_or(86_400)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn a_day_has_bars_of_ten_minutes() {
        let bins = Bins::of(1_000 * DAY, 1_001 * DAY);
        assert_eq!((bins.width, bins.begins().count()), (600, 144));
        // Off the grid there is one more.
        assert_eq!(
            Bins::of(1_000 * DAY + 1, 1_001 * DAY + 1).begins().count(),
            145
        );
    }

    #[test]
    fn hours_are_not_drawn_as_minutes() {
        let mut bins = Bins::of(0, 7_200);
        bins.add(0, 60, (Fate::Refused, 1), 5);
        bins.add(3_600, 3_600, (Fate::Refused, 1), 7);
        bins.add(3_660, 60, (Fate::Spared, 2), 1);
        bins.settle();
        assert_eq!((bins.width, bins.from, bins.to), (3_600, 0, 7_200));
        let second = BTreeMap::from([((Fate::Refused, 1), 7), ((Fate::Spared, 2), 1)]);
        let expected = BTreeMap::from([
            (0, BTreeMap::from([((Fate::Refused, 1), 5)])),
            (3_600, second),
        ]);
        assert_eq!(bins.packets, expected);
    }

    proptest! {
        #[test]
        fn there_are_few_bars_and_all_is_in_one(from in -DAY..3_000_000_000_i64, long in 1..3_000 * DAY, at in 0.0..1.0) {
            let to = from + long;
            let mut bins = Bins::of(from, to);
            let at = from + (at * long as f64) as i64;
            bins.add(at, 60, (Fate::Banned, 0), 3);
            bins.settle();
            let begins: Vec<i64> = bins.begins().collect();
            prop_assert!((1..=MOST as usize).contains(&begins.len()));
            prop_assert!(bins.from <= from && bins.to >= to);
            let (begin, _) = bins.packets.first_key_value().expect("a bar");
            prop_assert!(begins.contains(begin) && *begin <= at && at < begin + bins.width);
        }
    }
}
