//! The whole stage on whole files.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

mod notify;

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

fn parsed(text: &str) -> Config {
    parse("throttler.toml", text, Path::new(""), now()).unwrap()
}

const EXAMPLE: &str = r#"
[throttler]
mode = "enforce"
ipv4_prefix = 24
on_exit = "keep"
[scopes.api]
match = [{ protocol = "tcp", ports = ["443", "8000-8099", 9000], to = ["203.0.113.0/24", "2001:db8::/32"] }]
mode = "monitor"
protected = ["pro"]
reserved = "40%"
[scopes.api.limits]
burst     = { rate = "10/min", unit = "connections" }
flood     = { rate = "1000/s", burst = 2000, unit = "packets" }
volume    = { rate = "1.5M/s", burst = "64Ki", unit = "bytes" }
[scopes.api.global]
total = { rate = "100000/s", unit = "packets" }
[scopes.default.limits]
flood = { rate = "0.5/s" }
[layers.by_address]
scopes = ["api"]
[layers.by_address.limits]
total = { rate = "200/hour", unit = "connections" }
[plans.pro.api]
burst = "100/min"
flood = { rate = "5/s", burst = 7 }
volume = "unlimited"
[plans.pro.by_address]
total = "400/hour"
[plans.enterprise]
api = "unlimited"
[[sources]]
from = ["198.51.100.0/24"]
plan = "pro"
[[sources]]
from = ["10.0.0.0/8", "2001:db8::/64"]
exempt = true
reason = "staff VPN"
[[sources]]
from = ["192.0.2.0/24"]
block = true
until = 2027-01-01T00:00:00+01:00
[[sources]]
from = ["192.0.2.0/24"]
block = true
until = "2025-01-01T00:00:00Z"
[abuse]
ban_after = { refusals = 100, within = "10s" }
widen_after = { sources = 16, within = "10min" }
ban_for = "1min"
ban_max = "1h"
[[notify]]
webhook = "https://hooks.example.net/throttler"
events = ["unban", "ban"]
scopes = ["api", "by_address"]
plans = ["pro"]
limits = ["burst", "by_address.total", "global.total"]
sources = ["198.51.100.0/24"]
ifaces = ["eth0"]
batch = { most = 7, within = "1min" }
timeout = "9s"
attempts = 3
secret = { file = "/etc/throttler/webhook.key" }
headers = { Authorization = { env = "THROTTLER_TOKEN" }, "X-Team" = "edge \"1\"" }
ca_file = "/etc/ssl/private-ca.pem"
[[notify]]
name = "hook"
exec = ["/usr/local/bin/on-abuse", "--json"]
[[notify]]
webhook = { file = "/etc/throttler/webhook.url" }
"#;

/// What is left of a policy in the file that it is rendered as.
fn again(config: &Config) -> Config {
    let text = config.to_toml();
    parse("again.toml", &text, Path::new(""), now()).unwrap_or_else(|error| panic!("{error}"))
}

/// Without places and warnings.
fn bare(mut config: Config) -> Config {
    config.warnings.clear();
    for rule in &mut config.sources {
        rule.origin.clear();
    }
    for notify in &mut config.notify {
        notify.origin.clear();
    }
    config.sources.retain(|rule| !rule.prefixes.is_empty());
    config
}

#[test]
fn a_policy_is_the_same_when_it_is_rendered_and_read_again() {
    let texts = [
        EXAMPLE,
        "",
        include_str!("../default-policy.toml"),
        "[[sources]]\nfrom = [\"::/0\"]\nexempt = true\nreason = \"a \\\"b\\\" \\\\ \\u007f \\n ü\"\nuntil = 2027-01-01T00:00:00.123456789Z\n",
        "[abuse]\nban_for = \"90s\"\n[plans.none]\n[plans.some]\ndefault = {}\n",
        "[abuse]\nban_after = { refusals = 3, within = \"2h\" }\nwiden_after = { sources = 2, within = \"1d\" }\nban_max = \"366d\"\n",
    ];
    for text in texts {
        let config = parsed(text);
        assert_eq!(bare(again(&config)), bare(config), "{text}");
    }
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../policies")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml") {
            let config = load(&path).unwrap();
            assert_eq!(bare(again(&config)), bare(config), "{path:?}");
        }
    }
}

#[test]
fn reads_everything() {
    let config = parsed(EXAMPLE);
    assert_eq!((config.mode, config.on_exit), (Mode::Enforce, OnExit::Keep));
    assert_eq!(
        (config.ipv4_prefix, config.ipv6_prefix, config.max_sources),
        (24, 64, 262_144)
    );
    let [default, api] = config.scopes.as_slice() else {
        panic!("{:?}", config.scopes);
    };
    assert_eq!(
        (default.name.as_str(), default.limits[0].burst),
        ("default", 1)
    );
    assert_eq!(api.mode, Some(Mode::Monitor));
    assert_eq!(api.atoms().len(), 6);
    let bursts: Vec<u64> = api.limits.iter().map(|limit| limit.burst).collect();
    assert_eq!(bursts, [10, 2000, 65_536]);
    assert_eq!(api.limits[0].rate.to_string(), "10/min");
    assert_eq!(api.limits[2].unit, Unit::Bytes);
    assert_eq!(
        (api.global.len(), api.protected.as_slice(), api.reserved),
        (1, &["pro".to_owned()][..], 40)
    );
    assert_eq!(default.reserved, 0);
    assert_eq!(config.layers[0].scopes, ["api"]);
    let PlanScope::Limits(pro) = &config.plans[0].scopes[0].1 else {
        panic!("{:?}", config.plans);
    };
    assert!(matches!(&pro[0].1, PlanLimit::Rate { burst: 100, .. }));
    assert!(matches!(&pro[1].1, PlanLimit::Rate { burst: 7, .. }));
    assert_eq!(pro[2].1, PlanLimit::Unlimited);
    assert_eq!(
        config.plans[1].scopes,
        [("api".to_owned(), PlanScope::Unlimited)]
    );
    let abuse = config.abuse.unwrap();
    let after = abuse.ban_after.unwrap();
    assert_eq!((after.refusals, after.within.as_secs()), (100, 10));
    let widen = abuse.widen_after.unwrap();
    assert_eq!((widen.sources, widen.within.as_secs()), (16, 600));
    assert_eq!(
        (abuse.ban_for.as_secs(), abuse.ban_max.as_secs()),
        (60, 3600)
    );
}

#[test]
fn reads_sources_and_leaves_out_what_has_ended() {
    let config = parsed(EXAMPLE);
    assert_eq!(config.sources.len(), 3);
    assert_eq!(config.sources[0].class, Class::Plan("pro".to_owned()));
    assert_eq!(config.sources[1].reason.as_deref(), Some("staff VPN"));
    assert_eq!(config.sources[1].origin, "throttler.toml:34");
    assert_eq!(
        config.sources[2].until,
        Some("2026-12-31T23:00:00Z".parse().unwrap())
    );
    insta::assert_snapshot!(config.warnings.join("\n"));
}

#[test]
fn warns_of_what_works_otherwise_than_it_looks() {
    let config = parsed(
        r#"
[scopes.default]
limits = { volume = { rate = "1k/s", unit = "bytes" }, enough = { rate = "1500/s", unit = "bytes" } }
[[sources]]
from = ["2001:db8::/64", "2001:db8:1::1"]
block = true
"#,
    );
    let expected = [
        "throttler.toml:3: a burst of 1000 bytes is below 1500: a full-size packet would never conform",
        "throttler.toml:5: 2001:db8:1::1/128 of throttler.toml:4 is longer than `ipv6_prefix` (64): \
         the class holds for it alone, but it shares its buckets with the rest of its /64",
    ];
    assert_eq!(config.warnings, expected);
}

/// 64e9 / 7e6 ticks a byte are no whole number: 1500 bytes cost a tick more than a bucket of 1500 holds.
#[test]
fn warns_of_a_burst_that_is_a_tick_short_of_a_full_size_packet() {
    let limit = |burst| {
        format!(
            "[scopes.default.limits]\na = {{ rate = \"7M/s\", burst = {burst}, unit = \"bytes\" }}\n"
        )
    };
    let expected = "throttler.toml:2: a burst of 1500 bytes at `7M/s` is less than a nanosecond short of \
                    a full-size packet, which would never conform: write 1501";
    assert_eq!(parsed(&limit(1500)).warnings, [expected]);
    assert!(parsed(&limit(1501)).warnings.is_empty());
    let whole = limit(1500).replace("7M/s", "1M/s");
    assert!(parsed(&whole).warnings.is_empty());
}

#[test]
fn warns_of_bans_and_shares_that_never_hold() {
    let config = parsed(
        r#"
[throttler]
ipv4_prefix = 30
[plans.p]
[scopes.default]
protected = ["p"]
[scopes.default.global]
total = { rate = "1M/s", burst = 4000, unit = "bytes" }
[abuse]
ban_after = { refusals = 1, within = "1s" }
widen_after = { sources = 65, within = "1s" }
"#,
    );
    let expected = [
        "throttler.toml:8: the reserved part of `total` has a burst of 1000 bytes, below 1500: \
         a full-size packet would never conform to it",
        "throttler.toml:11: `widen_after` never holds for IPv4: a /24 has fewer than 65 sources of a /30 each",
    ];
    assert_eq!(config.warnings, expected);
    let config = parsed("[abuse]\nban_for = \"1h\"\n");
    assert_eq!(
        config.warnings,
        ["throttler.toml:1: `[abuse]` has no `ban_after`: refusals ban nobody"]
    );
}

#[test]
fn a_quarter_is_reserved_unless_the_file_says_otherwise() {
    let scope = |reserved: &str| {
        let text = format!(
            "[plans.p]\n[scopes.default]\nprotected = ['p']\n{reserved}\n\
             global = {{ total = {{ rate = '2/s' }} }}\n"
        );
        parsed(&text).scopes[0].reserved
    };
    assert_eq!(scope(""), 25);
    assert_eq!(scope("reserved = '1%'"), 1);
    assert_eq!(scope("reserved = '99%'"), 99);
    let without = parsed("[scopes.default.global]\ntotal = { rate = '1/s' }\n");
    assert_eq!(without.scopes[0].reserved, 0);
}

#[test]
fn an_empty_file_limits_nothing() {
    let config = parsed("");
    assert_eq!(config.scopes.len(), 1);
    assert_eq!(config.scopes[0].name, "default");
    assert!(config.scopes[0].limits.is_empty() && config.warnings.is_empty());
}

#[test]
fn the_default_scope_comes_first() {
    let config = parsed(
        "[scopes.b]\nmatch=[{protocol=1}]\n[scopes.a]\nmatch=[{protocol=2}]\n[scopes.default]\n",
    );
    let names: Vec<&str> = config
        .scopes
        .iter()
        .map(|scope| scope.name.as_str())
        .collect();
    assert_eq!(names, ["default", "b", "a"]);
}

#[test]
fn legal_overlaps_and_nestings_pass() {
    parsed(
        r#"
[scopes.https]
match = [{ protocol = "tcp", ports = ["443"] }]
[scopes.web]
match = [{ protocol = "tcp", ports = ["400-499"] }, { protocol = "tcp", ports = ["443"], to = ["10.0.0.0/8"] }]
[scopes.both]
match = [{ ports = ["443"] }]
[scopes.tcp]
match = [{ protocol = "tcp" }]
[[sources]]
from = ["10.0.0.0/8"]
exempt = true
[[sources]]
from = ["10.0.0.0/8"]
block = true
until = "2027-01-01T00:00:00Z"
[[sources]]
from = ["10.0.0.0/16", "10.0.0.0/24", "10.0.0.0/16"]
block = true
until = "2027-01-01T00:00:00Z"
"#,
    );
}

#[test]
fn a_million_list_lines_take_a_moment() {
    let dir = tempfile::tempdir().unwrap();
    let lines: String = (0..1_000_000_u32)
        .map(|n| {
            format!(
                "{}/32\n",
                std::net::Ipv4Addr::from(n.wrapping_mul(2_654_435_761))
            )
        })
        .collect();
    std::fs::write(dir.path().join("big.txt"), lines).unwrap();
    let text = "[[sources]]\nfile = 'big.txt'\nblock = true\n[[sources]]\nfile = 'big.txt'\nexempt = true\n";
    let started = std::time::Instant::now();
    let error = parse("t.toml", text, dir.path(), now()).unwrap_err();
    assert_eq!(
        error.diagnostics().len(),
        1,
        "one conflict for each pair of rules"
    );
    // Quadratic would be hours; this leaves room for a slow machine and a debug build.
    assert!(started.elapsed() < Duration::from_secs(60));
}

#[test]
fn files_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let missing = load(&dir.path().join("none.toml")).unwrap_err();
    assert!(missing.to_string().contains("No such file"), "{missing}");
    let latin = dir.path().join("latin.toml");
    std::fs::write(&latin, b"# ok\n# caf\xe9\n").unwrap();
    assert!(
        load(&latin)
            .unwrap_err()
            .to_string()
            .contains("line 2 is not UTF-8")
    );
    assert!(load(dir.path()).is_err());
}

#[test]
fn colour_is_opt_in() {
    let error = parse("t.toml", "x = 1", Path::new(""), now()).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'));
    assert!(error.render(true).contains('\u{1b}'));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse("t.toml", &text, Path::new(""), now());
    }

    // Cuts and doublings of a real file reach far deeper than random text.
    #[test]
    fn no_mangled_policy_panics(cut in 0_usize..1900, length in 0_usize..40, paste in 0_usize..1900, junk in "[\"'={}\\[\\]#\n.,0-9a-zä/]{0,6}") {
        let mut chars: Vec<char> = EXAMPLE.chars().collect();
        let from = cut.min(chars.len());
        let taken: Vec<char> = chars.drain(from..(from + length).min(chars.len())).chain(junk.chars()).collect();
        let at = paste.min(chars.len());
        chars.splice(at..at, taken);
        let text: String = chars.into_iter().collect();
        if let Err(error) = parse("t.toml", &text, Path::new(""), now()) {
            prop_assert!(!error.diagnostics().is_empty());
            prop_assert!(error.render(true).len() > 10);
        }
    }
}
