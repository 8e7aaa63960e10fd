//! `throttler pause` and `throttler resume`: the debug switch, one word that the datapath reads.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args;
use throttler_common::abi::active;

use super::Common;
use super::selection::Interfaces;
use crate::kernel::{checks, monotonic};
use crate::report;

/// Arguments of `pause`.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// End by itself after this time (`30s`, `5min`, `1h`); the datapath ends it, also without a daemon
    #[arg(long = "for", value_parser = super::duration, value_name = "TIME")]
    duration: Option<Duration>,
    #[command(flatten)]
    interfaces: Interfaces,
}

/// Arguments of `resume`.
#[derive(Debug, Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    interfaces: Interfaces,
}

pub(super) fn pause(common: &Common, args: &PauseArgs) -> Result<()> {
    let until = args.duration.map_or(u64::MAX, monotonic::after);
    let said = match args.duration {
        Some(duration) => format!("paused for {} s: everything passes", duration.as_secs()),
        None => "paused: everything passes until `throttler resume`".to_owned(),
    };
    set(common, &args.interfaces.iface, until, "pause", &said)
}

pub(super) fn resume(common: &Common, args: &ResumeArgs) -> Result<()> {
    set(
        common,
        &args.interfaces.iface,
        0,
        "resume",
        "limits are in force again",
    )
}

fn set(common: &Common, ifaces: &[String], until: u64, action: &str, said: &str) -> Result<()> {
    checks::privilege(action)?;
    for attachment in report::attachments(&common.bpffs, ifaces)? {
        attachment
            .tables
            .active
            .set(&active::PAUSED_UNTIL, &until)
            .with_context(|| format!("{action} on {}", attachment.iface()))?;
        println!("{}: {said}", attachment.iface());
    }
    Ok(())
}
