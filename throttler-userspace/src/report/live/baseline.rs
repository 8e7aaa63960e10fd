//! What each place of a source table held at the look before.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::super::sweep::Spot;

/// Counts of every place, 12 bytes each. The lowest halves of two counters are enough to tell their difference, as long
/// as no source sends four billion packets in between.
#[derive(Default)]
pub(super) struct Baseline {
    /// Monotonic nanoseconds when the look began; `None`: there was none.
    pub(super) at: Option<u64>,
    places: Vec<Place>,
}

#[derive(Default)]
struct Place {
    /// Whose counts these are; nobody's is 0.
    identity: AtomicU32,
    passed: AtomicU32,
    dropped: AtomicU32,
}

impl Baseline {
    /// Room for so many places.
    pub(super) fn new(places: usize) -> Self {
        Self {
            at: None,
            places: (0..places).map(|_| Place::default()).collect(),
        }
    }

    /// Notes the counts of a place; gives what was added since the look before: all of it where somebody else was
    /// there, nothing if this is the first look. Each place is one thread's.
    pub(super) fn step(&self, spot: Spot, passed: u64, dropped: u64) -> (u64, u64) {
        let Some(place) = self.places.get(spot.place()) else {
            return (0, 0);
        };
        let same = place.identity.load(Relaxed) == spot.identity();
        let added = |before: &AtomicU32, now: u64| {
            let added = (now as u32).wrapping_sub(before.load(Relaxed));
            before.store(now as u32, Relaxed);
            // More than there is: the identity has come round to another source.
            match same && u64::from(added) <= now {
                true => u64::from(added),
                false => now,
            }
        };
        let added = (added(&place.passed, passed), added(&place.dropped, dropped));
        place.identity.store(spot.identity(), Relaxed);
        if self.at.is_some() { added } else { (0, 0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_since_is_counted_and_the_first_look_counts_nothing() {
        let mut baseline = Baseline::new(2);
        let (one, other) = (Spot::of(1, 7), Spot::of(1, 8));
        assert_eq!(baseline.step(one, 10, 5), (0, 0));
        baseline.at = Some(1);
        assert_eq!(baseline.step(one, 12, 9), (2, 4));
        assert_eq!(baseline.step(one, 12, 9), (0, 0));
        // Somebody else took the place: all that it has is new.
        assert_eq!(baseline.step(other, 30, 11), (30, 11));
        // A table that grew has a baseline of its own; until then nothing is known.
        assert_eq!(baseline.step(Spot::of(2, 7), 3, 1), (0, 0));
    }

    #[test]
    fn halves_are_enough() {
        let mut baseline = Baseline::new(1);
        baseline.at = Some(1);
        let (spot, near) = (Spot::of(0, 7), u64::from(u32::MAX));
        baseline.step(spot, near, 1 << 40);
        assert_eq!(baseline.step(spot, near + 3, (1 << 40) + 2), (3, 2));
        // A count that went back is somebody else's.
        baseline.step(spot, 100, 100);
        assert_eq!(baseline.step(spot, 5, 0), (5, 0));
    }
}
