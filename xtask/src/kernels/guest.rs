//! A kernel under qemu: booted, given a deadline, and what it said.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use super::{debian::Image, initramfs, is_supported, programs::Programs};
use crate::setup::apt;

/// A package, and a file by which it is known to be there.
const PACKAGES: [(&str, &str); 2] = [
    ("qemu-system-x86", "/usr/bin/qemu-system-x86_64"),
    ("busybox-static", "/usr/bin/busybox"),
];
/// Boots of a guest at most.
const BOOTS: usize = 3;
/// Lines of a console that are shown where something went wrong.
const TAIL: usize = 60;

pub(super) fn install_missing() -> Result<()> {
    let missing: Vec<String> = PACKAGES
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(package, _)| (*package).to_owned())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    // An index may be there, may be old, may not be there at all.
    apt::install(&missing).or_else(|_| {
        apt::update()?;
        apt::install(&missing)
    })
}

/// A guest that can be booted.
pub(super) struct Guest {
    kernel: PathBuf,
    initramfs: PathBuf,
    console: PathBuf,
    report: PathBuf,
}

/// What is left of one.
pub(super) struct Ended {
    /// Lines of JSON.
    pub(super) report: String,
    /// The end of what it printed.
    pub(super) console: String,
    /// It hung, and was killed.
    pub(super) late: bool,
}

impl Ended {
    /// Whether the kernel panicked while it booted: where qemu emulates two processors, one may run into code that the other
    /// is just patching (seen in 6.12: `int3` in `sched_clock_cpu`).
    fn died_booting(&self) -> bool {
        let console = &self.console;
        self.report.trim().is_empty()
            && console.contains("Kernel panic")
            && console.contains("PID: 1 Comm: swapper/")
    }
}

impl Guest {
    pub(super) fn prepare(work: &Path, image: &Image, programs: &Programs) -> Result<Self> {
        let kernel = initramfs::search(&image.root, &|name| name.starts_with("vmlinuz"));
        let arguments = smoke_arguments(&image.release);
        let root = work.join("guest");
        Ok(Self {
            kernel: kernel.with_context(|| format!("{} holds no kernel", image.root.display()))?,
            initramfs: initramfs::build(&root, image, programs, arguments)?,
            console: work.join(format!("{}.console", image.release)),
            report: work.join(format!("{}.report", image.release)),
        })
    }

    /// Boots it and waits for the end; again where its kernel died before anything of ours ran.
    pub(super) fn run(&self, deadline: Duration) -> Result<Ended> {
        for _ in 1..BOOTS {
            let ended = self.boot(deadline)?;
            if !ended.died_booting() {
                return Ok(ended);
            }
            println!("kernels: the guest's kernel died before its first process: booting it again");
        }
        self.boot(deadline)
    }

    fn boot(&self, deadline: Duration) -> Result<Ended> {
        let file = |path: &Path| format!("file:{}", path.display());
        let child = Command::new("qemu-system-x86_64")
            // An emulated processor that can do what qemu can emulate; a panic ends the guest.
            .args([
                "-accel",
                "tcg",
                "-cpu",
                "max",
                "-smp",
                "2",
                "-m",
                "1024",
                "-no-reboot",
            ])
            .args(["-display", "none", "-monitor", "none", "-nic", "none"])
            .args([
                "-serial",
                &file(&self.console),
                "-serial",
                &file(&self.report),
            ])
            .arg("-kernel")
            .arg(&self.kernel)
            .arg("-initrd")
            .arg(&self.initramfs)
            .args(["-append", "console=ttyS0 quiet panic=-1"])
            .stdin(Stdio::null())
            .spawn()
            .context("cannot start qemu-system-x86_64")?;
        let late = !Running(child).ends_within(deadline)?;
        let read = |path: &Path| {
            let bytes =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok::<_, anyhow::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        Ok(Ended {
            report: read(&self.report)?,
            console: tail(&read(&self.console)?),
            late,
        })
    }
}

/// What the smoke test is to do on a release: everything, or, below the lowest kernel, to see that it is refused.
pub(super) fn smoke_arguments(release: &str) -> &'static [&'static str] {
    if is_supported(release) {
        &["--nocapture"]
    } else {
        &["--nocapture", "--ignored", "refused::"]
    }
}

/// A qemu that does not outlive us.
struct Running(Child);

impl Running {
    fn ends_within(&mut self, deadline: Duration) -> Result<bool> {
        let end = Instant::now() + deadline;
        loop {
            if self.0.try_wait().context("cannot wait for qemu")?.is_some() {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail where it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tail(console: &str) -> String {
    let lines: Vec<&str> = console
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hangs_is_ended_and_said_to_be_late() {
        let begin = Instant::now();
        let sleep = Command::new("sleep").arg("600").spawn().expect("sleep");
        let mut running = Running(sleep);
        assert!(!running.ends_within(Duration::ZERO).expect("a wait"));
        drop(running);
        assert!(begin.elapsed() < Duration::from_secs(300), "it was killed");
        let mut over = Running(Command::new("true").spawn().expect("true"));
        assert!(over.ends_within(Duration::from_secs(600)).expect("a wait"));
    }

    #[test]
    fn an_old_kernel_is_asked_for_its_refusal_alone() {
        assert!(smoke_arguments("5.10.0-1-cloud-amd64").contains(&"refused::"));
        assert_eq!(smoke_arguments("6.1.0-1-cloud-amd64"), ["--nocapture"]);
    }

    #[test]
    fn only_a_kernel_that_never_ran_us_is_booted_again() {
        let panic = "CPU: 1 PID: 1 Comm: swapper/0 Not tainted\nKernel panic - not syncing\n";
        let ended = |report: &str, console: &str| Ended {
            report: report.to_owned(),
            console: console.to_owned(),
            late: false,
        };
        assert!(ended("", panic).died_booting());
        assert!(!ended("{\"steps_throttler\":1}", panic).died_booting());
        let ours = panic.replace("swapper/0", "smoke");
        assert!(!ended("", &ours).died_booting());
        assert!(!ended("", "CPU: 1 PID: 1 Comm: swapper/0 BUG\n").died_booting());
    }
}
