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
    /// Buckets and sources: only those within (or around) this prefix
    #[arg(long, value_parser = super::cidr, value_name = "CIDR")]
    source: Option<IpNet>,
    /// Buckets and sources: only the first so many (buckets: the most dropped)
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
}

pub(super) fn dump(common: &Common, args: &DumpArgs) -> Result<()> {
    checks::privilege("dump")?;
    let attached = report::attachments(&common.bpffs, &args.selection.of.iface)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    match args.what {
        What::Counters => report::counters(&mut out, &attached, args.selection.output)?,
        What::Buckets => {
            let filter = BucketFilter {
                source: args.source,
                top: args.top,
            };
            report::buckets(&mut out, &attached, &filter, args.selection.output)?;
        }
        What::Scopes => report::scopes(&mut out, &attached, args.selection.output)?,
        What::Plans => report::plans(&mut out, &attached, args.selection.output)?,
        What::Sources => {
            report::sources(
                &mut out,
                &attached,
                args.source,
                args.top,
                args.selection.output,
            )?;
        }
    }
    out.flush()?;
    Ok(())
}
