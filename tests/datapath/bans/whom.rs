//! Who is banned, by which refusals, and in which scope.

use std::net::Ipv4Addr;

use throttler_common::Reason;
use throttler_common::ban::{Ban, moment, moments};
use throttler_common::notice::Kind;

use super::{POLICY, REFUSALS, ban, end, exhausted, of_kind};
use crate::contention::{on_two_cpus, totals};
use crate::harness::{MINUTE, Program, SECOND, START};
use crate::traffic::{ip, passing, syn, udp};

#[test]
fn who_is_exempt_is_never_banned_and_no_longer_when_it_becomes_so() {
    let base = format!("{POLICY}[[sources]]\nfrom = [\"192.0.2.77/32\"]\nexempt = true\n");
    let mut program = Program::new(&base);
    let exempt = udp(ip("192.0.2.77"), 53, 10);
    assert_eq!(passing(&program, START, &exempt, 500), 500);

    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS), 0);
    let reason = |program: &Program| program.run(START + SECOND, &frame).reason;
    assert_eq!(reason(&program), Reason::Banned);
    let rule = |class: &str| format!("{base}[[sources]]\nfrom = [\"192.0.2.1/32\"]\n{class}\n");
    program.publish(&rule("exempt = true"));
    assert_eq!(reason(&program), Reason::Exempt);
    program.publish(&rule("block = true"));
    assert_eq!(reason(&program), Reason::Blocked);
    program.publish(&base);
    assert_eq!(reason(&program), Reason::Banned, "the ban has not ended");
}

#[test]
fn what_no_limit_of_the_source_refused_does_not_ban() {
    let program = Program::new(
        r#"[scopes.default.limits]
           own = { rate = "1000/day" }
           [scopes.default.global]
           total = { rate = "2/day" }
           [abuse]
           ban_after = { refusals = 5, within = "10s" }
           [[sources]]
           from = ["192.0.2.66/32"]
           block = true"#,
    );
    for (source, reason) in [
        ("192.0.2.66", Reason::Blocked),
        ("192.0.2.1", Reason::GlobalLimit),
    ] {
        let frame = udp(ip(source), 53, 10);
        for _ in 0..100 {
            program.run(START, &frame);
        }
        assert_eq!(program.run(START, &frame).reason, reason);
    }
    assert_eq!(program.stats().bans, 0);
    assert_eq!(of_kind(&program.events(), Kind::Ban), []);
}

#[test]
fn refusals_of_a_layer_ban_in_the_scope() {
    let program = Program::new(
        r#"[scopes.web]
           match = [{ protocol = "tcp" }]
           limits = { own = { rate = "1000/day" } }
           [layers.all]
           scopes = ["web"]
           limits = { total = { rate = "2/day" } }
           [abuse]
           ban_after = { refusals = 5, within = "10s" }"#,
    );
    let source = ip("192.0.2.1");
    let reasons: Vec<_> = (0..9)
        .map(|_| program.run(START, &syn(source, 80)).reason)
        .collect();
    assert_eq!(reasons[..2], [Reason::Conforming; 2]);
    assert_eq!(reasons[2..7], [Reason::OverLimit; 5]);
    assert_eq!(reasons[7..], [Reason::Banned; 2]);
    assert_eq!(
        program.run(START, &udp(source, 53, 1)).reason,
        Reason::Unlimited
    );
}

#[test]
fn monitor_mode_bans_without_dropping() {
    let program = Program::new(&format!("[throttler]\nmode = \"monitor\"\n{POLICY}"));
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    for sent in 0..100 {
        let answer = program.run(START, &frame);
        let limit = (sent < REFUSALS).then_some("burst");
        assert_eq!(
            (answer.reason, answer.limit.as_deref()),
            (Reason::Monitored, limit),
            "{sent}"
        );
    }
    let record = program.record(source, "default").expect("a known source");
    assert_eq!((record.passed.packets, record.dropped.packets), (102, 0));
    assert_eq!(record.refused, 5);
    let told: Vec<_> = program
        .events()
        .iter()
        .map(|e| (e.kind, e.monitored))
        .collect();
    assert_eq!(told, [(Kind::Refusal as u8, 1), (Kind::Ban as u8, 1)]);
}

#[test]
fn a_ban_is_of_one_scope() {
    let program = Program::new(&format!(
        "[scopes.web]\nmatch = [{{ protocol = \"tcp\" }}]\nlimits = {{ burst = {{ rate = \"3/day\" }} }}\n{POLICY}"
    ));
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS + 1), 0);
    assert_eq!(program.run(START, &frame).reason, Reason::Banned);
    let web = syn(source, 80);
    let reasons: Vec<_> = (0..4).map(|_| program.run(START, &web).reason).collect();
    assert_eq!(reasons[..3], [Reason::Conforming; 3]);
    assert_eq!(reasons[3], Reason::OverLimit);
    assert!(!ban(&program, source, "web").is_on(moment(START)));
    // Nor is it of the sources beside it.
    assert_eq!(
        program.run(START, &udp(ip("192.0.2.2"), 53, 1)).reason,
        Reason::Conforming
    );
}

#[test]
fn a_policy_without_abuse_bans_nobody_and_bans_outlast_a_reload() {
    let mut program = Program::new(POLICY);
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS), 0);
    let (end, _) = (end(&program, source), program.publish(POLICY));
    assert_eq!(program.run(START + SECOND, &frame).reason, Reason::Banned);
    assert_eq!(program.run(end - 1, &frame).reason, Reason::Banned);
    let (limits, _) = POLICY.split_once("[abuse]").expect("the policy's");
    program.publish(limits);
    for _ in 0..500 {
        assert_eq!(program.run(end, &frame).reason, Reason::OverLimit);
    }
    assert_eq!(program.stats().bans, 1);
}

#[test]
fn two_cpus_give_one_ban() {
    const SOURCES: u32 = 100;
    const EACH: u32 = 400;
    let program = Program::new(&POLICY.replace("refusals = 5", "refusals = 100"));
    let frames: Vec<_> = (0..SOURCES)
        .map(|n| udp(Ipv4Addr::from_bits(10 << 24 | n).into(), 53, 10))
        .collect();
    on_two_cpus(true, |_| {
        for frame in &frames {
            program.run_many(START, frame, EACH);
        }
    });
    let totals = totals(&program);
    let sources = u64::from(SOURCES);
    assert_eq!(totals[&Reason::Conforming], 2 * sources);
    assert_eq!(program.stats().bans, sources, "{totals:?}");
    let told = of_kind(&program.events(), Kind::Ban);
    assert_eq!(told.len(), SOURCES as usize);
    assert!(told.iter().all(|event| event.bans == 1));
    let mut uncounted = 0;
    for n in 0..SOURCES {
        let source = Ipv4Addr::from_bits(10 << 24 | n).into();
        let record = program.record(source, "default").expect("a known source");
        let ban = Ban(record.ban);
        assert_eq!(ban.times(), 1, "{record:?}");
        let length = ban.until() - moment(START);
        assert!(length <= moments(MINUTE) + 1, "{record:?}");
        // The other CPU may have been past the look at the ban.
        assert!((100..=104).contains(&record.refused), "{record:?}");
        assert_eq!(record.passed.packets, 2);
        uncounted += 2 * u64::from(EACH) - 2 - record.dropped.packets;
    }
    // A packet that could not have its source's set is dropped before anybody knows whose it is.
    let stats = program.stats();
    assert!(uncounted <= stats.contended, "{uncounted} of {stats:?}");
    assert_eq!(totals.values().sum::<u64>(), 2 * sources * u64::from(EACH));
}
