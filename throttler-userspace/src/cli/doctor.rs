//! `throttler doctor`.

use std::io::Write;

use anyhow::Result;
use clap::Args;

use super::Common;
use super::failure::{Failure, Status};
use super::selection::Selection;
use crate::doctor::{self, Finding, Level};
use crate::report::{self, Format};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    selection: Selection,
}

pub(super) fn doctor(common: &Common, args: &DoctorArgs) -> Result<()> {
    let ifaces = &args.selection.of.iface;
    let findings = doctor::examine(&common.bpffs, &common.state_dir, ifaces)?;
    let mut out = std::io::stdout().lock();
    match args.selection.output {
        Format::Table => text(&mut out, &findings)?,
        format => report::json(&mut out, format, "findings", &findings)?,
    }
    let failed: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.level == Level::Fail)
        .map(|finding| finding.check)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let message = format!(
        "not in order: {}; see the findings for the mend",
        failed.join(", ")
    );
    Err(Failure::new(Status::Runtime, message).into())
}

/// One line a finding, grouped by interface, and under it the mend.
fn text(out: &mut impl Write, findings: &[Finding]) -> Result<()> {
    let width = findings
        .iter()
        .map(|one| one.check.len())
        .max()
        .unwrap_or(0);
    let mut of: Option<&Option<String>> = None;
    for finding in findings {
        if of != Some(&finding.iface) {
            let name = finding.iface.as_deref().unwrap_or("this host");
            writeln!(out, "{}", report::harmless(name.to_owned()))?;
            of = Some(&finding.iface);
        }
        let found = report::harmless(finding.found.clone());
        writeln!(
            out,
            "  {:<4}  {:<width$}  {found}",
            finding.level.as_str(),
            finding.check
        )?;
        if let Some(mend) = &finding.mend {
            writeln!(out, "  {:<4}  {:<width$}  -> {mend}", "", "")?;
        }
    }
    Ok(())
}
