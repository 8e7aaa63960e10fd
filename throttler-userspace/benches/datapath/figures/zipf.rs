//! Zipf's law (the n-th of N sources as likely as 1/n) as a table small enough not to disturb caches.
//!
//! Ranks are gathered into runs, each at most a twentieth longer than its first rank: inside one, ranks
//! are taken as alike. Runs are chosen by an alias table (Walker, 1977; filled as Vose, 1991), which
//! costs one draw and one read whatever the number of sources.

/// One run of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Below this, of 2^32, a draw of this run stays in it.
    pub(crate) threshold: u32,
    /// The run that it goes to otherwise.
    pub(crate) alias: u32,
    /// Ranks, counted from 0.
    pub(crate) first: u32,
    pub(crate) ranks: u32,
}

impl Run {
    /// The two words that the driver reads.
    pub(crate) fn words(&self) -> [u64; 2] {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        [
            pair(self.threshold, self.alias),
            pair(self.first, self.ranks),
        ]
    }
}

/// The table of `runs` runs for `sources` sources; what is not needed is never chosen.
pub(crate) fn table(sources: u32, runs: usize) -> Vec<Run> {
    let mut table = cut(sources, runs);
    let weights: Vec<f64> = table
        .iter()
        .map(|run| weight(run.first, run.ranks))
        .collect();
    let mean = weights.iter().sum::<f64>() / runs as f64;
    let mut rest: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) =
        (0..runs).partition(|&index| rest[index] < 1.0);
    while let (Some(&from), Some(&to)) = (small.last(), large.last()) {
        small.pop();
        table[from].threshold = (rest[from] * f64::from(u32::MAX)) as u32;
        table[from].alias = to as u32;
        rest[to] -= 1.0 - rest[from];
        if rest[to] < 1.0 {
            large.pop();
            small.push(to);
        }
    }
    table
}

/// The weight of `ranks` ranks from `first` on.
pub(crate) fn weight(first: u32, ranks: u32) -> f64 {
    (first..first + ranks)
        .map(|rank| 1.0 / f64::from(rank + 1))
        .sum()
}

/// Cuts the ranks into runs that grow by the least factor for which there are enough.
fn cut(sources: u32, runs: usize) -> Vec<Run> {
    let mut growth = 1.0;
    loop {
        let mut table = Vec::new();
        let mut first = 0;
        while first < sources {
            let ranks = (f64::from(first) * growth - f64::from(first)) as u32;
            let ranks = ranks.max(1).min(sources - first);
            table.push(run(first, ranks));
            first += ranks;
        }
        if table.len() <= runs {
            table.resize(runs, run(0, 0));
            return table;
        }
        growth += 0.001;
    }
}

fn run(first: u32, ranks: u32) -> Run {
    Run {
        threshold: u32::MAX,
        alias: 0,
        first,
        ranks,
    }
}
