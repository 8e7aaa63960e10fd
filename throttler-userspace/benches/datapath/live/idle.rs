//! What the daemon takes while nothing happens.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use throttler_lab::{Daemon, Interrupts, Lab};

use super::receiver::cpu_time;
use crate::figures::Fact;
use crate::figures::targets::work::{IDLE_CPU, IDLE_MEMORY};
use crate::subject;

const TIME: Duration = Duration::from_secs(5);

pub(super) fn facts(lab: &Lab, interrupts: &Interrupts) -> Vec<Fact> {
    let [share, memory] = match idle(lab, interrupts) {
        Ok(found) => found.map(Ok),
        Err(error) => [(); 2].map(|()| Err(format!("{error:#}"))),
    };
    let fact = |name, unit, value| Fact { name, unit, value };
    vec![fact(IDLE_CPU, "%", share), fact(IDLE_MEMORY, "MB", memory)]
}

/// Per cent of a core, and megabytes.
fn idle(lab: &Lab, interrupts: &Interrupts) -> Result<[f64; 2]> {
    let daemon = Daemon::start(lab, &subject::binary(), "", &["--xdp-mode", "native"])?;
    let pid = daemon.pid().context("the daemon has ended")?;
    let before = cpu(pid)?;
    interrupts.wait(TIME)?;
    let share = 100.0 * (cpu(pid)? - before).as_secs_f64() / TIME.as_secs_f64();
    Ok([share, resident(pid)?])
}

fn cpu(pid: u32) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        sum += cpu_time(&task?.path().join("schedstat").to_string_lossy())?;
    }
    Ok(sum)
}

/// Megabytes without the kernel's maps, which are mapped and so counted as resident where they are read.
fn resident(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let (mut kilobytes, mut is_map) = (0.0, false);
    for line in text.lines() {
        if let Some(rss) = line.strip_prefix("Rss:") {
            let rss: f64 = rss.trim().trim_end_matches(" kB").parse()?;
            kilobytes += if is_map { 0.0 } else { rss };
        } else if line
            .split(' ')
            .next()
            .is_some_and(|range| range.contains('-'))
        {
            // The first line of a mapping: its addresses, and its file at the end.
            is_map = line.contains("bpf-map");
        }
    }
    anyhow::ensure!(kilobytes > 0.0, "no memory in the daemon's smaps");
    Ok(kilobytes * 1024.0 / 1e6)
}
