//! Random arrivals, sent through the program and the reference side by side.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use throttler_common::Reason;

use crate::harness::{Answer, Program, Rng, START};
use crate::reference::{Bucket, Load, Refused, admit};

const ARRIVALS: u64 = 2_000;
/// Arrivals at the pace of one limit, before that of the next.
const PHASE: u64 = 400;
const SEEDS: u64 = 6;

/// A packet, what it is to the reference, and the buckets that charge it.
pub(crate) struct Sent {
    pub(crate) frame: Vec<u8>,
    pub(crate) scope: &'static str,
    pub(crate) load: Load,
    pub(crate) buckets: &'static [usize],
}

/// How arrivals follow one another. Each kind finds faults that the others pass by.
fn gap(rng: &mut Rng, interval: u64, wait: Option<u64>) -> u64 {
    match (rng.below(8), wait) {
        // The very instant of the refill, and the nanosecond before.
        (0, Some(wait)) => wait,
        (1, Some(wait)) => wait - 1,
        (2 | 3, _) => 0,
        (4, _) => interval,
        (5, _) => rng.below(interval) + 1,
        (6, _) => rng.below(3 * interval),
        // Idle long enough to fill a bucket of 20 once in a while.
        _ => {
            if rng.one_in(20) {
                rng.below(30 * interval)
            } else {
                1
            }
        }
    }
}

/// Sends arrivals from a source of its own for each seed, and holds each answer against the reference.
pub(crate) fn follows(
    policy: &str,
    buckets: &[Bucket],
    send: impl Fn(&mut Rng, IpAddr, u64) -> Sent,
) {
    let program = Program::new(policy);
    let mut named = BTreeSet::new();
    for seed in 0..SEEDS {
        let mut rng = Rng::new(seed);
        let source = IpAddr::V4(Ipv4Addr::new(10, 1, 0, seed as u8));
        let mut model = buckets.to_vec();
        let (mut now, mut wait) = (START, None);
        let (mut admitted, mut refused) = (0, 0);
        for arrival in 0..ARRIVALS {
            let paced_by = (seed + arrival / PHASE) as usize % model.len();
            now += gap(&mut rng, model[paced_by].interval(), wait);
            let sent = send(&mut rng, source, arrival);
            let expected = admit(&mut model, sent.buckets, now, sent.load);
            let answer = program.run(now, &sent.frame);
            let (reason, limit) = match &expected {
                Ok(()) => (Reason::Conforming, None),
                Err(Refused { limit, .. }) => (Reason::OverLimit, Some((*limit).to_owned())),
            };
            let expected_answer = Answer {
                reason,
                scope: sent.scope.to_owned(),
                limit,
            };
            assert_eq!(
                answer, expected_answer,
                "seed {seed}, arrival {arrival} at {now}"
            );
            match expected {
                Ok(()) => {
                    admitted += 1;
                    wait = None;
                }
                Err(error) => {
                    refused += 1;
                    wait = error.wait;
                    named.insert(error.limit);
                }
            }
        }
        assert!(
            admitted > 20 && refused > 20,
            "seed {seed} tried nothing: {admitted} admitted, {refused} refused"
        );
    }
    // Otherwise the arrivals were too tame for one of the limits.
    let all: BTreeSet<_> = buckets.iter().map(|bucket| bucket.name).collect();
    assert_eq!(named, all, "not every limit refused once");
}
