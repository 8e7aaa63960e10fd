//! The policies that frames are decided by and that maps hold.

use std::path::Path;
use std::sync::OnceLock;

use throttler::compile::{PolicyTables, compile};
use throttler::config::{self, Config};

use crate::harness::clock;

#[expect(dead_code, reason = "the differential test uses the rest")]
#[path = "../../differential/policy.rs"]
mod everything;

/// Limits alone, no class of source: what is admitted can be counted without knowing who is who.
const PLAIN: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp", ports = ["443", "8000-8099"] }]
    limits = { packets = { rate = "2/s", burst = 3 }, bytes = { rate = "1k/s", burst = 2000, unit = "bytes" } }
    [scopes.web.global]
    total = { rate = "5/s", burst = 7 }
    [scopes.dns]
    match = [{ protocol = "udp", ports = ["53"] }]
    limits = { bytes = { rate = "0.7k/s", burst = 1300, unit = "bytes" } }
    [scopes.opened]
    match = [{ protocol = "tcp", to = ["198.18.0.0/15", "2001:db8:1ab::/48"] }]
    limits = { opened = { rate = "11/min", unit = "connections" }, packets = { rate = "40/s" } }
    [scopes.default.limits]
    flood = { rate = "9/min" }
    [layers.all]
    scopes = ["web", "dns"]
    [layers.all.limits]
    packets = { rate = "3/s", burst = 4 }
"#;

/// The policy that has everything, the one without classes, the shipped ones and the embedded default.
#[must_use]
pub fn texts() -> Vec<String> {
    let shipped = [
        include_str!("../../../policies/assistant.toml"),
        include_str!("../../../policies/content-platform.toml"),
        include_str!("../../../policies/health-analysis.toml"),
        include_str!("../../../policies/story-generator.toml"),
        include_str!("../../../policies/tenant-plans.toml"),
        include_str!("../../../throttler-userspace/src/default-policy.toml"),
    ];
    let own = [everything::policy(), PLAIN.to_owned()];
    own.into_iter().chain(shipped.map(str::to_owned)).collect()
}

/// All of [`texts`], read and compiled as generation 1.
fn all() -> &'static (Vec<Config>, Vec<PolicyTables>) {
    static ALL: OnceLock<(Vec<Config>, Vec<PolicyTables>)> = OnceLock::new();
    ALL.get_or_init(|| {
        let one = |text: &String| {
            let config = config::parse("policy.toml", text, Path::new(""), clock().wall);
            let config = config.unwrap_or_else(|error| panic!("{error}"));
            let tables = compile(&config, None, clock()).expect("tables that hold the policy");
            (config, tables)
        };
        texts().iter().map(one).unzip()
    })
}

/// One of them, by any number.
pub(crate) fn config(number: usize) -> &'static Config {
    let configs = &all().0;
    &configs[number % configs.len()]
}

/// Their tables.
pub(crate) fn compiled() -> &'static [PolicyTables] {
    &all().1
}
