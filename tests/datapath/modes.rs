//! Monitor mode spares what would be dropped; a pause lets everything pass until its end.

use throttler_common::Reason;

use crate::counted::{patched, segment};
use crate::harness::{Program, Rng, SECOND, START};
use crate::traffic::{ip, syn, udp};

const LIMITED: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp" }]
    limits = { burst = { rate = "3/min" } }
    [scopes.default.limits]
    burst = { rate = "3/min" }
    [[sources]]
    from = ["192.0.2.66/32"]
    block = true
    [[sources]]
    from = ["192.0.2.77/32"]
    exempt = true
"#;

fn broken() -> Vec<u8> {
    patched(&segment(true, 0), 0, &[0x44])
}

#[test]
fn monitor_mode_drops_nothing() {
    let program = Program::new(&format!("[throttler]\nmode = \"monitor\"\n{LIMITED}"));
    let source = ip("192.0.2.1");
    for sent in 0..10 {
        for (frame, scope) in [(udp(source, 53, 1), "default"), (syn(source, 80), "web")] {
            let answer = program.run(START, &frame);
            let wanted = if sent < 3 {
                (Reason::Conforming, None)
            } else {
                (Reason::Monitored, Some("burst"))
            };
            assert_eq!((answer.reason, answer.limit.as_deref()), wanted);
            assert_eq!(answer.scope, scope);
        }
    }
    let reason = |frame: &[u8]| program.run(START, frame).reason;
    assert_eq!(reason(&udp(ip("192.0.2.66"), 53, 1)), Reason::Monitored);
    assert_eq!(reason(&udp(ip("192.0.2.77"), 53, 1)), Reason::Exempt);
    assert_eq!(reason(&broken()), Reason::Monitored);

    let record = program.record(source, "default").expect("a known source");
    assert_eq!(
        (
            record.refused,
            record.passed.packets,
            record.dropped.packets
        ),
        (7, 10, 0)
    );
}

#[test]
fn a_scope_overrides_the_mode_of_the_file() {
    let file = |mode: &str, web: &str| {
        let scope = format!("[scopes.web]\nmode = \"{web}\"");
        format!(
            "[throttler]\nmode = \"{mode}\"\n{}",
            LIMITED.replace("[scopes.web]", &scope)
        )
    };
    for (mode, web, default_reason, web_reason) in [
        ("enforce", "monitor", Reason::OverLimit, Reason::Monitored),
        ("monitor", "enforce", Reason::Monitored, Reason::OverLimit),
    ] {
        let program = Program::new(&file(mode, web));
        // What comes after the burst of three.
        let fourth = |frame: &[u8]| (0..4).map(|_| program.run(START, frame).reason).nth(3);
        assert_eq!(
            fourth(&udp(ip("192.0.2.1"), 53, 1)),
            Some(default_reason),
            "{mode}"
        );
        assert_eq!(
            fourth(&syn(ip("192.0.2.1"), 80)),
            Some(web_reason),
            "{mode}"
        );
        // A block is a refusal of the scope that the packet is of; a malformed frame is of `default`.
        let spared = |reason, other| {
            if default_reason == Reason::Monitored {
                reason
            } else {
                other
            }
        };
        let blocked = program.run(START, &udp(ip("192.0.2.66"), 53, 1)).reason;
        assert_eq!(
            blocked,
            spared(Reason::Monitored, Reason::Blocked),
            "{mode}"
        );
        let blocked = program.run(START, &syn(ip("192.0.2.66"), 80)).reason;
        assert_eq!(
            blocked,
            spared(Reason::Blocked, Reason::Monitored),
            "{mode}"
        );
        let malformed = program.run(START, &broken()).reason;
        assert_eq!(
            malformed,
            spared(Reason::Monitored, Reason::Malformed),
            "{mode}"
        );
    }
}

#[test]
fn monitor_mode_decides_as_enforcement_would() {
    let enforced = Program::new(LIMITED);
    let monitored = Program::new(&format!("[throttler]\nmode = \"monitor\"\n{LIMITED}"));
    let (mut rng, mut now) = (Rng::new(3), START);
    let source = ip("192.0.2.1");
    let frame = udp(source, 53, 1);
    let mut refused = 0;
    for _ in 0..1_000 {
        now += rng.below(30 * SECOND);
        let (enforced, monitored) = (enforced.run(now, &frame), monitored.run(now, &frame));
        match enforced.reason {
            Reason::OverLimit => {
                refused += 1;
                assert_eq!(monitored.reason, Reason::Monitored);
            }
            _ => assert_eq!(monitored.reason, Reason::Conforming),
        }
        assert_eq!(enforced.limit, monitored.limit);
    }
    assert!(refused > 50, "only {refused} refusals");
    let [enforced, monitored] = [enforced, monitored].map(|program| {
        program
            .record(source, "default")
            .expect("a known source")
            .tat
    });
    assert_eq!(enforced, monitored);
}

#[test]
fn a_pause_ends_by_itself() {
    let program = Program::new(LIMITED);
    let end = START + 300 * SECOND;
    let source = ip("192.0.2.1");
    program.pause(end);
    let reason = |now, frame: &[u8]| program.run(now, frame).reason;
    for now in [START, end - 1] {
        for _ in 0..5 {
            assert_eq!(reason(now, &udp(source, 53, 1)), Reason::Paused);
            assert_eq!(reason(now, &udp(ip("192.0.2.66"), 53, 1)), Reason::Paused);
            assert_eq!(reason(now, &udp(ip("192.0.2.77"), 53, 1)), Reason::Paused);
            assert_eq!(reason(now, &broken()), Reason::Paused);
        }
        // Still counted where it belongs.
        let answer = program.run(now, &syn(source, 80));
        assert_eq!(
            (answer.reason, answer.scope.as_str()),
            (Reason::Paused, "web")
        );
    }
    assert_eq!(
        program.record(source, "default"),
        None,
        "a pause charges nobody"
    );
    assert_eq!(reason(end, &udp(ip("192.0.2.66"), 53, 1)), Reason::Blocked);
    assert_eq!(reason(end, &broken()), Reason::Malformed);
    for wanted in [
        Reason::Conforming,
        Reason::Conforming,
        Reason::Conforming,
        Reason::OverLimit,
    ] {
        assert_eq!(reason(end, &udp(source, 53, 1)), wanted);
    }
}

#[test]
fn a_pause_can_be_resumed_and_can_be_for_good() {
    let program = Program::new(LIMITED);
    let frame = udp(ip("192.0.2.66"), 53, 1);
    program.pause(u64::MAX);
    assert_eq!(program.run(1 << 57, &frame).reason, Reason::Paused);
    program.pause(0);
    assert_eq!(program.run(START, &frame).reason, Reason::Blocked);
}

#[test]
fn a_layer_in_monitor_mode_counts_what_passed() {
    let program = Program::new(
        r#"[throttler]
           mode = "monitor"
           [scopes.web]
           match = [{ protocol = "tcp" }]
           [layers.all]
           scopes = ["web"]
           limits = { total = { rate = "3/min" } }"#,
    );
    let source = ip("192.0.2.1");
    for _ in 0..10 {
        program.run(START, &syn(source, 80));
    }
    let [scope, layer] = ["web", "all"].map(|name| program.record(source, name).expect("a source"));
    for record in [scope, layer] {
        assert_eq!(
            (
                record.refused,
                record.passed.packets,
                record.dropped.packets
            ),
            (7, 10, 0)
        );
    }
}
