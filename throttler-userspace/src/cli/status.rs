//! `throttler status` and `throttler detach`.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use super::Common;
use super::failure::{Failure, Status};
use super::selection::{Interfaces, Selection};
use crate::daemon::lock;
use crate::kernel::checks;
use crate::kernel::pins::Pins;
use crate::report::{self, Attachment, Beside};
use crate::standing;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    selection: Selection,
}

/// Arguments of `detach`.
#[derive(Debug, Args)]
pub struct DetachArgs {
    #[command(flatten)]
    interfaces: Interfaces,
}

pub(super) fn status(common: &Common, args: &StatusArgs) -> Result<()> {
    checks::privilege("status")?;
    let attached = report::attachments(&common.bpffs, &args.selection.of.iface)?;
    let beside = beside(&common.state_dir, &attached)?;
    report::status(
        &mut std::io::stdout().lock(),
        &attached,
        |place| beside[place].clone(),
        args.selection.output,
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

/// What the maps do not say of each interface; takes as long as counting the rates does.
///
/// # Errors
/// The kernel's.
pub(crate) fn beside(state_dir: &Path, attached: &[Attachment]) -> Result<Vec<Beside>> {
    let rates = report::rates(attached)?;
    let all = attached.iter().zip(rates);
    Ok(all
        .map(|(one, rates)| Beside {
            daemon: lock::holder(state_dir, one.iface()),
            standing: standing::read(&standing::path(state_dir, one.iface())),
            rates: Some(rates),
        })
        .collect())
}

pub(super) fn detach(common: &Common, args: &DetachArgs) -> Result<()> {
    checks::privilege("detach")?;
    let pins = if args.interfaces.iface.is_empty() {
        Pins::all(&common.bpffs)?
    } else {
        args.interfaces
            .iface
            .iter()
            .map(|iface| Pins::of(&common.bpffs, iface))
            .collect()
    };
    let pins: Vec<Pins> = pins.into_iter().filter(Pins::exist).collect();
    if pins.is_empty() {
        return Err(report::nothing_attached(&common.bpffs, &args.interfaces.iface).into());
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
