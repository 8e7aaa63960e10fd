//! `cargo xtask prove`: what Throttler promises, shown. ARCHITECTURE.md ("What is proven") says what each one assumes.

mod arithmetic;
mod bytes;
mod concurrency;
mod coverage;
mod defects;
mod exactness;
mod floods;
mod privilege;
mod step;
mod survival;

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use self::step::Step;
use crate::{
    setup,
    workspace::{Failed, Workspace, is_root},
};

/// Arguments of `prove`.
#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    /// Which; all but `coverage` and `defects` if none is named
    #[arg(value_enum, value_name = "PROOF")]
    proofs: Vec<Proof>,
    /// As many cases as the claim names, which takes minutes to hours; CI runs the short ones
    #[arg(long)]
    long: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Proof {
    /// Random arrivals, policies and reloads against a slow reference; two CPUs at full speed
    Exactness,
    /// Every interleaving of two and three CPUs on the source table, then two real ones on one set
    Concurrency,
    /// The fixed-point steps for every rate that a policy may name
    Arithmetic,
    /// Any bytes: frames, policies, lists, maps; the program, its core on the host and etherparse agree
    Bytes,
    /// Known sources through floods of spoofed ones, live
    Floods,
    /// The datapath's tests with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON alone
    Privilege,
    /// Kills, reloads and upgrades under a flood, broken pins, interfaces that come and go, live
    Survival,
    /// Which lines of throttler-common and throttler-userspace the tests run
    Coverage,
    /// Deliberate defects, and whether the proofs notice
    Defects,
}

/// How much a proof is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effort {
    /// Minutes, in CI.
    Short,
    /// What the claim names.
    Long,
}

impl Effort {
    /// One of two figures.
    pub(super) fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }
}

impl Proof {
    /// Those that take minutes; the other two build the tree anew.
    const USUAL: [Self; 7] = [
        Self::Exactness,
        Self::Concurrency,
        Self::Arithmetic,
        Self::Bytes,
        Self::Floods,
        Self::Privilege,
        Self::Survival,
    ];

    fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn steps(self, effort: Effort) -> Vec<Step> {
        match self {
            Self::Exactness => exactness::steps(effort),
            Self::Concurrency => concurrency::steps(effort),
            Self::Arithmetic => arithmetic::steps(effort),
            Self::Bytes => bytes::steps(effort),
            Self::Floods => floods::steps(effort),
            Self::Privilege => privilege::steps(effort),
            Self::Survival => survival::steps(effort),
            Self::Coverage => coverage::steps(effort),
            Self::Defects => defects::steps(effort),
        }
    }
}

pub(crate) fn command(workspace: &Workspace, args: &ProveArgs) -> Result<()> {
    ensure!(
        is_root(),
        "the proofs load XDP programs and make network namespaces, which needs root: \
         `sudo -E env \"PATH=$PATH\" cargo xtask prove`"
    );
    eprintln!("{}", setup::run(workspace)?);
    setup::tools::TMUX.install_if_missing();
    setup::tools::CHROMIUM.install_if_missing();
    throttler_lab::sweep().context("cannot remove what earlier tests left")?;
    let effort = if args.long {
        Effort::Long
    } else {
        Effort::Short
    };
    let proofs = if args.proofs.is_empty() {
        &Proof::USUAL[..]
    } else {
        &args.proofs
    };
    let mut failed = Vec::new();
    for proof in proofs {
        let begin = Instant::now();
        let result = proof
            .steps(effort)
            .iter()
            .try_for_each(|step| step.run(workspace, effort));
        let (name, seconds) = (proof.name(), begin.elapsed().as_secs());
        match result {
            Ok(()) => eprintln!("prove: {name} holds ({seconds} s)"),
            // A command has itself said why.
            Err(error) if error.is::<Failed>() => {
                eprintln!("prove: {name} FAILED ({seconds} s)");
                failed.push(name);
            }
            Err(error) => {
                eprintln!("prove: {name} FAILED ({seconds} s): {error:#}");
                failed.push(name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("not proven: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proof_has_steps() {
        for proof in Proof::value_variants() {
            for effort in [Effort::Short, Effort::Long] {
                assert!(!proof.steps(effort).is_empty(), "{proof:?} {effort:?}");
            }
        }
    }
}
