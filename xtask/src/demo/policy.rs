//! The policy of the demo. Its numbers are here once: the file is made of them, and the checks calculate with them.

use std::fmt::Write as _;

/// What a source may send in one scope.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) per_second: u32,
    pub(super) burst: u32,
}

/// A scope of the demo: its name, what it matches, its unit, and what each plan allows.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) name: &'static str,
    matches: &'static str,
    unit: &'static str,
    pub(super) free: Allowance,
    pub(super) pro: Allowance,
}

pub(crate) const WEB_PORT: u16 = 443;
pub(crate) const DNS_PORT: u16 = 53;

/// No bucket is full again within a second, so that a burst each second keeps it empty.
pub(super) const SCOPES: [Scope; 3] = [
    Scope {
        name: "web",
        matches: r#"protocol = "tcp", ports = ["443"]"#,
        unit: "connections",
        free: Allowance {
            per_second: 4,
            burst: 8,
        },
        pro: Allowance {
            per_second: 16,
            burst: 32,
        },
    },
    Scope {
        name: "dns",
        matches: r#"protocol = "udp", ports = ["53"]"#,
        unit: "packets",
        free: Allowance {
            per_second: 20,
            burst: 40,
        },
        pro: Allowance {
            per_second: 80,
            burst: 160,
        },
    },
    Scope {
        name: "ping",
        matches: r#"protocol = "icmp""#,
        unit: "packets",
        free: Allowance {
            per_second: 2,
            burst: 4,
        },
        pro: Allowance {
            per_second: 8,
            burst: 16,
        },
    },
];

const SOURCES: &str = r#"
[[sources]]
from = ["192.0.2.0/24", "2001:db8:f::/48"]
plan = "free"
[[sources]]
from = ["198.51.100.0/24", "2001:db8:a::/48"]
plan = "pro"
[[sources]]
from = ["10.9.0.0/16", "2001:db8:e::/48"]
exempt = true
reason = "staff VPN"
[[sources]]
from = ["203.0.113.66/32", "2001:db8:bad::/48"]
block = true
reason = "credential stuffing"
"#;

/// The policy file.
pub(crate) fn text() -> String {
    let mut text = "[throttler]\nmode = \"enforce\"\nmax_sources = 4096\n".to_owned();
    for scope in &SCOPES {
        let (name, Allowance { per_second, burst }) = (scope.name, scope.free);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "[scopes.{name}]\nmatch = [{{ {} }}]\n[scopes.{name}.limits]\n\
             rate = {{ rate = \"{per_second}/s\", burst = {burst}, unit = \"{}\" }}\n",
            scope.matches, scope.unit
        );
        for (plan, Allowance { per_second, burst }) in [("free", scope.free), ("pro", scope.pro)] {
            let _ = writeln!(
                text,
                "[plans.{plan}.{name}]\nrate = {{ rate = \"{per_second}/s\", burst = {burst} }}"
            );
        }
    }
    text + SOURCES
}

/// The same, for a reader with 80 columns.
pub(super) fn brief() -> String {
    let heads = SCOPES
        .each_ref()
        .map(|scope| format!("{} ({})", scope.name, scope.unit));
    let row = |first: &str, cells: [String; 3]| {
        let cells = cells.map(|cell| format!("{cell:<21}")).concat();
        format!("  {first:<9}{}\n", cells.trim_end())
    };
    let plan = |allowance: fn(&Scope) -> Allowance| {
        SCOPES.each_ref().map(|scope| {
            let Allowance { per_second, burst } = allowance(scope);
            format!("{per_second}/s, burst {burst}")
        })
    };
    [
        "policy: what a source (an IPv4 address, an IPv6 /64) may send; staff is exempt:\n",
        &row("plan", heads),
        &row("free", plan(|scope| scope.free)),
        &row("pro", plan(|scope| scope.pro)),
        "  blocked: 203.0.113.66 and 2001:db8:bad::/48\n",
    ]
    .concat()
}
