//! Policies with too much of one thing, each of a few hundred kilobytes: whatever becomes of them, it takes seconds at
//! most, memory for what is in them, and a screenful of errors.

#[path = "../../harness/spent.rs"]
mod spent;

use std::path::Path;

use spent::{ENDLESS, spent};
use throttler::compile::{Clock, compile};
use throttler::config::{self, ConfigError};

/// Bytes that 50 errors take on a screen.
const SCREENFUL: usize = 64 * 1024;
/// The longest mend: "one or two lines".
const HELP: usize = 600;
/// KiB that the process may have at once.
const MEMORY: u64 = 1 << 20;

/// What becomes of a policy: cells of its classifier, or errors.
fn outcome(name: &str, text: &str) -> Result<usize, ConfigError> {
    let before = spent();
    let clock = Clock {
        monotonic_ns: 1,
        wall: jiff::Timestamp::constant(1_803_859_200, 0),
    };
    let result = config::parse("policy.toml", text, Path::new("/nowhere"), clock.wall);
    let result = result.map(|config| compile(&config, None, clock).map_or(0, |it| it.cells.len()));
    if let Err(error) = &result {
        let shown = error.render(false);
        assert!(shown.len() < SCREENFUL, "{name}: {} bytes", shown.len());
        for one in error.diagnostics() {
            assert!(one.help.len() < HELP, "{name}: {}", one.help);
        }
        assert!(error.diagnostics().len() <= 1_000, "{name}");
    }
    let took = spent() - before;
    println!("{name}: {} bytes, {took:?}", text.len());
    assert!(took < ENDLESS, "{name}: {took:?} for {} bytes", text.len());
    let most = peak();
    assert!(most < MEMORY, "{name}: {most} KiB for {} bytes", text.len());
    result
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.expect("VmHWM").parse().expect("a number")
}

fn many(count: usize, between: &str, make: impl Fn(usize) -> String) -> String {
    (0..count).map(make).collect::<Vec<_>>().join(between)
}

fn address(number: usize) -> String {
    let [_, b, c, d] = (number as u32).to_be_bytes();
    format!("10.{b}.{c}.{d}")
}

#[test]
fn names_that_nobody_knows_among_thousands() {
    let n = 4_000;
    let shapes = [
        (
            "scopes, and plans for others",
            many(n, "\n", |k| {
                format!("[scopes.s{k}.limits]\na = {{ rate = '1/s' }}\n[plans.p.t{k}]\na = '2/s'")
            }),
        ),
        (
            "scopes, and layers of others",
            many(n, "\n", |k| {
                format!("[scopes.s{k}]\n[layers.l{k}]\nscopes = ['t{k}']")
            }),
        ),
        (
            "plans, and sources of others",
            many(n, "\n", |k| {
                format!(
                    "[plans.p{k}]\n[[sources]]\nfrom = ['{}']\nplan = 'q{k}'",
                    address(k)
                )
            }),
        ),
        (
            "as many plans as there may be, and sources of others",
            many(1_023, "\n", |k| format!("[plans.p{k}]"))
                + "\n"
                + &many(n, "\n", |k| {
                    format!("[[sources]]\nfrom = ['{}']\nplan = 'q{k}'", address(k))
                }),
        ),
        ("keys", many(n * 10, "\n", |k| format!("k{k} = 1"))),
    ];
    for (name, text) in shapes {
        assert!(outcome(name, &text).is_err(), "{name}");
    }
}

#[test]
fn scopes_that_all_match_the_same() {
    let text = many(4_000, "\n", |k| {
        format!("[scopes.s{k}]\nmatch = [{{ protocol = 'tcp' }}]")
    });
    assert!(outcome("more than there may be", &text).is_err());
    let text = many(254, "\n", |k| {
        format!("[scopes.s{k}]\nmatch = [{{ protocol = 'tcp' }}]")
    });
    let error = outcome("as many as there may be", &text).unwrap_err();
    assert_eq!(error.diagnostics().len(), 1_000);
    assert!(error.to_string().contains("equally specific overlap"));
}

#[test]
fn ranges_within_and_across_each_other() {
    let n = 16_000;
    let scope =
        |ports: String| format!("[scopes.a]\nmatch = [{{ protocol = 'udp', ports = [{ports}] }}]");
    let shapes = [
        (
            "nested",
            scope(many(n, ",", |k| format!("'{}-{}'", k + 1, 65_535 - k))),
        ),
        (
            "partial",
            scope(many(n, ",", |k| format!("'{}-{}'", k + 1, k + 30_000))),
        ),
        ("single", scope(many(n, ",", |k| (k + 1).to_string()))),
    ];
    for (name, text) in shapes {
        assert!(outcome(name, &text).expect(name) > n, "{name}");
    }
}

#[test]
fn one_line_of_twenty_thousand() {
    let n = 20_000;
    let from = |make: fn(usize) -> String| {
        format!("[[sources]]\nblock = true\nfrom = [{}]", many(n, ",", make))
    };
    assert!(outcome("prefixes", &from(|k| format!("'{}'", address(k)))).is_ok());
    for (name, text) in [
        ("no prefixes", from(|k| format!("'{}/x'", address(k)))),
        ("numbers", from(|k| k.to_string())),
        (
            "unknown keys",
            format!("throttler = {{{}}}", many(n, ",", |k| format!("k{k} = 1"))),
        ),
        ("no TOML", "= ".repeat(n)),
        ("escapes", format!("a = [{}]", "\"\\q\",".repeat(n))),
        ("arrays", format!("a = {}", "[".repeat(n))),
        ("tables", format!("a = {}", "{a=".repeat(n))),
        ("dots", format!("{} = 1", vec!["a"; n].join("."))),
        ("headers", format!("[{}]", vec!["a"; n].join("."))),
    ] {
        assert!(outcome(name, &text).is_err(), "{name}");
    }
}

#[test]
fn rules_for_the_same_prefixes() {
    let n = 60_000;
    let shapes = [
        (
            "the same",
            many(n, "\n", |k| {
                format!(
                    "[[sources]]\nfrom = ['10.0.0.0/8']\nblock = true\nuntil = 2027-06-01T00:00:{:02}Z",
                    k % 60
                )
            }),
        ),
        (
            "nested",
            many(n, "\n", |k| {
                format!(
                    "[[sources]]\nfrom = ['2001:db8::/{}']\nblock = true\nuntil = 2027-06-01T00:00:{:02}Z",
                    32 + k % 96,
                    k % 60
                )
            }),
        ),
    ];
    for (name, text) in shapes {
        assert!(outcome(name, &text).is_err(), "{name}");
    }
}
