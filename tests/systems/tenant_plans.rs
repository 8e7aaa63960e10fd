//! B. Tenant plans: every plan, role and special row of the system's tables, and its bypasses.

use std::time::Duration;

use throttler_lab::TcpSink;

use crate::{abuse_log, sources::Family, sources::address, system::System};

const FILE: &str = "tenant-plans.toml";
const API: u16 = 8201;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Plan, its group of sources, and its burst a minute, sustained an hour, and daily rate.
const PLANS: [(&str, u8, [u64; 3]); 4] = [
    ("free", 1, [10, 100, 500]),
    ("starter", 2, [30, 500, 5000]),
    ("professional", 3, [100, 2000, 20000]),
    ("enterprise", 4, [500, 10000, 100_000]),
];

/// Role, its group of sources, and its rate an hour.
const ROLES: [(&str, u8, u64); 7] = [
    ("owner", 11, 5000),
    ("admin", 12, 3000),
    ("supervisor", 13, 2000),
    ("hr", 14, 2000),
    ("marketer", 15, 2000),
    ("employee", 16, 1000),
    ("member", 17, 500),
];

#[test]
fn every_plan_has_its_three_windows() {
    let system = System::start("b-plans", FILE);
    for family in Family::BOTH {
        for (plan, group, windows) in PLANS {
            let src = family.member(group, 5);
            system.assert_admits(src, "api", API, windows[0], MINUTE);
            assert_eq!(system.bucket(src, "api")["plan"], plan);
            for (name, count) in ["burst", "sustained", "daily"].into_iter().zip(windows) {
                assert_eq!(system.limit(src, "api", name)["burst"], count, "{plan}");
            }
            let told = abuse_log::refusal(&system, src, "api");
            assert_eq!((&*told["plan"], &*told["limit"]), (plan, "burst"));
        }
    }
}

#[test]
fn plan_limits_are_the_default() {
    let system = System::start("b-default", FILE);
    let sink = TcpSink::new(&system.lab, &[API]).expect("a sink");
    for family in Family::BOTH {
        let (stranger, free) = (family.stranger(1), family.member(1, 1));
        // Nobody opts in: without a plan a source is held to the limits of `free`.
        system.assert_connects(&sink, stranger, API, 10, 12);
        system.assert_connects(&sink, free, API, 10, 12);
        for name in ["burst", "sustained", "daily"] {
            let [own, plans] = [stranger, free].map(|src| system.limit(src, "api", name));
            assert_eq!(
                (&own["burst"], &own["remaining"]),
                (&plans["burst"], &plans["remaining"])
            );
        }
        assert_eq!(system.bucket(stranger, "api")["class"], "default");
        assert_eq!(system.bucket(free, "api")["class"], "plan");
    }
}

#[test]
fn every_role_has_its_hourly_rate() {
    let system = System::start("b-roles", FILE);
    for (role, group, count) in ROLES {
        let src = Family::V4.member(group, 5);
        system.assert_admits(src, "api", API, count, HOUR);
        let bucket = system.bucket(src, "api");
        assert_eq!(bucket["plan"], role);
        let limits = bucket["limits"].as_array().expect("limits");
        assert_eq!(limits.len(), 1, "the other two do not hold: {bucket}");
        let told = abuse_log::refusal(&system, src, "api");
        assert_eq!((&*told["plan"], &*told["limit"]), (role, "sustained"));
    }
}

#[test]
fn special_rows_admit_exactly_their_counts() {
    let system = System::start("b-special", FILE);
    let rows = [
        ("anon", 8202, 30, HOUR),
        ("token", 8203, 10, MINUTE),
        ("password", 8204, 3, MINUTE),
        ("registration", 8205, 5, HOUR),
        ("file_upload", 8206, 20, HOUR),
        ("export", 8207, 10, HOUR),
    ];
    for family in Family::BOTH {
        for (scope, port, count, period) in rows {
            // They are the same for everybody: no plan names them.
            for src in [family.stranger(9), family.member(4, 9)] {
                system.assert_admits(src, scope, port, count, period);
            }
        }
    }
}

#[test]
fn staff_and_partners_bypass() {
    let system = System::start("b-bypass", FILE);
    let sink = TcpSink::new(&system.lab, &[API]).expect("a sink");
    let staff = Family::BOTH.map(|family| family.member(9, 2));
    let partners = [address("198.51.100.7"), address("2001:db8:100:7::1")];
    for family in Family::BOTH {
        system.assert_connects(&sink, family.member(9, 1), API, 40, 40);
    }
    for src in staff.into_iter().chain(partners) {
        system.assert_all_pass(src, "registration", 8205, 600, "exempt");
        assert_eq!(system.bucket(src, "registration")["class"], "exempt");
    }
}
