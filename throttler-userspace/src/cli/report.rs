//! `throttler report`.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use jiff::Timestamp;

use super::Common;
use super::client::Client;
use super::failure::{Failure, Status};
use super::selection::Interfaces;
use crate::replace;
use crate::report;
use crate::report::violations::{self, Ask, By, Found, Kept, Moment, Period, SHOWN};

/// The daemon writes down what it has collected; a slow disk is not waited for longer.
const FLUSH: Duration = Duration::from_secs(10);

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Begin: so long ago (`90min`, `7d`), or an RFC 3339 time. Times are exact to a minute, those of older refusals to an
    /// hour
    #[arg(long, value_parser = Moment::parse, value_name = "WHEN", default_value = "24h")]
    since: Moment,
    /// End, likewise [default: now]
    #[arg(long, value_parser = Moment::parse, value_name = "WHEN")]
    until: Option<Moment>,
    /// Sum up what has these in common [default: a row for each source, scope, plan, limit and reason]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    by: Vec<By>,
    /// The worst so many of each list [default: 20 in tables and pages; all in JSON and CSV]
    #[arg(long, value_parser = top, value_name = "N")]
    top: Option<usize>,
    /// Only sources within (or around) this prefix
    #[arg(long, value_parser = super::cidr, value_name = "CIDR")]
    source: Option<IpNet>,
    /// Only this scope
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Only sources of this plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// How to print it; CSV has the rows alone
    #[arg(
        short,
        long,
        value_enum,
        default_value = "table",
        value_name = "FORMAT"
    )]
    output: Output,
    /// Write it as a page with plots instead: one file that needs nothing else; `-` is standard output
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    html: Option<PathBuf>,
    #[command(flatten)]
    of: Interfaces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Aligned columns for people
    Table,
    /// One document
    Json,
    /// The rows, comma-separated
    Csv,
}

/// How many, and not none.
fn top(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a report of nothing; write 1 or more, or leave it out".to_owned()),
        Ok(top) => Ok(top),
        Err(error) => Err(format!("{error}; write a whole number, such as `--top 10`")),
    }
}

pub(super) fn report(common: &Common, args: ReportArgs) -> Result<()> {
    let period = Period::of(Some(args.since), args.until, Timestamp::now());
    let period = period.map_err(|error| Failure::new(Status::Usage, error))?;
    let shown = match (&args.html, args.output) {
        (Some(_), _) | (None, Output::Table) => Some(SHOWN),
        (None, Output::Json | Output::Csv) => None,
    };
    let ask = Ask {
        period,
        by: args.by,
        top: args.top.or(shown),
        source: args.source,
        scope: args.scope,
        plan: args.plan,
    };
    // What was refused in the last seconds is in the daemon's memory alone.
    if let Err(error) = Client::new(common.socket()).ask_for("/v1/history", FLUSH) {
        log::debug!("the report goes as far as the history is written: {error:#}");
    }
    let ifaces = &args.of.iface;
    let kept = Kept::of(&common.state_dir, ifaces)?;
    if kept.is_empty() {
        log::warn!("{}", nothing(&common.state_dir, ifaces));
    }
    let attached = report::attachments(&common.bpffs, ifaces).unwrap_or_else(|error| {
        log::debug!("without what is near a limit now, and next plans: {error:#}");
        Vec::new()
    });
    let found = violations::gather(ask, &kept, &attached, violations::CELLS)?;
    match &args.html {
        Some(path) => page(path, &found),
        None => print(args.output, &found),
    }
}

fn nothing(state_dir: &Path, ifaces: &[String]) -> String {
    let of = match ifaces {
        [] => String::new(),
        ifaces => format!(" of {}", ifaces.join(", ")),
    };
    format!(
        "no history{of} in {}: a daemon keeps one there while it runs (`throttler run`); if it keeps its state elsewhere, \
         name that with --state-dir",
        state_dir.display()
    )
}

fn print(output: Output, found: &Found) -> Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match output {
        Output::Table => violations::table(&mut out, found)?,
        Output::Json => violations::json(&mut out, found)?,
        Output::Csv => violations::csv(&mut out, found)?,
    }
    out.flush()?;
    Ok(())
}

fn page(path: &Path, found: &Found) -> Result<()> {
    let mut page = Vec::new();
    violations::html(&mut page, found)?;
    if path == Path::new("-") {
        return io::stdout()
            .lock()
            .write_all(&page)
            .context("writing the page");
    }
    replace::file(path, |out| out.write_all(&page)).map_err(|error| {
        anyhow!("writing {} (--html): {error}; see that its directory is there and that you may write to it", path.display())
    })
}
