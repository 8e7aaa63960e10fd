//! A known source costs no trie lookup: its class lies in its slot.

use throttler_common::Reason;

use crate::harness::{Program, START};
use crate::traffic::{ip, udp};

const POLICY: &str = "[scopes.default.limits]\nflood = { rate = \"1000/s\" }\n\
    [plans.pro.default]\nflood = \"2000/s\"\n\
    [[sources]]\nfrom = [\"192.0.2.0/24\", \"2001:db8::/32\"]\nplan = \"pro\"\n";

#[test]
fn only_the_first_packet_of_a_source_and_generation_resolves_its_class() {
    let mut program = Program::new(POLICY);
    for (count, source) in ["192.0.2.1", "203.0.113.1", "2001:db8::1"]
        .into_iter()
        .enumerate()
    {
        let frame = udp(ip(source), 53, 1);
        for _ in 0..50 {
            assert_eq!(program.run(START, &frame).reason, Reason::Conforming);
        }
        let stats = program.stats();
        assert_eq!(stats.resolved, count as u64 + 1, "{source}");
        assert_eq!(stats.claimed, count as u64 + 1, "{source}");
    }
    program.publish(POLICY);
    let frame = udp(ip("192.0.2.1"), 53, 1);
    for _ in 0..50 {
        program.run(START, &frame);
    }
    let stats = program.stats();
    assert_eq!(
        (stats.resolved, stats.claimed),
        (4, 3),
        "once more after a reload"
    );
}
