//! What `GET /v1/sources/{addr}` costs over the control socket: answers a second for each second of processor time that the
//! daemon used, and how long a client waits.
//!
//! The daemon is the one that is shipped, on a veth, with 100,000 sources in its table and 10,000 prefixes in its policy;
//! clients are threads of this process, which share the machine's CPUs with it. `-- --binary FILE` measures another
//! version's as well, `-- --out FILE` writes the table.

mod client;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use throttler::kernel::pins::Pins;
use throttler::kernel::{publish, tables::Tables};
use throttler_common::class::tag;
use throttler_lab::topology::{SERVER_IFACE, SERVER_V4};
use throttler_lab::{Daemon, Injector, Lab, daemon::Reload, frames};

use self::client::{Load, Measured};

#[path = "../../../tests/end_to_end/crowd.rs"]
#[expect(dead_code, reason = "the tests check what was dumped")]
mod crowd;

const SOURCES: usize = 100_000;
const PREFIXES: u32 = 10_000;
const MANY: u32 = 1_000_000;
const LASTS: Duration = Duration::from_secs(5);

const POLICY: &str = r#"
[throttler]
max_sources = 262144
[layers.address]
scopes = ["api", "auth"]
[layers.address.limits]
hourly = { rate = "200/hour", unit = "connections" }
[scopes.api]
match = [{ protocol = "tcp", ports = ["443", "8000-8099"] }]
[scopes.api.limits]
burst = { rate = "10/min", unit = "connections" }
sustained = { rate = "100/hour", unit = "connections" }
daily = { rate = "500/day", unit = "connections" }
[scopes.auth]
match = [{ protocol = "tcp", ports = [8443] }]
[scopes.auth.limits]
burst = { rate = "5/min", unit = "connections" }
[scopes.dns]
match = [{ protocol = "udp", ports = [53] }]
[scopes.dns.limits]
flood = { rate = "100/s" }
volume = { rate = "10k/s", unit = "bytes" }
[plans.pro.api]
burst = "100/min"
sustained = "2000/hour"
[plans.enterprise]
api = "unlimited"
[[sources]]
file = "partners.txt"
plan = "pro"
"#;

struct Options {
    binaries: Vec<(String, PathBuf)>,
    out: Option<PathBuf>,
}

fn options() -> Result<Options> {
    let mut binaries = Vec::new();
    let mut out = None;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--binary" => {
                let path = args.next().context("--binary takes a file")?;
                binaries.push(("before".to_owned(), path.into()));
            }
            "--out" => out = Some(args.next().context("--out takes a file")?.into()),
            other => bail!("`{other}`: there is --binary FILE and --out FILE"),
        }
    }
    let ours = Path::new(env!("CARGO_BIN_EXE_throttler")).to_owned();
    binaries.push(("now".to_owned(), ours));
    Ok(Options { binaries, out })
}

fn main() -> Result<()> {
    throttler_lab::require_root()?;
    let options = options()?;
    let mut text = String::from(
        "| version | case | answers | answers / s of the daemon's CPU | p50, µs | p99, µs | p99.9, µs | longest, ms |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for (version, binary) in &options.binaries {
        measure(version, binary, &mut text)?;
    }
    println!("{text}");
    if let Some(out) = options.out {
        let head = format!(
            "# `GET /v1/sources/{{addr}}`\n\nMade by `cargo bench -p throttler-userspace --bench sources`, on {} CPUs which \
             the clients, and whatever else ran there, shared with the daemon. Compare the lines with each other, not with \
             those of another machine.\n\n",
            thread::available_parallelism()?
        );
        fs::write(out, head + &text)?;
    }
    Ok(())
}

fn measure(version: &str, binary: &Path, text: &mut String) -> Result<()> {
    let lab = Lab::new("bench-sources")?;
    // The list lies beside the policy, in a directory that the daemon's guard makes.
    let (scopes, _) = POLICY.split_once("[[sources]]").context("no sources")?;
    let mut daemon = Daemon::start(&lab, binary, scopes, &[])?;
    list(&daemon, PREFIXES)?;
    daemon.rewrite_policy(POLICY)?;
    ensure!(matches!(daemon.reload()?, Reload::Applied(_)));
    fill(&daemon)?;
    let process = daemon.pid().context("no daemon")?;
    let socket = daemon.socket();
    let mut row = |case: &str, measured: &Measured| -> Result<()> {
        let [middle, most, nearly, longest] =
            [0.5, 0.99, 0.999, 1.0].map(|part| measured.waited(part).as_secs_f64() * 1e6);
        writeln!(
            text,
            "| {version} | {case} | {} | {:.0} | {middle:.0} | {most:.0} | {nearly:.0} | {:.1} |",
            measured.answers(),
            measured.answers() as f64 / measured.used.as_secs_f64(),
            longest / 1e3
        )?;
        eprintln!("{}", text.lines().last().unwrap_or_default());
        Ok(())
    };
    for connections in [1, 4, 16] {
        let load = Load::start(&socket, process, connections, "?port=443&proto=tcp")?;
        thread::sleep(LASTS);
        row(
            &format!("one scope, {connections} connections"),
            &load.end()?,
        )?;
    }
    let load = Load::start(&socket, process, 1, "")?;
    thread::sleep(LASTS);
    row("all scopes, 1 connections", &load.end()?)?;
    let load = Load::start(&socket, process, 4, "?port=443&proto=tcp")?;
    flood(&lab)?;
    row("4 connections, in a flood", &load.end()?)?;
    list(&daemon, MANY)?;
    let load = Load::start(&socket, process, 4, "?port=443&proto=tcp")?;
    let reloaded = daemon.reload();
    let measured = load.end()?;
    ensure!(matches!(reloaded?, Reload::Applied(_)));
    row(
        "4 connections, in a reload of 1,000,000 prefixes",
        &measured,
    )
}

/// The policy's list file.
fn list(daemon: &Daemon, prefixes: u32) -> Result<()> {
    let mut text = String::new();
    for number in 0..prefixes {
        let base = 0x1400_0000 + number * 256;
        writeln!(text, "{}/24", std::net::Ipv4Addr::from_bits(base))?;
    }
    fs::write(daemon.policy_path().with_file_name("partners.txt"), text)?;
    Ok(())
}

fn fill(daemon: &Daemon) -> Result<()> {
    let tables = Tables::open(&Pins::of(daemon.bpffs(), SERVER_IFACE).dir)?;
    let description = publish::description(&tables)?.context("a policy")?;
    let scope = description.scopes.iter().find(|scope| scope.name == "api");
    let crowd = crowd::Crowd {
        sources: SOURCES,
        scope: scope.context("the scope")?.id,
        tag: tag(description.generation),
    };
    ensure!(crowd.fill(&tables).len() == SOURCES);
    Ok(())
}

/// Ever new sources, as fast as one CPU sends them, for a while.
fn flood(lab: &Lab) -> Result<()> {
    let injector = Injector::new(lab)?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sends = scope.spawn(|| -> Result<()> {
            let mut number = 0x3000_0000_u32;
            while !over.load(Ordering::Relaxed) {
                let frames: Vec<_> = (0..256)
                    .map(|_| {
                        number = number.wrapping_add(1);
                        let from = std::net::Ipv4Addr::from_bits(number).into();
                        frames::udp(from, SERVER_V4.into(), 1024, 53, 18)
                    })
                    .collect();
                injector.send_many(frames)?;
            }
            Ok(())
        });
        thread::sleep(LASTS);
        over.store(true, Ordering::Relaxed);
        sends
            .join()
            .map_err(|_| anyhow::anyhow!("the flood panicked"))?
    })
}
