//! `throttler check`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::Common;
use super::failure::{Failure, Status};
use crate::compile::{self, Description, LimitDescription, ScopeKind};
use crate::config;
use crate::kernel::monotonic;
use crate::kernel::tables::Tables;
use crate::report::Table;

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The policy file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn check(common: &Common, args: &CheckArgs) -> Result<()> {
    let bad = |message: String| Failure::new(Status::BadPolicy, message);
    let config = config::load(&args.file)
        .map_err(|error| bad(error.render(common.color.on_stderr()).trim_end().to_owned()))?;
    for warning in &config.warnings {
        eprintln!("{warning}");
    }
    let policy = compile::compile(&config, None, monotonic::now())
        .map_err(|error| bad(format!("{}: {error}", args.file.display())))?;
    let mut out = std::io::stdout().lock();
    let description = &policy.description;
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
    let sources = u64::from(config.max_sources);
    let memory = Tables::memory(sources, policy.classes.len() as u64);
    writeln!(
        out,
        "map memory: {} MiB an interface, room for {sources} sources of each family",
        memory.div_ceil(1 << 20),
    )?;
    Ok(())
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
