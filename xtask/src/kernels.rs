//! `cargo xtask kernels`: the same smoke test on Debian's kernels under qemu, and on the running one.
//!
//! A kernel that is supported must pass `tests/smoke`; one below the lowest must refuse in words that its test checks.
//! The processor is emulated everywhere: nested machines offer a KVM that does not work.

mod debian;
mod guest;
mod initramfs;
#[path = "../../throttler-userspace/src/kernel/lowest.rs"]
mod lowest;
mod programs;
mod record;
mod verdict;

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::{
    debian::Debian,
    guest::Guest,
    lowest::LOWEST,
    programs::Programs,
    verdict::{Outcome, Verdict},
};
use crate::{
    setup,
    workspace::{Workspace, is_root},
};

/// What a full run tries, beside the running kernel.
const ALL: [&str; 4] = ["5.10", "6.1", "6.12", debian::NEWEST];
/// What CI does; the running kernel is `cargo xtask test`'s. Not 5.10: a suite that Debian may move to its archive any day
/// must not keep everybody's changes out.
const CI: [&str; 2] = ["6.1", "6.12"];
/// Hundreds of times what a guest needs is not waited for.
const DEADLINE: Duration = Duration::from_secs(300);

/// Arguments of `kernels`.
#[derive(Debug, Args)]
pub(crate) struct KernelsArgs {
    /// Only this one, such as `6.1`, `6.12.94`, `newest` (in Debian's backports) or `running`; may be given several
    /// times
    #[arg(long, value_name = "VERSION")]
    kernel: Vec<String>,
    /// The two oldest that are supported, unless others are named, with the binaries of `cargo xtask test`; docs/kernels.* stay as they are
    #[arg(long)]
    ci: bool,
}

const RUNNING: &str = "running";

impl KernelsArgs {
    fn wanted(&self) -> Vec<&str> {
        match (&self.kernel[..], self.ci) {
            ([], true) => CI.to_vec(),
            ([], false) => ALL.into_iter().chain([RUNNING]).collect(),
            (named, _) => named.iter().map(String::as_str).collect(),
        }
    }

    /// A run of some must not take the place of the results that the repository keeps.
    fn is_full(&self) -> bool {
        self.kernel.is_empty() && !self.ci
    }
}

pub(crate) fn command(workspace: &Workspace, args: &KernelsArgs) -> Result<()> {
    ensure!(
        is_root(),
        "the smoke test makes network namespaces and attaches XDP programs, which needs root: \
         `sudo -E env \"PATH=$PATH\" cargo xtask kernels`"
    );
    ensure!(
        cfg!(target_arch = "x86_64"),
        "the guests are x86-64 and run this machine's own programs, which are not"
    );
    eprintln!("{}", setup::run(workspace)?);
    throttler_lab::sweep().context("cannot remove what earlier tests left")?;
    let wanted = args.wanted();
    let emulated: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|one| *one != RUNNING)
        .collect();
    let work = workspace.target.join("kernels");
    fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
    // Two runs at once would tread on each other's guests.
    let _lock = setup::lock(&work.join("lock"))?;
    // First, so that a download that fails is not told after minutes of building.
    let images = if emulated.is_empty() {
        Vec::new()
    } else {
        guest::install_missing()?;
        let debian = Debian::update(&work, &emulated)?;
        let images = emulated.iter().map(|version| debian.image(version));
        images.collect::<Result<_>>()?
    };
    let programs = Programs::build(workspace, !args.ci)?;

    let mut outcomes = Vec::new();
    for image in &images {
        eprintln!(
            "kernels: booting Linux {} ({})",
            image.release, image.version
        );
        let guest = Guest::prepare(&work, image, &programs)?;
        let begin = Instant::now();
        let ended = guest.run(DEADLINE)?;
        outcomes.push(Outcome::of_guest(image, &ended, begin.elapsed()));
    }
    if wanted.contains(&RUNNING) {
        eprintln!("kernels: the running one");
        outcomes.push(Outcome::of_host(&work, &programs)?);
    }
    print!("{}", record::table(&outcomes));
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.verdict == Verdict::Failed)
        .map(|outcome| &*outcome.release)
        .collect();
    ensure!(failed.is_empty(), "not as promised: {}", failed.join(", "));
    if args.is_full() {
        record::write(workspace, &outcomes)?;
    }
    Ok(())
}

/// Whether the smoke test must pass on a release such as `6.1.0-56-cloud-amd64`; below, `throttler run` must refuse.
fn is_supported(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    match (next(), next()) {
        (Some(version), Some(level)) => (version, level) >= LOWEST,
        // Whatever that is, it has to prove itself.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ci_tries_two_supported_kernels_and_a_full_run_one_that_must_refuse() {
        assert!(CI.len() >= 2 && CI.iter().all(|version| is_supported(version)));
        assert!(
            ALL.iter()
                .any(|version| version.contains('.') && !is_supported(version))
        );
        assert!(CI.iter().all(|version| ALL.contains(version)));
        let lowest = format!("{}.{}", LOWEST.0, LOWEST.1);
        assert!(CI.contains(&lowest.as_str()), "the lowest one is tried");
    }

    #[test]
    fn releases_are_compared_by_number() {
        assert!(is_supported("6.1.0-56-cloud-amd64") && is_supported("6.12.1+deb13-cloud-amd64"));
        assert!(is_supported("10.0-rc1") && is_supported("mystery"));
        assert!(!is_supported("5.10.0-46-cloud-amd64") && !is_supported("6.0.12"));
    }
}
