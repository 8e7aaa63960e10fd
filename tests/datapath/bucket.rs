//! One bucket by hand, where the expected numbers can be seen.

use throttler_common::Reason;

use crate::harness::{Program, SECOND, START};
use crate::traffic::{ip, udp};

const YEAR: u64 = 365 * 86_400 * SECOND;

/// Right after the start of the kernel, in the midst, and after eight years: times are kept in 2^-6 ns, of which a word
/// holds nine years.
#[test]
fn the_whole_burst_at_once_and_then_one_each_interval() {
    let program = Program::new(
        r#"[scopes.default.limits]
           burst = { rate = "10/min" }"#,
    );
    let starts = [
        ("192.0.2.1", 1),
        ("192.0.2.2", START),
        ("192.0.2.3", 8 * YEAR),
    ];
    for (source, start) in starts {
        let frame = udp(ip(source), 53, 10);
        let admitted = |now| program.run(now, &frame).reason == Reason::Conforming;
        assert_eq!((0..1_000).filter(|_| admitted(start)).count(), 10);
        for interval in 1..=50 {
            let now = start + interval * 6 * SECOND;
            assert!(!admitted(now - 1), "interval {interval} from {start}");
            assert!(admitted(now), "interval {interval} from {start}");
            assert!(!admitted(now), "interval {interval} from {start}");
        }
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
