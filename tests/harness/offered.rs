//! Frames to an interface that the lab does not know, and how many of them its daemon's program passed.

use std::time::{Duration, Instant};

use throttler_lab::{Counters, Injector};

/// Sends a frame `n` times and gives how often it was passed, once all are counted in `scope`. The kernel itself sends over
/// a new link, too: packets of other scopes.
pub(crate) fn offered(
    counters: impl Fn() -> Counters,
    scope: &str,
    injector: &Injector,
    frame: &[u8],
    n: u64,
) -> u64 {
    const PATIENCE: Duration = Duration::from_secs(10);
    let count = || {
        let reasons = counters().scopes.remove(scope).unwrap_or_default();
        let of = |reason: &str| reasons.get(reason).map_or(0, |pair| pair.0);
        let all: u64 = reasons.values().map(|pair| pair.0).sum();
        (all, of("conforming") + of("exempt") + of("paused"))
    };
    let (before, passed) = count();
    for _ in 0..n {
        injector.send(frame).expect("a frame");
    }
    let end = Instant::now() + PATIENCE;
    while count().0 < before + n {
        assert!(Instant::now() < end, "{} of {n}", count().0 - before);
    }
    count().1 - passed
}
