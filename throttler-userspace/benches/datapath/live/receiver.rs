//! The receiving side's CPU: threaded NAPI puts all of it into one kernel thread, which can be kept on a
//! CPU of its own and whose time the kernel counts.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use throttler_lab::Lab;
use throttler_lab::topology::SERVER_IFACE;

const CPU: &str = "1";
const LIMIT: Duration = Duration::from_secs(2);

/// The threads that poll the server's interface.
pub(super) struct Receiver {
    threads: Vec<u32>,
}

impl Receiver {
    /// To be called once the interface polls, that is with an XDP program on it, or GRO.
    pub(super) fn settle(lab: &Lab) -> Result<Self> {
        // `ip netns exec` mounts the namespace's own /sys.
        let write = format!("echo 1 > /sys/class/net/{SERVER_IFACE}/threaded");
        let mut ip = Command::new("ip");
        ip.args(["netns", "exec", lab.server().name(), "sh", "-c", &write]);
        said(&mut ip).context("making the server's interface poll in a thread")?;
        let end = Instant::now() + LIMIT;
        let threads = loop {
            let found = polling()?;
            if !found.is_empty() {
                break found;
            }
            ensure!(Instant::now() < end, "no thread polls {SERVER_IFACE}");
            thread::sleep(Duration::from_millis(5));
        };
        for thread in &threads {
            let mut taskset = Command::new("taskset");
            said(taskset.args(["-pc", CPU, &thread.to_string()]))?;
        }
        Ok(Self { threads })
    }

    /// Time on the CPU so far.
    pub(super) fn cpu(&self) -> Result<Duration> {
        let times = self
            .threads
            .iter()
            .map(|thread| cpu_time(&format!("/proc/{thread}/schedstat")));
        times.sum()
    }
}

/// Time on the CPU of a task, from its `schedstat`: time on the CPU, time waiting, slices
/// (Documentation/scheduler/sched-stats.rst).
pub(super) fn cpu_time(path: &str) -> Result<Duration> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
    let nanos = text
        .split_whitespace()
        .next()
        .context("an empty schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// The kernel names such a thread `napi/<interface>-<id>`, cut off at 15 bytes.
fn polling() -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name.starts_with(&format!("napi/{SERVER_IFACE}")) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn said(command: &mut Command) -> Result<()> {
    let output = throttler_lab::run(command, LIMIT)?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        output.stderr.trim()
    );
    Ok(())
}
