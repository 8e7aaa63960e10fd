//! New maps take the place of pinned ones, wherever the daemon that brings them is killed.
//!
//! They are made in a staging directory, and the program that uses them is pinned beside them. Then the link is updated:
//! from that moment the staged maps are the ones that packets are charged to, and their pins move to where the old ones
//! were. Whoever finds a staging directory can tell on which side of that moment its maker ended: the link runs the
//! staged program, or it does not.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use anyhow::{Context as _, Result};
use throttler_common::abi::map;

use super::pins::Pins;
use super::resize;
use super::sys;

/// The maps that a resize makes anew, which move first.
pub(super) const OF_SOURCES: [&str; 2] = [map::SOURCES, map::TABLE];

/// Says which program will use the staged maps, before it does.
pub(super) fn announce(staging: &Pins, program: BorrowedFd<'_>) -> Result<()> {
    sys::pin(program, &staging.program())
        .with_context(|| format!("pinning the program at {}", staging.program().display()))
}

/// The link runs the staged program: moves the staged maps to where the old ones are pinned. To be called again where it
/// was interrupted; the program's pin goes last.
///
/// # Errors
/// The kernel's.
pub fn finish(pins: &Pins) -> Result<()> {
    let staging = pins.staging();
    let others = map::ALL.iter().filter(|name| !OF_SOURCES.contains(name));
    for name in OF_SOURCES.iter().chain(others) {
        match std::fs::rename(staging.map(name), pins.map(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.with_context(|| format!("moving the pin of {name}"))?,
        }
    }
    staging.remove()?;
    Ok(())
}

/// Ends what an interrupted daemon, or a failed start, has begun. Whether the staged maps are those in use.
///
/// # Errors
/// The kernel's.
pub fn settle(pins: &Pins) -> Result<bool> {
    let staging = pins.staging();
    if !staging.exist() {
        return Ok(false);
    }
    if !is_in_use(pins, &staging)? {
        staging.remove()?;
        return Ok(false);
    }
    // Of a resize both are there, and nothing else, until the first one is moved.
    let whole = OF_SOURCES.iter().all(|name| staging.map(name).exists());
    if whole
        && !staging.map(map::ACTIVE).exists()
        && let Err(error) = resize::resume(pins, &staging)
    {
        // Without them a few packets of the moment of the change are forgotten; to fail would forget all.
        log::warn!(
            "{}: the last charges of the old source table are lost: {error:#}",
            pins.iface
        );
    }
    finish(pins)?;
    Ok(true)
}

/// Whether the pinned link runs the staged program.
fn is_in_use(pins: &Pins, staging: &Pins) -> Result<bool> {
    let open = |path: &std::path::Path| match sys::open_pinned(path) {
        Ok(fd) => Ok(Some(fd)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(format!("opening {}", path.display())),
    };
    let (Some(link), Some(program)) = (open(&pins.link())?, open(&staging.program())?) else {
        return Ok(false);
    };
    let link = sys::link_info(link.as_fd()).context("reading the pinned link")?;
    let program = sys::program_info(program.as_fd()).context("reading the staged program")?;
    Ok(link.program == program.id)
}
