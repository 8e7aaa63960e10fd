//! Milliseconds of `throttler dump` over a table of a million sources: the command as it is shipped, from its
//! start to its end, into `/dev/null` and into a file; and of one look of `throttler top`, and of the lookout.
//!
//! Machines are noisy: the least of several rounds counts, and the processor time beside it says what is the
//! command's own.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use throttler::kernel::pins::Pins;
use throttler::kernel::{publish, tables::Tables};
use throttler::report::{Live, Query, SHOWN, View, clock};
use throttler_common::class::tag;
use throttler_lab::topology::SERVER_IFACE;
use throttler_lab::{Daemon, Lab};

#[path = "../../tests/end_to_end/crowd.rs"]
#[expect(dead_code, reason = "the tests check what was dumped")]
mod crowd;

const SOURCES: usize = 1_000_000;
const ROUNDS: usize = 5;
const POLICY: &str = r#"
[throttler]
max_sources = 1000000
[scopes.api]
match = [{ protocol = "tcp", ports = ["443"] }]
[scopes.api.limits]
burst = { rate = "1000/hour", unit = "connections" }
daily = { rate = "10000/day", unit = "connections" }
[plans.pro.api]
burst = "2000/hour"
[[sources]]
from = ["10.0.0.0/12"]
plan = "pro"
"#;

fn main() -> Result<()> {
    throttler_lab::require_root()?;
    let lab = Lab::new("bench-dump")?;
    let mut daemon = Daemon::start(
        &lab,
        Path::new(env!("CARGO_BIN_EXE_throttler")),
        POLICY,
        &[],
    )?;
    let tables = Tables::open(&Pins::of(daemon.bpffs(), SERVER_IFACE).dir)?;
    let description = publish::description(&tables)?.context("a policy")?;
    let scope = description.scopes.iter().find(|scope| scope.name == "api");
    let crowd = crowd::Crowd {
        sources: SOURCES,
        scope: scope.context("the scope")?.id,
        tag: tag(description.generation),
    };
    ensure!(crowd.fill(&tables).len() == SOURCES);
    println!("`throttler dump` of {SOURCES} sources, least of {ROUNDS} rounds");
    println!();
    println!("| dump | /dev/null, ms | CPU, ms | file, ms | MB |");
    println!("|---|--:|--:|--:|--:|");
    let file = tempfile::NamedTempFile::new()?;
    let all: &[(&str, &[&str])] = &[
        ("counters", &["counters", "-o", "json"]),
        ("buckets, json", &["buckets", "-o", "json"]),
        ("buckets, jsonl", &["buckets", "-o", "jsonl"]),
        ("buckets, table", &["buckets"]),
        ("buckets, --top 10", &["buckets", "--top", "10"]),
        ("buckets, --source", &["buckets", "--source", "10.0.1.2"]),
        ("bans", &["bans", "-o", "json"]),
    ];
    for (name, args) in all {
        measure(&daemon, name, args, file.path())?;
    }
    looks(&daemon)?;
    sweeps(&daemon, "the lookout, a look")?;
    // Every class has to be looked up again, and every bucket converted.
    daemon.rewrite_policy(&POLICY.replace("1000/hour", "1100/hour"))?;
    daemon.reload()?;
    measure(
        &daemon,
        "buckets, json, after a reload",
        &["buckets", "-o", "json"],
        file.path(),
    )?;
    sweeps(&daemon, "the lookout, a look after a reload")
}

fn measure(daemon: &Daemon, name: &str, args: &[&str], file: &Path) -> Result<()> {
    let least = |path: &Path| -> Result<[u128; 2]> {
        let mut least = [u128::MAX; 2];
        for _ in 0..ROUNDS {
            let out = File::create(path)?;
            let mut command = daemon.cli_command(&[&["dump"], args].concat());
            let (started, used) = (Instant::now(), children_ms()?);
            let status = command.stdout(Stdio::from(out)).status()?;
            let took = [started.elapsed().as_millis(), children_ms()? - used];
            least = std::array::from_fn(|index| least[index].min(took[index]));
            ensure!(status.success(), "{args:?}: {status}");
        }
        Ok(least)
    };
    let ([null, cpu], [kept, _]) = (least(Path::new("/dev/null"))?, least(file)?);
    let size = std::fs::metadata(file)?.len() as f64 / 1e6;
    println!("| {name} | {null} | {cpu} | {kept} | {size:.1} |");
    Ok(())
}

/// One look of `throttler top` after the other, as its thread does.
fn looks(daemon: &Daemon) -> Result<()> {
    let mut live = Live::open(daemon.bpffs(), &[])?;
    let mut took = Vec::new();
    for _ in 0..=2 * ROUNDS {
        let started = Instant::now();
        let found = live.look(&Query::default(), |_| true)?;
        took.push(started.elapsed().as_millis());
        ensure!(found.matching == SOURCES as u64 && found.sources.len() == SHOWN);
    }
    let (first, rest) = (took.remove(0), took.iter().min().copied().unwrap_or(0));
    println!("| top, the first look | {first} | | | |");
    println!("| top, a look | {rest} | | | |");
    Ok(())
}

/// One look of the lookout for sources that have nearly used a long limit up, on one CPU.
fn sweeps(daemon: &Daemon, name: &str) -> Result<()> {
    let view = View::open(daemon.bpffs(), SERVER_IFACE)?;
    let mut view = view.context("an interface")?;
    let mut least = u128::MAX;
    for _ in 0..ROUNDS {
        view.at(clock());
        let (started, mut near) = (Instant::now(), 0_u64);
        view.near(|_| near += 1);
        least = least.min(started.elapsed().as_millis());
        std::hint::black_box(near);
    }
    println!("| {name} | {least} | | | |");
    Ok(())
}

/// Processor time of all children that ended, from proc(5): ticks of 10 ms, user's and kernel's.
fn children_ms() -> Result<u128> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Behind the name, which may hold spaces, the state is the third field.
    let (_, rest) = stat.rsplit_once(") ").context("no name")?;
    let ticks = rest.split(' ').skip(13).take(2).map(str::parse::<u128>);
    Ok(ticks.sum::<Result<u128, _>>()? * 10)
}
