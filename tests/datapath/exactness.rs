//! Every limit holds exactly: the program admits what the reference admits, packet by packet, and names the limit that
//! refused.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use throttler_common::Reason;

use crate::harness::{Answer, MINUTE, Program, Rng, SECOND, START};
use crate::reference::{Bucket, Charges, Load, Refused, admit};
use crate::traffic::{ack, ip, syn, udp};

const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const ARRIVALS: u64 = 2_000;
/// Arrivals at the pace of one limit, before that of the next.
const PHASE: u64 = 400;
const SEEDS: u64 = 6;

/// A packet, what it is to the reference, and the buckets that charge it.
struct Sent {
    frame: Vec<u8>,
    scope: &'static str,
    load: Load,
    buckets: &'static [usize],
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
fn follows(policy: &str, buckets: &[Bucket], send: impl Fn(&mut Rng, IpAddr, u64) -> Sent) {
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

fn one_datagram(_: &mut Rng, source: IpAddr, _: u64) -> Sent {
    Sent {
        frame: udp(source, 53, 10),
        scope: "default",
        load: Load {
            bytes: 38,
            syn: false,
        },
        buckets: &[0],
    }
}

#[test]
fn ten_a_minute() {
    follows(
        r#"[scopes.default.limits]
           burst = { rate = "10/min" }"#,
        &[Bucket::new("burst", Charges::Packets, 10, MINUTE, 10)],
        one_datagram,
    );
}

#[test]
fn a_hundred_a_second_with_a_burst_of_twenty() {
    follows(
        r#"[scopes.default.limits]
           flood = { rate = "100/s", burst = 20 }"#,
        &[Bucket::new("flood", Charges::Packets, 100, SECOND, 20)],
        one_datagram,
    );
}

#[test]
fn one_every_two_seconds_with_a_burst_of_three() {
    follows(
        r#"[scopes.default.limits]
           slow = { rate = "0.5/s", burst = 3 }"#,
        &[Bucket::new("slow", Charges::Packets, 1, 2 * SECOND, 3)],
        one_datagram,
    );
}

#[test]
fn three_limits_at_once() {
    follows(
        r#"[scopes.default.limits]
           burst = { rate = "10/min" }
           sustained = { rate = "100/hour" }
           daily = { rate = "500/day" }"#,
        &[
            Bucket::new("burst", Charges::Packets, 10, MINUTE, 10),
            Bucket::new("sustained", Charges::Packets, 100, HOUR, 100),
            Bucket::new("daily", Charges::Packets, 500, DAY, 500),
        ],
        |rng, source, arrival| Sent {
            buckets: &[0, 1, 2],
            ..one_datagram(rng, source, arrival)
        },
    );
}

#[test]
fn bytes_of_packets_of_all_sizes() {
    follows(
        r#"[scopes.default.limits]
           volume = { rate = "1M/s", burst = 15000, unit = "bytes" }"#,
        &[Bucket::new(
            "volume",
            Charges::Bytes,
            1_000_000,
            SECOND,
            15_000,
        )],
        |rng, source, arrival| {
            // Jumbo frames lie in several buffers; one above the burst never conforms.
            let payload = match rng.below(10) {
                0 => rng.below(9_000),
                1 => 0,
                2 => 15_000 - 28 + rng.below(2),
                _ => rng.below(1_472),
            };
            Sent {
                frame: udp(source, 53, payload as usize),
                load: Load {
                    bytes: payload + 28,
                    syn: false,
                },
                ..one_datagram(rng, source, arrival)
            }
        },
    );
}

#[test]
fn connections_are_charged_for_their_first_segment_alone() {
    follows(
        r#"[scopes.default.limits]
           opened = { rate = "10/min", unit = "connections" }"#,
        &[Bucket::new("opened", Charges::Connections, 10, MINUTE, 10)],
        |rng, source, arrival| {
            let (frame, is_syn) = match rng.below(4) {
                0 => (ack(source, 443), false),
                1 => (udp(source, 443, 12), false),
                _ => (syn(source, 443), true),
            };
            Sent {
                frame,
                load: Load {
                    bytes: 40,
                    syn: is_syn,
                },
                ..one_datagram(rng, source, arrival)
            }
        },
    );
}

#[test]
fn packets_bytes_and_connections_together() {
    follows(
        r#"[scopes.default.limits]
           packets = { rate = "100/s", burst = 20 }
           volume = { rate = "20k/s", burst = 3000, unit = "bytes" }
           opened = { rate = "20/s", burst = 5, unit = "connections" }"#,
        &[
            Bucket::new("packets", Charges::Packets, 100, SECOND, 20),
            Bucket::new("volume", Charges::Bytes, 20_000, SECOND, 3_000),
            Bucket::new("opened", Charges::Connections, 20, SECOND, 5),
        ],
        |rng, source, _| {
            let (frame, load) = if rng.one_in(2) {
                (
                    syn(source, 443),
                    Load {
                        bytes: 40,
                        syn: true,
                    },
                )
            } else {
                let payload = rng.below(400);
                (
                    udp(source, 443, payload as usize),
                    Load {
                        bytes: payload + 28,
                        syn: false,
                    },
                )
            };
            Sent {
                frame,
                load,
                buckets: &[0, 1, 2],
                scope: "default",
            }
        },
    );
}

#[test]
fn a_layer_spans_its_scopes() {
    follows(
        r#"[scopes.api]
           match = [{ protocol = "udp", ports = ["443"] }]
           limits = { own = { rate = "20/min" } }
           [scopes.web]
           match = [{ protocol = "udp", ports = ["80"] }]
           limits = { own = { rate = "30/min" } }
           [layers.all]
           scopes = ["api", "web"]
           limits = { total = { rate = "25/min" } }"#,
        &[
            Bucket::new("own", Charges::Packets, 20, MINUTE, 20),
            Bucket::new("own", Charges::Packets, 30, MINUTE, 30),
            Bucket::new("all.total", Charges::Packets, 25, MINUTE, 25),
        ],
        |rng, source, arrival| {
            let (port, scope, buckets): (_, _, &[usize]) =
                if (arrival / 50).is_multiple_of(2) != rng.one_in(10) {
                    (443, "api", &[0, 2])
                } else {
                    (80, "web", &[1, 2])
                };
            Sent {
                frame: udp(source, port, 10),
                scope,
                load: Load {
                    bytes: 38,
                    syn: false,
                },
                buckets,
            }
        },
    );
}

#[test]
fn the_whole_burst_at_once_and_then_one_each_interval() {
    let program = Program::new(
        r#"[scopes.default.limits]
           burst = { rate = "10/min" }"#,
    );
    let frame = udp(ip("192.0.2.1"), 53, 10);
    let admitted = |now| program.run(now, &frame).reason == Reason::Conforming;
    assert_eq!((0..1_000).filter(|_| admitted(START)).count(), 10);
    for interval in 1..=50 {
        let now = START + interval * 6 * SECOND;
        assert!(!admitted(now - 1), "interval {interval}");
        assert!(admitted(now), "interval {interval}");
        assert!(!admitted(now), "interval {interval}");
    }
}

#[test]
fn a_refusal_consumes_nothing() {
    let program = Program::new(
        r#"[scopes.default.limits]
           small = { rate = "1/min" }
           large = { rate = "10/s", burst = 1000 }
           bytes = { rate = "1M/s", burst = 15000, unit = "bytes" }"#,
    );
    let source = ip("192.0.2.1");
    let frame = udp(source, 53, 10);
    assert_eq!(program.run(START, &frame).reason, Reason::Conforming);
    let before = program.record(source, "default").expect("a known source");
    for step in 0..5_000 {
        let answer = program.run(START + step * 1_000_000, &frame);
        assert_eq!(
            (answer.reason, answer.limit.as_deref()),
            (Reason::OverLimit, Some("small"))
        );
    }
    let after = program.record(source, "default").expect("a known source");
    assert_eq!(before.tat, after.tat);
    assert_eq!(
        (after.refused, after.dropped.packets, after.dropped.bytes),
        (5_000, 5_000, 5_000 * 38)
    );
}
