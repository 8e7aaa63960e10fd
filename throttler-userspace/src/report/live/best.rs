//! The first so many of a million sources, found while walking over them.

use super::super::sweep::Spot;
use super::snapshot::{SHOWN, Tallies};

/// A source that may be shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    /// The largest first; see [`super::Sort::key`].
    pub(super) key: [u64; 4],
    pub(super) spot: Spot,
    pub(super) tallies: Tallies,
}

impl Candidate {
    /// The order: by key, and among equals by place, so that they keep theirs from look to look.
    fn before(&self, other: &Self) -> std::cmp::Ordering {
        other.key.cmp(&self.key).then(self.spot.cmp(&other.spot))
    }
}

/// The best candidates so far, and some more.
#[derive(Debug, Default)]
pub(super) struct Best {
    kept: Vec<Candidate>,
    /// The last of the best, once there are enough.
    least: Option<[u64; 4]>,
}

impl Best {
    pub(super) fn offer(&mut self, candidate: Candidate) {
        if self.least.is_some_and(|least| candidate.key < least) {
            return;
        }
        self.kept.push(candidate);
        if self.kept.len() >= 2 * SHOWN {
            let (_, last, _) = self
                .kept
                .select_nth_unstable_by(SHOWN - 1, Candidate::before);
            self.least = Some(last.key);
            self.kept.truncate(SHOWN);
        }
    }

    /// The best of several walks, in order.
    pub(super) fn merged(parts: impl IntoIterator<Item = Self>) -> Vec<Candidate> {
        let mut all: Vec<_> = parts.into_iter().flat_map(|part| part.kept).collect();
        all.sort_unstable_by(Candidate::before);
        all.truncate(SHOWN);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_many_are_those_of_sorting_all() {
        let candidate = |number: u32| Candidate {
            // Every key several times, in no order.
            key: [u64::from(number.wrapping_mul(2_654_435_761) >> 20), 0, 0, 0],
            spot: Spot::of(number, 1),
            tallies: Tallies::default(),
        };
        let mut parts = [Best::default(), Best::default()];
        let mut all = Vec::new();
        for number in 0..20_000 {
            parts[number as usize % 2].offer(candidate(number));
            all.push(candidate(number));
        }
        all.sort_by(Candidate::before);
        let best = Best::merged(parts);
        assert_eq!(best.len(), SHOWN);
        let places = |of: &[Candidate]| of.iter().map(|one| one.spot).collect::<Vec<_>>();
        assert_eq!(places(&best), places(&all[..SHOWN]));
    }
}
