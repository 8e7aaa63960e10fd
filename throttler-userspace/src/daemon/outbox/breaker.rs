//! How long to wait after a failure, and when to stop trying as if the next attempt could work.
//!
//! Waits double, with full jitter: a random part of the bound, so that many daemons do not return to a receiver at once
//! ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015). After [`OPENS_AFTER`] failures in a row the circuit
//! is open: from then on single probes, half a minute apart at least, five minutes at most.

use std::time::Duration;

/// Failures in a row.
const OPENS_AFTER: u32 = 5;
/// Between two probes, in first waits.
const FIRST_PROBE: u32 = 30;
/// The longest wait, in first waits.
const LONGEST: u32 = 300;

/// Failures of one target so far.
#[derive(Debug)]
pub(super) struct Breaker {
    in_a_row: u32,
    first: Duration,
}

impl Breaker {
    /// A closed one. `first` bounds the wait after one failure; a second, but in tests.
    pub(super) fn new(first: Duration) -> Self {
        Self { in_a_row: 0, first }
    }

    pub(super) fn is_open(&self) -> bool {
        self.in_a_row >= OPENS_AFTER
    }

    /// Failures since the latest success.
    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Notes a failure; whether it opens the circuit.
    pub(super) fn failed(&mut self) -> bool {
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.in_a_row == OPENS_AFTER
    }

    /// Notes a success; whether it closes the circuit.
    pub(super) fn succeeded(&mut self) -> bool {
        let was_open = self.is_open();
        self.in_a_row = 0;
        was_open
    }

    /// Until the next attempt; `random` is 0 to 1.
    pub(super) fn wait(&self, random: f64) -> Duration {
        let doublings = self.in_a_row.saturating_sub(1).min(LONGEST.ilog2() + 1);
        let bound = match self.is_open() {
            false => 1 << doublings,
            true => FIRST_PROBE << (self.in_a_row - OPENS_AFTER).min(LONGEST.ilog2()),
        };
        let bound = self.first * bound.min(LONGEST);
        match self.is_open() {
            false => bound.mul_f64(random),
            true => bound.mul_f64(0.5 + random / 2.0),
        }
    }

    /// The longest that anybody waits, whoever asks for it.
    pub(super) fn longest(&self) -> Duration {
        self.first * LONGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_until_the_circuit_opens() {
        let mut breaker = Breaker::new(SECOND);
        let mut bounds = Vec::new();
        for failure in 1..=12 {
            assert_eq!(breaker.failed(), failure == OPENS_AFTER);
            assert_eq!(breaker.is_open(), failure >= OPENS_AFTER);
            bounds.push(breaker.wait(1.0).as_secs());
        }
        assert_eq!(bounds, [1, 2, 4, 8, 30, 60, 120, 240, 300, 300, 300, 300]);
        assert_eq!(breaker.in_a_row(), 12);
        assert!(breaker.succeeded() && !breaker.succeeded());
        assert!(!breaker.failed());
        assert_eq!(breaker.wait(1.0), SECOND);
    }

    proptest! {
        #[test]
        fn waits_are_within_their_bounds(failures in 1_u32..100_000, random in 0.0_f64..1.0) {
            let mut breaker = Breaker::new(SECOND);
            for _ in 0..failures.min(100) {
                breaker.failed();
            }
            breaker.in_a_row = failures;
            let wait = breaker.wait(random);
            prop_assert!(wait <= breaker.longest());
            // A probe is never at once.
            prop_assert!(!breaker.is_open() || wait >= 15 * SECOND);
        }
    }
}
