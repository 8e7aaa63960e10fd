//! The interfaces that have pins, opened.

use std::path::Path;

use anyhow::{Result, bail};

use super::generation::Generation;
use crate::cli::failure::{Failure, Status};
use crate::compile::{Clock, Description};
use crate::kernel::interface::XdpMode;
use crate::kernel::pins::Pins;
use crate::kernel::tables::Tables;
use crate::kernel::{link, monotonic, publish, sys};

/// One interface, its maps, and the description of the generation in force.
pub struct Attachment {
    /// Its pins.
    pub pins: Pins,
    /// Its maps.
    pub tables: Tables,
    /// Names and texts.
    pub description: Description,
    /// Its limits, as the datapath has them.
    pub generation: Generation,
    /// Where our program runs; `None` where it no longer does.
    pub mode: Option<XdpMode>,
    /// The clocks when it was opened.
    pub clock: Clock,
}

impl Attachment {
    /// Interface name.
    #[must_use]
    pub fn iface(&self) -> &str {
        &self.pins.iface
    }

    /// `native`, `generic` or `none`.
    #[must_use]
    pub fn xdp_mode(&self) -> &'static str {
        self.mode.map_or("none", XdpMode::as_str)
    }
}

/// Opens the pins of the interfaces asked for, or of all.
///
/// # Errors
/// Status 3 where nothing is attached; the kernel's errors.
pub fn attachments(bpffs: &Path, ifaces: &[String]) -> Result<Vec<Attachment>> {
    let pins = if ifaces.is_empty() {
        Pins::all(bpffs)?
    } else {
        ifaces.iter().map(|iface| Pins::of(bpffs, iface)).collect()
    };
    let mut found = Vec::new();
    for pins in pins {
        if let Some(attachment) = open(pins)? {
            found.push(attachment);
        } else if !ifaces.is_empty() {
            return Err(nothing_attached(bpffs, ifaces).into());
        }
    }
    if found.is_empty() {
        return Err(nothing_attached(bpffs, ifaces).into());
    }
    Ok(found)
}

/// The same of a daemon's interfaces, without those that have not appeared yet, or cannot be protected.
///
/// # Errors
/// As [`attachments`], but that none has appeared yet is no error.
pub fn attachments_so_far(bpffs: &Path, ifaces: &[String]) -> Result<Vec<Attachment>> {
    let (pinned, others): (Vec<_>, Vec<_>) = ifaces
        .iter()
        .cloned()
        .partition(|iface| Pins::of(bpffs, iface).exist());
    let appeared = |iface: &String| sys::interface_index(iface).is_some();
    if pinned.is_empty() && !others.iter().any(appeared) {
        return Ok(Vec::new());
    }
    attachments(bpffs, if pinned.is_empty() { ifaces } else { &pinned })
}

fn open(pins: Pins) -> Result<Option<Attachment>> {
    // The link is pinned last: with its pin, everything else is in place.
    if !pins.complete() || !pins.link().exists() {
        return Ok(None);
    }
    let tables = Tables::open(&pins.dir)?;
    let Some((description, generation)) = published(&tables)? else {
        return Ok(None);
    };
    Ok(Some(Attachment {
        mode: link::state(&pins)?,
        clock: monotonic::now(),
        pins,
        tables,
        description,
        generation,
    }))
}

/// The generation in force, and what is said of it; `None` where nothing has been published.
///
/// # Errors
/// The kernel's, or what no version of ours has written.
pub fn published(tables: &Tables) -> Result<Option<(Description, Generation)>> {
    // As for the description alone: a publish may overwrite the bank while it is read.
    for _ in 0..16 {
        let Some(description) = publish::description(tables)? else {
            return Ok(None);
        };
        let generation = Generation::read(tables, &description)?;
        if publish::generation(tables)? == description.generation {
            return Ok(Some((description, generation)));
        }
    }
    bail!("the policy is being reloaded too fast to be read; try again")
}

/// Status 3, and how to mend it.
#[must_use]
pub fn nothing_attached(bpffs: &Path, ifaces: &[String]) -> Failure {
    let what = match ifaces {
        [] => "nothing is attached".to_owned(),
        ifaces => format!("nothing is attached to {}", ifaces.join(", ")),
    };
    let other = Pins::other_abis(bpffs).unwrap_or_default();
    let mut broken = Pins::all(bpffs).unwrap_or_default();
    broken.retain(|pins| {
        (ifaces.is_empty() || ifaces.contains(&pins.iface)) && pins.exist() && !pins.complete()
    });
    if !broken.is_empty() {
        let names: Vec<String> = broken.into_iter().map(|pins| pins.iface).collect();
        let message = format!(
            "the pins of {} under {} are incomplete, and cannot be read: `throttler run` puts others in their place, \
             `throttler detach` removes them",
            names.join(", "),
            bpffs.display()
        );
        return Failure::new(Status::NothingAttached, message);
    }
    let hint = if other.is_empty() {
        "start it with `throttler run --iface IF`, or name its pins with --bpffs".to_owned()
    } else {
        format!(
            "pins of another version ({}) are there: use that version's tool",
            other.join(", ")
        )
    };
    Failure::new(
        Status::NothingAttached,
        format!("{what} (no pins under {}): {hint}", bpffs.display()),
    )
}
