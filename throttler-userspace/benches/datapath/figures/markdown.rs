//! The report as a page for people.

pub(crate) mod table;

use self::table::table;
use super::format::{percent, short, thousands};
use super::targets::{Bound, Target};
use super::{Cost, Load, Published, Report};

const INTRODUCTION: &str = "\
Made by `cargo xtask bench`; do not edit. Machines differ and are noisy: compare ratios of one run, never times of
two. *Net* is what a packet costs above the floor, an empty `XDP_DROP` behind the same driver program with the same
draw of sources on as many CPUs.

![Net cost of a packet](results.svg)
";

const LIVE: &str = "\
A veth pair in network namespaces, native XDP. One core sends (live frames of `BPF_PROG_TEST_RUN`, redirected), the
other one receives (threaded NAPI, pinned). *Handled* counts what the receiving side took, whatever it did with it.
*Core* is the share of the receiving core that this took: below 100 %, the sender was the limit, or others had the
core meanwhile. So targets compare packets a core-second, that is handled by core.
";

const LOAD: &str = "\
1,000 sources send 750,000 packets a second between them, in bursts of 64. *Core* is the receiving core's share. The
honest client asks 200 times a second from 100 addresses, each below its limit; a veth's ring of 256 packets and two
cores for everything make what is lost and the longest times noise.
";

pub(crate) fn render(report: &Report, targets: &[Target]) -> String {
    let machine = &report.machine;
    let mut page = format!("# Benchmark\n\n{INTRODUCTION}\n");
    page += &format!(
        "{}, {} cores, Linux {}, {}. {}\n\n## Targets\n\n",
        machine.cpu, machine.cores, machine.kernel, machine.date, machine.effort
    );
    page += &targets_table(targets);
    page += "\n## Cost of a packet\n\n";
    page += &costs(&report.costs);
    page += &format!("\n## Live\n\n{LIVE}\n");
    page += &live(report);
    page += &format!("\n## A flood of a fixed rate\n\n{LOAD}\n");
    page += &loads(&report.loads);
    page += "\n## Publishing a policy\n\nA reload of a policy with as many blocked prefixes, read from a file. *Meanwhile* is a packet's cost on the other\nCPU while that goes on, in times of what it was before.\n\n";
    page += &published(&report.published);
    page += "\n## Other figures\n\n";
    page += &facts(report);
    page
}

pub(crate) fn targets_table(targets: &[Target]) -> String {
    let rows = targets.iter().map(|target| {
        let bound = match target.bound {
            Bound::AtMost(value) => format!("≤ {}", short(value)),
            Bound::AtLeast(value) => format!("≥ {}", short(value)),
        };
        vec![
            target.case.to_owned(),
            target.figure.to_owned(),
            bound,
            target.measured.map_or("–".to_owned(), short),
            match target.reached() {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "not measured",
            }
            .to_owned(),
        ]
    });
    table(
        "lllrl",
        &["case", "figure", "target", "measured", "reached"],
        rows,
    )
}

pub(crate) fn costs(costs: &[Cost]) -> String {
    let rows = costs.iter().map(|cost| {
        let mut row = vec![
            cost.program.to_owned(),
            cost.case.to_owned(),
            format!("IPv{}", cost.family),
            cost.draw.to_string(),
            cost.cpus.to_string(),
        ];
        row.extend(match &cost.nanos {
            Ok([whole, floor]) => [
                whole.to_string(),
                floor.to_string(),
                cost.net().unwrap_or(0).to_string(),
                cost.ratio().map_or_else(String::new, short),
            ],
            Err(reason) => missing(reason),
        });
        row
    });
    let head = [
        "program",
        "case",
        "family",
        "sources",
        "CPUs",
        "ns",
        "floor",
        "net",
        "times the floor",
    ];
    table("lllrrrrrr", &head, rows)
}

fn live(report: &Report) -> String {
    let rows = report.live.iter().map(|row| {
        let mut cells = vec![row.program.to_owned(), row.draw.to_string()];
        cells.extend(match &row.seen {
            Ok(seen) => [
                short(seen.pps / 1e6),
                percent(seen.busy),
                short(1e9 * seen.busy / seen.pps.max(1.0)),
                percent(seen.passed),
            ],
            Err(reason) => missing(reason),
        });
        cells
    });
    let head = [
        "program",
        "sources",
        "handled, Mpps",
        "core",
        "ns of CPU a packet",
        "to the IP layer",
    ];
    table("lrrrrr", &head, rows)
}

pub(crate) fn loads(loads: &[Load]) -> String {
    let rows = loads.iter().map(|row| {
        let mut cells = vec![row.program.to_owned()];
        let time = |time: Option<f64>| time.map_or("–".to_owned(), short);
        cells.extend(match &row.seen {
            Ok(seen) => [
                thousands((seen.pps / 1e3).round() as u64),
                percent(seen.busy),
                time(seen.p50),
                time(seen.p99),
                format!("{} of {}", seen.lost, seen.sent),
            ],
            Err(reason) => missing(reason),
        });
        cells
    });
    let head = [
        "program",
        "handled, kpps",
        "core",
        "honest p50, µs",
        "p99, µs",
        "lost",
    ];
    table("lrrrrr", &head, rows)
}

fn published(published: &[Published]) -> String {
    let rows = published.iter().map(|row| {
        let mut cells = vec![thousands(u64::from(row.prefixes))];
        cells.extend(match &row.seen {
            Ok(times) => [
                short(times.parse),
                short(times.compile),
                short(times.publish),
                short(times.meanwhile),
            ],
            Err(reason) => missing(reason),
        });
        cells
    });
    let head = [
        "prefixes",
        "read, ms",
        "compile, ms",
        "publish, ms",
        "meanwhile",
    ];
    table("rrrrr", &head, rows)
}

fn facts(report: &Report) -> String {
    let rows = report.facts.iter().map(|fact| {
        let value = match &fact.value {
            Ok(value) => format!("{} {}", short(*value), fact.unit),
            Err(reason) => format!("not measured: {reason}"),
        };
        vec![fact.name.to_owned(), value]
    });
    table("lr", &["figure", "value"], rows)
}

/// The cells of a row that could not be measured: the reason, and as many more.
fn missing<const CELLS: usize>(reason: &str) -> [String; CELLS] {
    let mut cells = [const { String::new() }; CELLS];
    cells[0] = format!("not measured: {reason}");
    cells
}
