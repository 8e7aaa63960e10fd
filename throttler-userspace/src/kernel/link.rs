//! Puts the program on an interface, or in the place of the one we put there before.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context as _, Result};

use super::interface::{self, Interface, XdpMode};
use super::pins::Pins;
use super::programs;
use super::sys;
use crate::cli::failure::{Failure, Status};

/// The mode that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum WantedMode {
    /// Native, and generic where the driver refuses; said so.
    Auto,
    /// Native or not at all.
    Native,
    /// Generic.
    Generic,
}

/// How the program came to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Where it runs.
    pub mode: XdpMode,
    /// Whether it took the place of one of ours.
    pub replaced: bool,
    /// Why it is not native although `auto` was asked for.
    pub fallback: Option<String>,
    /// Why it runs in this mode.
    pub why: String,
}

/// Attaches by a pinned link, or updates the link that is pinned already: then no packet goes
/// unlimited in between.
///
/// # Errors
/// A foreign XDP program, a driver that refuses, or a link of another mode than asked for.
pub fn attach(pins: &Pins, program: BorrowedFd<'_>, wanted: WantedMode) -> Result<Attached> {
    let interface = interface::find(&pins.iface)?;
    if let Some(mode) = adopt(pins, program, &interface, wanted)? {
        return Ok(Attached {
            mode,
            replaced: true,
            fallback: None,
            why: "as the program before, whose place it took".to_owned(),
        });
    }
    if let Some((mode, id)) = interface.xdp {
        return Err(foreign(pins, &interface, mode, id).into());
    }
    let (link, mode, fallback) = match wanted {
        WantedMode::Native => (native(program, &interface)?, XdpMode::Native, None),
        WantedMode::Generic => (generic(program, &interface)?, XdpMode::Generic, None),
        WantedMode::Auto => match sys::attach_xdp(program, interface.index, sys::XDP_NATIVE) {
            Ok(link) => (link, XdpMode::Native, None),
            Err(error) => {
                let link = generic(program, &interface)?;
                (link, XdpMode::Generic, Some(reason(&error)))
            }
        },
    };
    sys::pin(link.as_fd(), &pins.link())
        .with_context(|| format!("pinning the link at {}", pins.link().display()))?;
    Ok(Attached {
        mode,
        replaced: false,
        why: why(wanted, fallback.as_deref()),
        fallback,
    })
}

fn why(wanted: WantedMode, fallback: Option<&str>) -> String {
    match (wanted, fallback) {
        (WantedMode::Auto, None) => "the driver supports it".to_owned(),
        (WantedMode::Auto, Some(reason)) => format!("native XDP is not to be had: {reason}"),
        (WantedMode::Native, _) => "asked for, by --xdp-mode native".to_owned(),
        (WantedMode::Generic, _) => "asked for, by --xdp-mode generic".to_owned(),
    }
}

fn native(program: BorrowedFd<'_>, interface: &Interface) -> Result<OwnedFd, Failure> {
    sys::attach_xdp(program, interface.index, sys::XDP_NATIVE).map_err(|error| {
        Failure::new(
            Status::Runtime,
            format!(
                "{} refuses native XDP ({}): use --xdp-mode auto or generic",
                interface.name,
                reason(&error)
            ),
        )
    })
}

fn generic(program: BorrowedFd<'_>, interface: &Interface) -> Result<OwnedFd, Failure> {
    sys::attach_xdp(program, interface.index, sys::XDP_GENERIC).map_err(|error| {
        Failure::new(
            Status::Runtime,
            format!(
                "{} refuses generic XDP as well ({})",
                interface.name,
                reason(&error)
            ),
        )
    })
}

/// What a driver means by its error.
fn reason(error: &io::Error) -> String {
    let meaning = match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => "the driver has no native XDP",
        Some(libc::ERANGE | libc::EINVAL) => "the MTU or an offload is not compatible with it",
        Some(libc::EBUSY | libc::EEXIST) => "another XDP program is attached",
        Some(libc::ENOMEM | libc::ENOSPC) => "the device has too few queues or too little memory",
        _ => return error.to_string(),
    };
    format!("{meaning}: {error}")
}

fn foreign(pins: &Pins, interface: &Interface, mode: XdpMode, id: u32) -> Failure {
    if let Some(version) = pins.other_abi_of(id) {
        let message = format!(
            "{} is enforced by another version of throttler, whose pins ({version}) this one cannot read: its program \
             (id {id}) is left alone; take it off with that version's `throttler detach`",
            interface.name
        );
        return Failure::new(Status::Runtime, message);
    }
    Failure::new(
        Status::Runtime,
        format!(
            "{} already runs the {} XDP program {}, which is not ours and is left alone: remove it \
             (`ip link set dev {} xdp off`, or its owner's tool) or choose another interface",
            interface.name,
            mode.as_str(),
            programs::describe(id),
            interface.name
        ),
    )
}

/// Whether [`attach`] would be refused for what runs on the interface now. To be asked before anything
/// is published: a command that fails must leave what is enforced as it was.
///
/// # Errors
/// Frames without an Ethernet header, a foreign XDP program, or a link of another mode than asked for.
pub fn check(pins: &Pins, wanted: WantedMode) -> Result<()> {
    let interface = interface::find(&pins.iface)?;
    if !interface.is_ethernet {
        let message = format!(
            "the frames of {} have no Ethernet header, and all would be taken for malformed: protect the interface \
             below it, which carries the packets",
            interface.name
        );
        return Err(Failure::new(Status::Runtime, message).into());
    }
    match (live(pins, &interface)?, interface.xdp) {
        (Some((_, mode)), _) => Ok(same_mode(&interface, mode, wanted)?),
        (None, Some((mode, id))) => Err(foreign(pins, &interface, mode, id).into()),
        (None, None) => Ok(()),
    }
}

/// Updates the pinned link if it still is on this interface; a link of an interface that has gone is
/// unpinned.
fn adopt(
    pins: &Pins,
    program: BorrowedFd<'_>,
    interface: &Interface,
    wanted: WantedMode,
) -> Result<Option<XdpMode>> {
    let Some((link, mode)) = live(pins, interface)? else {
        let path = pins.link();
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| format!("unpinning {}", path.display()))?;
        }
        return Ok(None);
    };
    same_mode(interface, mode, wanted)?;
    sys::replace_program(link.as_fd(), program).context("replacing the program in place")?;
    Ok(Some(mode))
}

fn same_mode(interface: &Interface, live: XdpMode, wanted: WantedMode) -> Result<(), Failure> {
    let asked = match wanted {
        WantedMode::Auto => live,
        WantedMode::Native => XdpMode::Native,
        WantedMode::Generic => XdpMode::Generic,
    };
    if asked == live {
        return Ok(());
    }
    Err(Failure::new(
        Status::Runtime,
        format!(
            "{} runs our program in {} mode and a link cannot change its mode: run `throttler detach --iface {}` \
             first, or leave --xdp-mode out",
            interface.name,
            live.as_str(),
            interface.name
        ),
    ))
}

/// The pinned link and its mode, if it is what runs on the interface now.
fn live(pins: &Pins, interface: &Interface) -> Result<Option<(OwnedFd, XdpMode)>> {
    let link = match sys::open_pinned(&pins.link()) {
        Ok(link) => link,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(format!("opening {}", pins.link().display())),
    };
    let info = sys::link_info(link.as_fd()).context("reading the pinned link")?;
    Ok(match interface.xdp {
        Some((mode, id)) if info.ifindex == interface.index && info.program == id => {
            Some((link, mode))
        }
        _ => None,
    })
}

/// The pinned link's mode, if our program runs on the interface now.
///
/// # Errors
/// The kernel's.
pub fn state(pins: &Pins) -> Result<Option<XdpMode>> {
    // An interface that has gone runs nothing.
    let Ok(interface) = interface::find(&pins.iface) else {
        return Ok(None);
    };
    Ok(live(pins, &interface)?.map(|(_, mode)| mode))
}
