//! `cargo xtask bench`: what a packet costs, beside the floor of an empty program and beside what
//! Debian ships, in the kernel (`BPF_PROG_TEST_RUN`) and live on a veth pair.
//!
//! Machines are noisy: every case is measured in several rounds that take turns with the others, and the
//! least of them counts. Compare ratios of one run, not times of two.

mod driver;
mod figures;
mod filter;
mod kernel;
mod live;
mod machine;
mod options;
mod packets;
mod policies;
#[path = "../../../throttler-ebpf/src/bench/settings.rs"]
#[expect(dead_code, reason = "some of it is for the programs alone")]
mod settings;
mod subject;
mod sys;

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Context as _, Result, anyhow, bail};
use throttler::kernel::checks;
use throttler_lab::{Interrupts, PinDir};

use crate::driver::Driver;
use crate::figures::targets::{Target, targets};
use crate::figures::{Report, json, markdown, svg};
use crate::kernel::Effort;
use crate::options::{Options, Part};

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    checks::privilege("the benchmark")?;
    throttler_lab::sweep().context("removing what an earlier run left")?;
    // From here on guards remove what is made, also on Ctrl-C.
    let interrupts = Interrupts::listen()?;
    let report = measure(&options, &interrupts)?;
    let targets = targets(&report);
    println!("{}", markdown::render(&report, &targets));
    match &options.out {
        Some(dir) => write(dir, &report, &targets),
        None => Ok(()),
    }
}

fn measure(options: &Options, interrupts: &Interrupts) -> Result<Report> {
    let pins = PinDir::new()?;
    let driver = Driver::load(&pins)?;
    let effort = Effort::of(options);
    let mut found = kernel::Found::default();
    if options.wants(Part::Datapath) {
        // A thread of its own: it keeps to a CPU, and what is started later must not.
        found = thread::scope(|scope| {
            let part = scope.spawn(|| kernel::measure(&driver, &pins, effort, interrupts));
            part.join()
                .map_err(|_| anyhow!("the measuring thread panicked"))?
        })?;
    }
    let mut seen = live::Seen::default();
    if options.wants(Part::Live) {
        seen = live::measure(&driver, &pins, options.quick, interrupts)?;
    }
    let rounds = format!(
        "Least of {} rounds of {} packets a case, the cases taking turns",
        effort.rounds,
        figures::format::thousands(effort.packets.into())
    );
    found.facts.extend(seen.facts);
    Ok(Report {
        machine: machine::here(options, rounds),
        costs: found.costs,
        live: seen.rows,
        loads: seen.loads,
        published: found.published,
        facts: found.facts,
    })
}

fn write(dir: &Path, report: &Report, targets: &[Target]) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    for (name, text) in [
        ("results.md", markdown::render(report, targets)),
        ("results.json", json::render(report, targets)),
        ("results.svg", svg::render(report)),
    ] {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    }
    eprintln!("bench: results are in {}", dir.display());
    Ok(())
}

/// Ends the run in order where Ctrl-C was pressed.
fn interrupted(interrupts: &Interrupts) -> Result<()> {
    if interrupts.seen()? {
        bail!("interrupted; namespaces, pins and programs are removed");
    }
    Ok(())
}
