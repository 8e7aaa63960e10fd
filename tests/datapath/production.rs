//! The program that interfaces run: the same decisions, by the kernel's clock, as XDP's own verdicts.

use std::os::fd::AsFd as _;

use throttler::kernel::sys;
use throttler_common::{Reason, Verdict};
use throttler_lab::frames::ethertype;

use crate::counted::{patched, segment};
use crate::harness::{Counters, Program, moved};
use crate::traffic::{ip, syn, udp};

// enum xdp_action of include/uapi/linux/bpf.h.
const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

#[test]
fn verdicts_are_those_of_the_reasons() {
    let program = Program::new(
        r#"[scopes.web]
           match = [{ protocol = "tcp" }]
           limits = { burst = { rate = "2/day" } }
           [scopes.dns]
           match = [{ protocol = "udp", ports = ["53"] }]
           mode = "monitor"
           limits = { burst = { rate = "1/day" } }
           [[sources]]
           from = ["192.0.2.66/32", "2001:db8:bad::/48"]
           block = true
           [[sources]]
           from = ["192.0.2.77/32"]
           exempt = true"#,
    );
    let production = program.production();
    let broken = patched(&segment(true, 0), 0, &[0x44]);
    let frames = [
        (syn(ip("192.0.2.66"), 443), "web", Reason::Blocked, 40),
        (syn(ip("2001:db8:bad::1"), 443), "web", Reason::Blocked, 60),
        (syn(ip("192.0.2.77"), 443), "web", Reason::Exempt, 40),
        (ethertype(0x0806, 46), "default", Reason::NotIp, 46),
        (broken, "default", Reason::Malformed, 40),
        (syn(ip("192.0.2.1"), 443), "web", Reason::Conforming, 40),
        (syn(ip("192.0.2.1"), 80), "web", Reason::Conforming, 40),
        (syn(ip("192.0.2.1"), 443), "web", Reason::OverLimit, 40),
        (syn(ip("192.0.2.2"), 443), "web", Reason::Conforming, 40),
        (udp(ip("192.0.2.1"), 53, 2), "dns", Reason::Conforming, 30),
        (udp(ip("192.0.2.1"), 53, 2), "dns", Reason::Monitored, 30),
        (
            udp(ip("192.0.2.1"), 54, 9_000),
            "default",
            Reason::Unlimited,
            9_028,
        ),
    ];
    for (frame, scope, reason, bytes) in &frames {
        let before = program.counters();
        let run = sys::test_run(production.as_fd(), frame, 1).expect("a test run");
        let expected = Counters::from([(((*scope).to_owned(), *reason), (1, *bytes))]);
        assert_eq!(moved(&before, &program.counters()), expected);
        let verdict = match reason.verdict() {
            Verdict::Pass => XDP_PASS,
            Verdict::Drop => XDP_DROP,
        };
        assert_eq!(run.result, verdict, "{reason}");
    }

    // It goes by the clock of now: the refusal's time lies between two readings of it.
    let record = program
        .record(ip("192.0.2.1"), "web")
        .expect("a known source");
    let now = sys::monotonic_ns();
    assert!(
        record.last_seen <= now && now - record.last_seen < 60_000_000_000,
        "{record:?} at {now}"
    );
    program.pause(now + 3_600_000_000_000);
    let run = sys::test_run(production.as_fd(), &frames[0].0, 1).expect("a test run");
    assert_eq!(run.result, XDP_PASS, "a blocked source passes while paused");
}
