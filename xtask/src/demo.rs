//! `cargo xtask demo`: five clients, one policy, a line a second, and a check that what was seen is what the policy says.

mod clients;
mod observe;
pub(crate) mod policy;
mod screen;
mod traffic;
mod verdict;

use std::{
    io::{self, StdoutLock, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use throttler_lab::{Daemon, Interrupts, Lab};

use self::{observe::Seen, traffic::Traffic};
use crate::{
    build,
    workspace::{Workspace, is_root},
};

const SECONDS: u32 = 10;
const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    ensure!(
        is_root(),
        "the demo makes network namespaces and attaches an XDP program, which needs root: \
         `sudo -E env \"PATH=$PATH\" cargo xtask demo`"
    );
    let binary = build::throttler(workspace)?;
    throttler_lab::sweep().context("cannot remove what an earlier demo left")?;
    // Only from here on: until then there is nothing to clean up, and Ctrl-C ends cargo as ever.
    let interrupts = Interrupts::listen()?;
    // Its guards are gone when this returns, so what is said below is true.
    let result = show(&binary, &interrupts, &mut io::stdout().lock());
    if interrupts.seen()? {
        bail!("interrupted; the daemon has ended, the namespaces and pins are removed");
    }
    result
}

fn show(binary: &Path, interrupts: &Interrupts, out: &mut StdoutLock<'_>) -> Result<()> {
    let lab = Lab::new("demo")?;
    let traffic = Traffic::new(&lab)?;
    let mut daemon = Daemon::start(&lab, binary, &policy::text(), &["--xdp-mode", "native"])?;
    writeln!(out, "{}", policy::brief())?;
    writeln!(out, "{}", screen::head())?;
    let begin = Instant::now();
    let mut before = Seen::default();
    for second in 1..=SECONDS {
        traffic.second(second)?;
        let seen = observe::settled(&daemon, &lab, traffic.sent())?;
        let line = screen::line(second, &seen.since(&before));
        writeln!(out, "{line}")?;
        out.flush()?;
        before = seen;
        let rest = (SECOND * second).saturating_sub(begin.elapsed());
        if second < SECONDS && interrupts.wait(rest)? {
            bail!("interrupted");
        }
    }
    let elapsed = begin.elapsed();
    writeln!(out, "{}\n", screen::sums(&before))?;
    for command in [
        &["dump", "counters"][..],
        &["dump", "buckets", "--top", "5"],
    ] {
        writeln!(out, "$ throttler {}", command.join(" "))?;
        let output = daemon.cli(command)?;
        ensure!(
            output.status.success(),
            "`throttler {}` failed: {}",
            command.join(" "),
            output.stderr
        );
        writeln!(out, "{}", screen::folded(&output.stdout))?;
    }
    // At its end the daemon writes out what its ring still holds.
    let status = daemon.stop()?;
    ensure!(status.success(), "the daemon ended with {status}");
    writeln!(out, "{}\n", screen::abuse_log(&daemon.stderr_lines()))?;
    let problems = verdict::problems(&before, traffic.received(), elapsed);
    ensure!(
        problems.is_empty(),
        "what was seen contradicts the policy:\n  {}",
        problems.join("\n  ")
    );
    writeln!(out, "{}", verdict::explanation(&before, elapsed))?;
    Ok(())
}
