//! `throttler status` and `throttler detach`.

use anyhow::Result;
use clap::Args;

use super::Common;
use super::failure::{Failure, Status};
use crate::daemon::lock;
use crate::kernel::checks;
use crate::kernel::pins::Pins;
use crate::report::{self, Format};

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// How to print it
    #[arg(
        short,
        long,
        value_enum,
        default_value = "table",
        value_name = "FORMAT"
    )]
    output: Format,
    /// Only this interface
    #[arg(long, value_name = "IF")]
    iface: Vec<String>,
}

/// Arguments of `detach`.
#[derive(Debug, Args)]
pub struct DetachArgs {
    /// Only this interface
    #[arg(long, value_name = "IF")]
    iface: Vec<String>,
}

pub(super) fn status(common: &Common, args: &StatusArgs) -> Result<()> {
    checks::privilege("status")?;
    let attached = report::attachments(&common.bpffs, &args.iface)?;
    let daemon = |iface: &str| lock::holder(&common.state_dir, iface);
    report::status(
        &mut std::io::stdout().lock(),
        &attached,
        daemon,
        args.output,
    )?;
    let off: Vec<&str> = attached
        .iter()
        .filter(|a| a.mode.is_none())
        .map(|a| a.iface())
        .collect();
    if off.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the program no longer runs on {} (the interface was removed, or somebody took it off): `throttler run` puts \
         it back",
        off.join(", ")
    );
    Err(Failure::new(Status::NothingAttached, message).into())
}

pub(super) fn detach(common: &Common, args: &DetachArgs) -> Result<()> {
    checks::privilege("detach")?;
    let pins = if args.iface.is_empty() {
        Pins::all(&common.bpffs)?
    } else {
        args.iface
            .iter()
            .map(|iface| Pins::of(&common.bpffs, iface))
            .collect()
    };
    let pins: Vec<Pins> = pins.into_iter().filter(Pins::exist).collect();
    if pins.is_empty() {
        return Err(report::nothing_attached(&common.bpffs, &args.iface).into());
    }
    for pins in pins {
        pins.remove()?;
        println!("{}: detached", pins.iface);
        if let Some(pid) = lock::holder(&common.state_dir, &pins.iface) {
            println!(
                "{}: its daemon (process {pid}) still runs; end it with SIGTERM",
                pins.iface
            );
        }
    }
    Ok(())
}
