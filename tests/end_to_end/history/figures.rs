//! Packets, bytes, limits and bans, as the packets on the wire were refused.

use std::time::Duration;

use throttler_lab::frames;

use super::{kept, of, sums};
use crate::site::{FIVE_A_DAY, PORT, Site, address, server};

/// L3 bytes of a datagram of [`Site::offer`].
const V4: u64 = 20 + 8 + 18;
const V6: u64 = 40 + 8 + 18;

/// A table that is walked over whenever somebody asks.
const SMALL: &str = "[throttler]\nmax_sources = 1024\n";

const TWO_SCOPES: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "5/day" }
[scopes.web]
match = [{ protocol = "tcp", ports = [443] }]
[scopes.web.limits]
visits = { rate = "3/day", unit = "connections" }
[plans.pro.dns]
daily = "7/day"
[[sources]]
from = ["192.0.2.7/32"]
plan = "pro"
"#;

#[test]
fn refusals_are_kept_to_the_packet_and_byte() {
    let site = Site::start("hist", TWO_SCOPES, &[]);
    let before = jiff::Timestamp::now().as_millisecond();
    assert_eq!(site.offer(address("192.0.2.1"), 12), 5);
    assert_eq!(site.offer(address("2001:db8::1"), 9), 5);
    assert_eq!(site.offer(address("192.0.2.7"), 9), 7);
    let syn = frames::tcp_syn(
        address("192.0.2.1"),
        server(address("192.0.2.1")),
        4_000,
        443,
    );
    let packets = site.counters().packets;
    for _ in 0..8 {
        site.injector.send(&syn).expect("a frame");
    }
    site.wait_packets(packets + 8);

    let rows = kept(&site);
    let dns: Vec<_> = of(&rows, "192.0.2.1/32");
    let (web, dns): (Vec<_>, Vec<_>) = dns.into_iter().partition(|row| row.scope == "web");
    assert_eq!(sums(dns.iter().copied()), (7, 7 * V4, 0, 0, 0), "{rows:#?}");
    assert_eq!(sums(of(&rows, "2001:db8::/64")), (4, 4 * V6, 0, 0, 0));
    assert_eq!(sums(of(&rows, "192.0.2.7/32")), (2, 2 * V4, 0, 0, 0));
    let length = (syn.len() - 14) as u64;
    assert_eq!(sums(web.iter().copied()), (5, 5 * length, 0, 0, 0));
    assert_eq!(sums(&rows).0, 18);

    let after = jiff::Timestamp::now().as_millisecond();
    for row in &rows {
        assert!(!row.estimated && !row.monitored, "{row:?}");
        assert_eq!((row.sources, row.width), (1, 60));
        assert!(
            row.begin * 1_000 <= row.first && row.first <= row.last,
            "{row:?}"
        );
        assert!(before <= row.first && row.last <= after, "{row:?}");
        assert!(row.wait > Duration::from_secs(3_600), "{row:?}");
        assert_eq!(row.reason, "over_limit");
    }
    let named = |row: &throttler::history::Violation| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [&row.plan, &row.limit, &row.unit, &row.rate].map(text)
    };
    assert_eq!(named(dns[0]), ["", "daily", "packets", "5/day"]);
    assert_eq!(named(web[0]), ["", "visits", "connections", "3/day"]);
    let pro = of(&rows, "192.0.2.7/32");
    assert_eq!(named(pro[0]), ["pro", "daily", "packets", "7/day"]);
}

#[test]
fn the_tail_behind_the_last_event_is_kept() {
    let site = Site::start("tail", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    for round in 1..=3 {
        // At most one of these refusals is told of: an event a second.
        site.offer(source, 40);
        let refused = 40 * round - 5;
        let rows = kept(&site);
        assert_eq!(sums(&rows), (refused, refused * V4, 0, 0, 0), "{rows:#?}");
    }
}

#[test]
fn what_monitor_mode_spared_is_kept_apart() {
    let policy = format!("[throttler]\nmode = \"monitor\"\n{FIVE_A_DAY}");
    let site = Site::start("spared", &policy, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 25), 25);
    let rows = kept(&site);
    assert_eq!(sums(&rows), (20, 20 * V4, 0, 0, 0), "{rows:#?}");
    assert!(
        rows.iter()
            .all(|row| row.monitored && row.reason == "over_limit")
    );
    assert_eq!(site.counters().reason("dns", "monitored").0, 20);
}

#[test]
fn bans_and_what_they_drop_are_kept() {
    let policy = format!(
        "{SMALL}{FIVE_A_DAY}[abuse]\nban_after = {{ refusals = 3, within = \"1min\" }}\nban_for = \"1h\"\n\
         widen_after = {{ sources = 2, within = \"10min\" }}\n"
    );
    let site = Site::start("bans", &policy, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 20), 5);
    let counted = site.counters();
    assert_eq!(counted.reason("dns", "over_limit").0, 3);
    let rows = kept(&site);
    assert_eq!(sums(&rows), (3, 3 * V4, 12, 12 * V4, 1), "{rows:#?}");
    let ban = rows.iter().find(|row| row.bans > 0).expect("a ban");
    let until = ban.banned_until.expect("an end");
    let lasts = until - ban.last;
    assert!((3_590_000..=3_601_000).contains(&lasts), "{ban:?}");
    assert_eq!(ban.limit.as_deref(), Some("daily"));

    // The second one of the prefix has all of it banned, also who was never seen.
    site.offer(address("192.0.2.2"), 20);
    assert_eq!(site.offer(address("192.0.2.99"), 6), 0);
    let rows = kept(&site);
    assert_eq!(
        sums(of(&rows, "192.0.2.0/24")),
        (0, 0, 0, 0, 1),
        "{rows:#?}"
    );
    assert_eq!(sums(of(&rows, "192.0.2.99/32")), (0, 0, 6, 6 * V4, 0));
    // One that an operator takes back is not taken from the history.
    site.cli_ok(&["ban", "del", "192.0.2.0/24"]);
    assert_eq!(sums(&kept(&site)).4, 3);
}

#[test]
fn what_operators_ban_is_no_violation() {
    let site = Site::start("oper", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    assert_eq!(site.offer(source, 7), 5);
    site.cli_ok(&["ban", "add", "192.0.2.1/32", "--for", "1h"]);
    assert_eq!(site.offer(source, 30), 0);
    let rows = kept(&site);
    assert_eq!(sums(&rows), (2, 2 * V4, 0, 0, 0), "{rows:#?}");
}

#[test]
fn several_limits_have_their_share() {
    let policy = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "10/day" }
[scopes.dns.global]
all = { rate = "5/day" }
"#;
    let site = Site::start("shares", policy, &[]);
    let (first, second) = (address("192.0.2.1"), address("192.0.2.2"));
    assert_eq!(site.offer(first, 8) + site.offer(second, 4), 5);
    let rows = kept(&site);
    assert_eq!(sums(&rows), (7, 7 * V4, 0, 0, 0), "{rows:#?}");
    for row in &rows {
        assert_eq!(row.limit.as_deref(), Some("global.all"), "{row:?}");
        assert_eq!(row.reason, "global_limit");
    }
    assert_eq!(PORT, 5300, "the policy's");
}
