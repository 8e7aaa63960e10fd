//! `throttler dump`.

use std::io::{BufWriter, Write as _};

use anyhow::Result;
use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::Common;
use super::selection::Selection;
use crate::kernel::checks;
use crate::report::{self, BucketFilter};

/// Arguments of `dump`.
#[derive(Debug, Args)]
pub struct DumpArgs {
    /// What to print
    #[arg(value_enum)]
    what: What,
    /// Buckets, bans and sources: only those within (or around) this prefix
    #[arg(long, value_parser = super::cidr, value_name = "CIDR")]
    source: Option<IpNet>,
    /// Buckets, bans and sources: only the first so many (buckets: the most dropped; bans: the most often banned)
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// Packets and bytes by scope and reason, since attach
    Counters,
    /// Every source's limits: what is left, when it is full again
    Buckets,
    /// Scopes and layers of the policy in force
    Scopes,
    /// Plans of the policy in force
    Plans,
    /// Source prefixes that have a class
    Sources,
    /// Who is banned now, for how long and why
    Bans,
}

pub(super) fn dump(common: &Common, args: &DumpArgs) -> Result<()> {
    checks::privilege("dump")?;
    let attached = report::attachments(&common.bpffs, &args.selection.of.iface)?;
    // Large documents come in pieces of their own size; this is for the small ones.
    let mut out = BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    let format = args.selection.output;
    let filter = BucketFilter {
        source: args.source,
        top: args.top,
    };
    match args.what {
        What::Counters => report::counters(&mut out, &attached, format)?,
        What::Buckets => report::buckets(&mut out, &attached, &filter, format)?,
        What::Scopes => report::scopes(&mut out, &attached, format)?,
        What::Plans => report::plans(&mut out, &attached, format)?,
        What::Sources => report::sources(&mut out, &attached, args.source, args.top, format)?,
        What::Bans => report::bans(&mut out, &attached, &common.state_dir, &filter, format)?,
    }
    out.flush()?;
    Ok(())
}
