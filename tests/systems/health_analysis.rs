//! D. Layers: all hold at once, the by-address layer spans both endpoints, and lists override.

use std::time::Duration;

use throttler_lab::TcpSink;

use crate::{
    abuse_log,
    sources::{Family, address},
    system::{Outcome, System, derived, policy},
};

const FILE: &str = "health-analysis.toml";
const ANALYZE: u16 = 8401;
const ASSESS: u16 = 8402;
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn all_layers_hold_at_once() {
    let system = System::start("d-layers", FILE);
    let sink = TcpSink::new(&system.lab, &[ANALYZE]).expect("a sink");
    for family in Family::BOTH {
        let src = family.stranger(1);
        system.assert_connects(&sink, src, ANALYZE, 10, 12);
        let told = abuse_log::refusal(&system, src, "analyze");
        assert_eq!(told["limit"], "burst");
        system.assert_admits(src, "assess", ASSESS, 5, HOUR);
        let told = abuse_log::refusal(&system, src, "assess");
        assert_eq!((&*told["limit"], &*told["rate"]), ("anonymous", "5/hour"));
        for (scope, limit, burst, remaining) in [
            ("analyze", "burst", 10, 0),
            ("analyze", "hourly", 100, 90),
            ("analyze", "daily", 200, 190),
            ("assess", "anonymous", 5, 0),
            // 10 of one endpoint, 5 of the other; what either refused is not charged here.
            ("by_address", "total", 200, 185),
        ] {
            let found = system.limit(src, scope, limit);
            assert_eq!(
                (&found["burst"], &found["remaining"]),
                (&burst.into(), &remaining.into()),
                "{scope} {found}"
            );
        }
    }
}

/// With the file's numbers the endpoints' own limits (10 and 5 at once) are used up long before the layer's 200, so
/// the layer is lowered to 7 an hour; the rest of the file is as it stands.
#[test]
fn the_layer_by_address_refuses_across_endpoints() {
    let text = derived(&policy(FILE), "200/hour", "7/hour");
    let system = System::with_policy("d-span", &text, &[]);
    for family in Family::BOTH {
        let [src, other] = [1, 2].map(|host| family.stranger(host));
        let all = |passed| Outcome { passed, dropped: 0 };
        assert_eq!(system.offer(src, "assess", ASSESS, 4), all(4));
        let analyzed = system.offer(src, "analyze", ANALYZE, 6);
        assert_eq!(
            analyzed,
            Outcome {
                passed: 3,
                dropped: 3
            }
        );
        let told = abuse_log::refusal(&system, src, "analyze");
        assert_eq!(
            (&*told["limit"], &*told["rate"]),
            ("by_address.total", "7/hour")
        );
        // The other endpoint is shut as well, although its own limit has one left.
        assert_eq!(system.offer(src, "assess", ASSESS, 1).dropped, 1);
        assert_eq!(
            abuse_log::refusal(&system, src, "assess")["limit"],
            "by_address.total"
        );
        for (scope, limit, remaining) in [
            ("assess", "anonymous", 1),
            ("analyze", "burst", 7),
            ("by_address", "total", 0),
        ] {
            assert_eq!(system.limit(src, scope, limit)["remaining"], remaining);
        }
        // The layer is an address's own.
        assert_eq!(system.offer(other, "analyze", ANALYZE, 7), all(7));
    }
}

#[test]
fn the_lists_override() {
    let system = System::start("d-lists", FILE);
    let sink = TcpSink::new(&system.lab, &[ANALYZE]).expect("a sink");
    for blocked in [address("192.0.2.66"), address("2001:db8:bad:1::1")] {
        system.assert_connects(&sink, blocked, ANALYZE, 0, 3);
        // Nothing answers, so that it does no harm that the client owns the address.
        assert_eq!(system.offer(blocked, "assess", ASSESS, 4).dropped, 4);
        assert_eq!(system.bucket(blocked, "analyze")["class"], "block");
        assert_eq!(
            abuse_log::refusal(&system, blocked, "analyze")["reason"],
            "blocked"
        );
    }
    let counters = system.daemon.counters().expect("counters");
    assert_eq!(counters.reason("analyze", "blocked").0, 6);
    assert_eq!(counters.reason("assess", "blocked").0, 8);
    for family in Family::BOTH {
        let staff = [1, 2].map(|host| family.member(9, host));
        system.assert_connects(&sink, staff[0], ANALYZE, 30, 30);
        system.assert_all_pass(staff[1], "assess", ASSESS, 300, "exempt");
    }
}
