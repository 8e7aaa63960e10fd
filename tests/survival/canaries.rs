//! A daemon that is killed in the midst of a canary leaves no packet in anybody's counters.

use std::{collections::BTreeMap, process::Stdio};

use throttler_lab::frames;

use crate::{
    calm::{PORT, Site, address, server},
    moment,
    setting::setting,
};

/// Canaries go by way of a source that is blocked; so do these packets, in the same scope.
const POLICY: &str = "[[sources]]\nfrom = [\"192.0.2.66\"]\nblock = true\n";
const BLOCKED: u64 = 3;

#[test]
fn killed_at_a_canary_it_leaves_no_packet_behind() {
    let mut site = Site::start("canaries", POLICY, &[]);
    let src = address("192.0.2.66");
    for _ in 0..BLOCKED {
        let frame = frames::udp(src, server(src), 1024, PORT, 18);
        site.injector.send(&frame).expect("a frame");
    }
    let blocked = |site: &Site| {
        // The kernel's own packets pass, in the same scope.
        let scopes = site.counters().scopes;
        let reasons = scopes.get("default").cloned().unwrap_or_default();
        let dropped = ["blocked", "malformed", "monitored"];
        let found = dropped.map(|reason| reasons.get(reason).map_or(0, |pair| pair.0));
        BTreeMap::from_iter(dropped.into_iter().zip(found))
    };
    let due = BTreeMap::from([("blocked", BLOCKED), ("malformed", 0), ("monitored", 0)]);
    while blocked(&site)["blocked"] < BLOCKED {}
    assert_eq!(blocked(&site), due);
    site.daemon.kill().expect("an end");
    let kill_before = |site: &Site, nth| {
        let mut command = moment::run(&site.daemon);
        command.stderr(Stdio::null());
        throttler_lab::kill_before(&mut command, nth).expect("a traced daemon")
    };
    let calls = kill_before(&site, u64::MAX);
    // The canaries are among the last calls of a start.
    let (last, step) = match setting("THROTTLER_CALLS", 10) {
        0..=10 => (30, 2),
        _ => (60, 1),
    };
    let (mut kills, mut killed) = (0, 0);
    for nth in (calls - last + 1..=calls).step_by(step) {
        kills += 1;
        killed += u64::from(kill_before(&site, nth) + 1 == nth);
        assert_eq!(blocked(&site), due, "killed before call {nth} of {calls}");
    }
    assert!(killed > kills / 2, "{killed} of {kills}");
    site.daemon.restart().expect("a daemon");
    assert_eq!(blocked(&site), due);
}
