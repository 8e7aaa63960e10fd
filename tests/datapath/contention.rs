//! Two CPUs on one bucket: what is admitted is exact, however their packets interleave.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::thread;

use throttler_common::Reason;

pub(crate) use crate::harness::on_two_cpus;
use crate::harness::{Program, START};
use crate::traffic::{ip, passing, syn, udp};

const RUNS: usize = 10_000;
const BURST: u64 = 1_000;

/// Packets by reason, over all scopes.
pub(crate) fn totals(program: &Program) -> BTreeMap<Reason, u64> {
    let mut totals = BTreeMap::new();
    for ((_, reason), (packets, _)) in program.counters() {
        *totals.entry(reason).or_default() += packets;
    }
    totals
}

fn exactly_the_burst(policy: &str) {
    for pinned in [false, true] {
        let program = Program::new(policy);
        let source = ip("192.0.2.1");
        let frame = udp(source, 53, 10);
        on_two_cpus(pinned, |_| {
            // Half of the runs without leaving the kernel: the CPUs meet far more often there.
            passing(&program, START, &frame, RUNS / 2);
            program.run_many(START, &frame, RUNS as u32 / 2);
        });
        let refused = 2 * RUNS as u64 - BURST;
        let expected = BTreeMap::from([(Reason::Conforming, BURST), (Reason::OverLimit, refused)]);
        assert_eq!(
            totals(&program),
            expected,
            "pinned: {pinned}, {:?}",
            program.stats()
        );
        let record = program.record(source, "default").expect("a known source");
        assert_eq!(record.passed.packets, BURST);
        // Where the other CPU was stopped for long in the midst of a claim, a refusal is counted, but not as the source's.
        let (noted, contended) = (record.dropped.packets, program.stats().contended);
        assert!(
            noted <= refused && noted + contended >= refused,
            "pinned: {pinned}, {noted} of {refused} refusals, {contended} contended"
        );
    }
}

#[test]
fn one_limit() {
    exactly_the_burst("[scopes.default.limits]\none = { rate = \"1000/day\" }");
}

#[test]
fn three_limits() {
    exactly_the_burst(
        r#"[scopes.default.limits]
           large = { rate = "100000/day" }
           volume = { rate = "38000/day", unit = "bytes" }
           middle = { rate = "5000/day" }"#,
    );
}

#[test]
fn a_layer_over_two_scopes() {
    for pinned in [false, true] {
        let program = Program::new(
            r#"[scopes.web]
               match = [{ protocol = "tcp" }]
               limits = { own = { rate = "5000/day" }, volume = { rate = "1M/day", unit = "bytes" } }
               [scopes.default.limits]
               own = { rate = "5000/day" }
               [layers.all]
               scopes = ["web", "default"]
               limits = { total = { rate = "1000/day" } }"#,
        );
        let source = ip("192.0.2.1");
        let frames = [syn(source, 443), udp(source, 53, 10)];
        on_two_cpus(pinned, |cpu| {
            program.run_many(START, &frames[cpu], RUNS as u32);
        });
        assert_eq!(
            totals(&program).get(&Reason::Conforming),
            Some(&BURST),
            "{:?}",
            program.stats()
        );
        // Nothing is left charged to a scope of what the layer refused: 5000 less what passed is there.
        let passed = program
            .record(source, "web")
            .expect("a known source")
            .passed
            .packets;
        let left = 5_000 - passed;
        let day = 86_400 * 1_000_000_000_u64;
        let record = program.record(source, "web").expect("a known source");
        let debt = record.tat[0].saturating_sub(START << 6);
        assert_eq!(debt, (5_000 - left) * ((day << 6) / 5_000), "{record:?}");
    }
}

#[test]
fn sources_that_both_see_for_the_first_time() {
    let program = Program::new("[scopes.default.limits]\none = { rate = \"4/day\" }");
    let sources: Vec<IpAddr> = (0..2_000)
        .map(|n: u32| IpAddr::V4(Ipv4Addr::from_bits(10 << 24 | n)))
        .collect();
    on_two_cpus(true, |_| {
        for source in &sources {
            passing(&program, START, &udp(*source, 53, 10), 3);
        }
    });
    for source in &sources {
        let record = program.record(*source, "default").expect("a known source");
        assert_eq!(
            (record.passed.packets, record.dropped.packets),
            (4, 2),
            "{source}"
        );
    }
    // Nobody is there twice. Where one CPU finds that the other has been first, both count a claim.
    let mut ways = 0;
    program.tables().sources.for_each(0, |_| ways += 1);
    assert_eq!(ways, sources.len());
    let claimed = program.stats().claimed as usize;
    assert!((ways..2 * ways).contains(&claimed), "{claimed} claims");
}

#[test]
fn no_packet_sees_half_of_a_policy() {
    let dns = "[[sources]]\nfrom = [\"192.0.2.0/24\"]\n";
    let limits = "[scopes.default.limits]\nall = { rate = \"1000/s\" }\n";
    let scope = |name: &str| {
        format!("[scopes.{name}]\nmatch = [{{ protocol = \"udp\", ports = [\"53\"] }}]\n")
    };
    let policies = [
        format!("{limits}{}{dns}exempt = true\n", scope("one")),
        format!("{limits}{}{dns}block = true\n", scope("two")),
    ];
    let program = Program::new(&policies[0]);
    // Identifiers stay with their names, so that 1 is `one` and 2 is `two` from here on.
    program.publish_beside(&policies[1]);
    let frame = udp(ip("192.0.2.1"), 53, 10);
    let seen = thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut seen = BTreeMap::<(u8, u8), usize>::new();
            for _ in 0..30_000 {
                let [reason, scope, ..] = program.run_raw(START, &frame).to_le_bytes();
                *seen.entry((reason, scope)).or_default() += 1;
            }
            seen
        });
        let mut published = 0;
        while !reader.is_finished() || published < 4 {
            program.publish_beside(&policies[published % 2]);
            published += 1;
        }
        reader.join().expect("the reader")
    });
    let whole = [(Reason::Exempt as u8, 1), (Reason::Blocked as u8, 2)];
    assert!(seen.keys().all(|pair| whole.contains(pair)), "{seen:?}");
    assert_eq!(
        seen.len(),
        2,
        "too few flips fell among the packets: {seen:?}"
    );
}
