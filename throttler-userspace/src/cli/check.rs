//! `throttler check`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Common;
use super::failure::{Failure, Status};
use crate::compile::{self, Description, LimitDescription, ScopeKind};
use crate::config;
use crate::daemon::outbox;
use crate::kernel::monotonic;
use crate::kernel::tables::Tables;
use crate::report::Table;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The policy file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print a systemd drop-in instead, with the memory that the daemon may take under this policy
    #[arg(long)]
    systemd: bool,
    /// Interfaces that the daemon is to protect, for --systemd
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024), requires = "systemd")]
    interfaces: u64,
}

/// What the daemon takes whatever the policy, and 200,000 bans by operators: 1 KiB each, in maps and daemon.
const OWN: u64 = 256 << 20;
/// What the daemon takes of a prefix while it compiles a policy; measured are 300 bytes, with a million.
const PREFIX: u64 = 512;

pub(super) fn check(common: &Common, args: &CheckArgs) -> Result<()> {
    let bad = |message: String| Failure::new(Status::BadPolicy, message);
    let config = config::load(&args.file)
        .map_err(|error| bad(error.render(common.color.on_stderr()).trim_end().to_owned()))?;
    for warning in &config.warnings {
        eprintln!("{warning}");
    }
    for notify in &config.notify {
        for fault in outbox::faults(notify) {
            eprintln!("{}: notify `{}`: {fault}", notify.origin, notify.name);
        }
    }
    let policy = compile::compile(&config, None, monotonic::now())
        .map_err(|error| bad(format!("{}: {error}", args.file.display())))?;
    let mut out = io::stdout().lock();
    let description = &policy.description;
    let sources = u64::from(config.max_sources);
    let memory = Tables::memory(sources, policy.classes.len() as u64);
    if args.systemd {
        return Ok(drop_in(
            &mut out,
            args,
            memory,
            description.prefixes as u64,
        )?);
    }
    writeln!(
        out,
        "{}: valid; scopes {}, plans {}, source prefixes {}; mode {}",
        args.file.display(),
        config.scopes.len(),
        config.plans.len(),
        description.prefixes,
        description.mode,
    )?;
    limits(&mut out, description)?;
    for scope in description.scopes.iter().filter(|s| s.reserved != 0) {
        writeln!(
            out,
            "{}: {} % of the limits of all sources together is kept for {}",
            scope.name,
            scope.reserved,
            scope.protected.join(", "),
        )?;
    }
    match &description.abuse {
        Some(abuse) => writeln!(out, "bans: {abuse}")?,
        None => writeln!(out, "bans: by hand alone")?,
    }
    for notify in &config.notify {
        writeln!(out, "notify: {}", outbox::described(notify))?;
    }
    writeln!(
        out,
        "map memory: {} MiB an interface, room for {sources} sources of each family",
        memory.div_ceil(1 << 20),
    )?;
    Ok(())
}

/// Maps are charged to the cgroup of whoever makes them (since Linux 5.11), and twice while a table changes its size.
fn drop_in(out: &mut impl Write, args: &CheckArgs, maps: u64, prefixes: u64) -> io::Result<()> {
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let most = 2 * maps * args.interfaces + PREFIX * prefixes + OWN;
    writeln!(
        out,
        "# {}, interfaces: {}. Maps of {} MiB each, twice where a table changes its size; {} MiB for the daemon.",
        args.file.display(),
        args.interfaces,
        mib(maps),
        mib(most) - mib(2 * maps * args.interfaces),
    )?;
    writeln!(out, "[Service]\nMemoryMax={}M", mib(most))
}

fn limits(out: &mut impl Write, description: &Description) -> Result<()> {
    let mut table = Table::new(&["scope", "plan", "limit", "unit", "rate", "burst"]);
    let mut add = |scope: &str, plan: &str, limits: &[LimitDescription]| {
        if limits.is_empty() {
            table.row(vec![
                scope.to_owned(),
                plan.to_owned(),
                "unlimited".to_owned(),
            ]);
        }
        for limit in limits {
            table.row(vec![
                scope.to_owned(),
                plan.to_owned(),
                limit.name.clone(),
                limit.unit.clone(),
                limit.rate.clone(),
                limit.burst.to_string(),
            ]);
        }
    };
    for scope in description
        .scopes
        .iter()
        .filter(|s| s.kind != ScopeKind::Retired)
    {
        add(&scope.name, "-", &scope.limits);
        for plan in &description.plans {
            if plan.overrides.iter().any(|set| set.scope == scope.name) {
                add(&scope.name, &plan.name, description.limits(scope, plan.id));
            }
        }
        if !scope.global.is_empty() {
            add(&scope.name, "all together", &scope.global);
        }
    }
    table.print(out)?;
    Ok(())
}
