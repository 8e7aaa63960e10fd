//! `figures::zipf`.

use crate::figures::zipf::*;

/// The likelihood of each run, from the table alone.
fn likelihoods(table: &[Run]) -> Vec<f64> {
    let share = 1.0 / table.len() as f64;
    let mut found = vec![0.0; table.len()];
    for (index, run) in table.iter().enumerate() {
        let stay = f64::from(run.threshold) / f64::from(u32::MAX);
        found[index] += share * stay;
        found[run.alias as usize] += share * (1.0 - stay);
    }
    found
}

#[test]
fn ranks_are_covered_once_and_as_likely_as_zipf_says() {
    for sources in [1, 10, 1_000, 1_000_000] {
        let table = table(sources, 256);
        assert_eq!(table.len(), 256);
        assert_eq!(table.iter().map(|run| run.ranks).sum::<u32>(), sources);
        let whole = weight(0, sources);
        for (run, likelihood) in table.iter().zip(likelihoods(&table)) {
            let wanted = weight(run.first, run.ranks) / whole;
            assert!((likelihood - wanted).abs() < 1e-6, "{run:?}: {likelihood}");
        }
    }
}

#[test]
fn runs_are_short_enough_for_their_ranks_to_be_alike() {
    for run in table(1_000_000, 256) {
        let growth = f64::from(run.ranks) / f64::from(run.first.max(1));
        assert!(run.ranks <= 1 || growth < 0.06, "{run:?}");
    }
}

#[test]
fn words_hold_both_halves() {
    let run = Run {
        threshold: 1,
        alias: 2,
        first: 3,
        ranks: 4,
    };
    assert_eq!(run.words(), [1 << 32 | 2, 3 << 32 | 4]);
}
