//! Many reloads under traffic: no packet sees half of a policy, and no bucket is refilled.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use throttler_lab::{Injector, Reload, frames};

use crate::site::{LONG, Site, address, server};

const RELOADS: u64 = 120;

/// Both policies have ports 1000 and 2000 in one scope and the switched sources in one class, but in another one each:
/// a packet under `x` is exempt, a packet under `y` blocked. A scope of one with the class of the other is a mix.
fn policy(x: bool) -> String {
    let (scope, class, rate) = if x {
        ("x", "exempt", "10/min")
    } else {
        ("y", "block", "20/min")
    };
    format!(
        r#"
[scopes.{scope}]
match = [{{ protocol = "udp", ports = [1000, 2000] }}]
[scopes.{scope}.limits]
flood = {{ rate = "1/day" }}

[scopes.steady]
match = [{{ protocol = "udp", ports = [3000] }}]
[scopes.steady.limits]
daily = {{ rate = "5/day" }}

[scopes.changing]
match = [{{ protocol = "udp", ports = [4000] }}]
[scopes.changing.limits]
requests = {{ rate = "{rate}" }}

[[sources]]
from = ["198.51.100.0/24", "2001:db8:1::/48"]
{class} = true
"#
    )
}

/// Frames of the switched sources, of two with few packets a day, and of two whose rate changes.
fn round() -> [Vec<Vec<u8>>; 3] {
    let frame = |src: IpAddr, port| frames::udp(src, server(src), 1024, port, 18);
    let switched = (0..100).flat_map(|host| {
        let v4 = address(&format!("198.51.100.{host}"));
        let v6 = address(&format!("2001:db8:1:{host}::1"));
        [frame(v4, 1000), frame(v6, 2000)]
    });
    let both = |port| ["192.0.2.1", "2001:db8::1"].map(|text| frame(address(text), port));
    [switched.collect(), both(3000).into(), both(4000).into()]
}

/// Sends rounds until told to stop; gives how many.
fn send_rounds(injector: &Injector, stop: &AtomicBool) -> u64 {
    let round = round();
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        injector.send_many(round.iter().flatten()).expect("frames");
        rounds += 1;
        // The daemon is to get a share of the CPUs as well.
        thread::yield_now();
    }
    rounds
}

#[test]
fn no_packet_sees_half_a_policy_and_no_bucket_is_refilled() {
    let mut site = Site::start("reload", &policy(true), &["--xdp-mode", "native"]);
    let stop = AtomicBool::new(false);
    let started = Instant::now();
    let Site {
        daemon, injector, ..
    } = &mut site;
    let rounds = thread::scope(|scope| {
        let sender = scope.spawn(|| send_rounds(injector, &stop));
        let reloads = || -> anyhow::Result<()> {
            for reload in 1..=RELOADS {
                daemon.rewrite_policy(&policy(reload % 2 == 0))?;
                let done = daemon.reload()?;
                anyhow::ensure!(matches!(done, Reload::Applied(_)), "{done:?}");
            }
            Ok(())
        };
        let mut reloads = reloads;
        let result = reloads();
        // Whatever came of it, or the scope would wait for the sender forever.
        stop.store(true, Ordering::Relaxed);
        result.expect("reloads");
        sender.join().expect("a sender")
    });
    let [switched, steady, changing] = round().map(|frames| frames.len() as u64 * rounds);
    let counters = site.wait_packets(switched + steady + changing);
    assert_eq!(counters.generation, RELOADS + 1);

    let reason = |scope, reason| counters.reason(scope, reason).0;
    let (exempt, blocked) = (reason("x", "exempt"), reason("y", "blocked"));
    assert_eq!(exempt + blocked, switched, "a mix: {counters:#?}");
    assert!(
        exempt > 0 && blocked > 0,
        "no policy was tested: {counters:#?}"
    );
    for scope in ["x", "y"] {
        assert_eq!(counters.scopes[scope].len(), 1, "a mix: {counters:#?}");
    }

    // Two sources with five a day each, whatever happened in between.
    assert_eq!(reason("steady", "conforming"), 10);
    assert_eq!(reason("steady", "over_limit"), steady - 10);
    // At most the larger burst and rate, for each of two sources.
    let due = 2 * (20 + started.elapsed().as_secs() / 3);
    let admitted = reason("changing", "conforming");
    assert!((20..=due).contains(&admitted), "{admitted} of {due}");
    assert_eq!(reason("changing", "over_limit"), changing - admitted);
    site.daemon
        .wait_stderr(0, &format!("generation {} in force", RELOADS + 1), LONG)
        .expect("the last word");
}
