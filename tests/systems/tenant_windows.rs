//! B. Burst, sustained and daily hold at once, and a refusal names the one that refused.
//!
//! With the file's own numbers the burst is always used up first. To see the others refuse without waiting for hours,
//! two tests lower one rate in the file's text and leave the rest as it stands.

use crate::{
    abuse_log,
    sources::Family,
    system::{Outcome, System, derived, policy},
};

const FILE: &str = "tenant-plans.toml";
const API: u16 = 8201;

#[test]
fn all_three_windows_are_charged_at_once() {
    let system = System::start("b-windows", FILE);
    for family in Family::BOTH {
        let src = family.member(1, 1);
        let outcome = system.offer(src, "api", API, 13);
        assert_eq!(
            outcome,
            Outcome {
                passed: 10,
                dropped: 3
            }
        );
        // What the burst refuses is not charged to the others.
        for (name, remaining) in [("burst", 0), ("sustained", 90), ("daily", 490)] {
            let limit = system.limit(src, "api", name);
            assert_eq!(limit["remaining"], remaining, "{limit}");
        }
        assert_eq!(abuse_log::refusal(&system, src, "api")["limit"], "burst");
    }
}

/// The scope's own limits, with one of them lowered to seven, refuse the eighth and name that one.
fn assert_names(limit: &str, old: &str, new: &str) {
    // The first of the file's many, which is the scope's own.
    let text = policy(FILE);
    let own = |rate: &str| format!("{limit} = {{ rate = \"{rate}\", unit = \"connections\" }}");
    let text = derived(&text, &own(old), &own(new));
    let system = System::with_policy("b-names", &text, &[]);
    for family in Family::BOTH {
        let src = family.stranger(3);
        let outcome = system.offer(src, "api", API, 9);
        assert_eq!(
            outcome,
            Outcome {
                passed: 7,
                dropped: 2
            }
        );
        let told = abuse_log::refusal(&system, src, "api");
        assert_eq!((&*told["limit"], &*told["rate"]), (limit, new));
        assert_eq!(system.limit(src, "api", "burst")["remaining"], 3);
        assert_eq!(system.limit(src, "api", limit)["remaining"], 0);
    }
}

#[test]
fn the_sustained_limit_is_named() {
    assert_names("sustained", "100/hour", "7/hour");
}

#[test]
fn the_daily_limit_is_named() {
    assert_names("daily", "500/day", "7/day");
}
