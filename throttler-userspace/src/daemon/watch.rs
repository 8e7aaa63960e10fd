//! Interfaces that come and go while the daemon runs.
//!
//! The kernel tells of every change of a link (rtnetlink(7), RTMGRP_LINK). What it tells is not kept account of, for
//! messages may be lost: after any of them the daemon looks which of its interfaces there are.

use std::io;
use std::path::Path;

use anyhow::{Context as _, Result};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use tokio::io::unix::AsyncFd;

use super::desired::Desired;
use crate::kernel::pins::Pins;
use crate::kernel::{link, sys};

/// `RTNLGRP_LINK` as a bit (linux/rtnetlink.h).
const RTMGRP_LINK: u32 = 1;

/// Tells of changes.
pub(super) struct Watch(AsyncFd<Socket>);

impl Watch {
    /// Listens from now on. To be called in the runtime.
    pub(super) fn listen() -> Result<Self> {
        let context = "listening for interfaces that come and go";
        let mut socket = Socket::new(NETLINK_ROUTE).context(context)?;
        socket
            .bind(&SocketAddr::new(0, RTMGRP_LINK))
            .context(context)?;
        socket.set_non_blocking(true).context(context)?;
        Ok(Self(sys::readable(socket).context(context)?))
    }

    /// Waits until some interface has changed.
    pub(super) async fn changed(&mut self) -> Result<()> {
        let mut guard = self.0.readable_mut().await.context("waiting on netlink")?;
        let mut bytes = bytes::BytesMut::with_capacity(8192);
        loop {
            bytes.clear();
            match guard.get_inner_mut().recv(&mut bytes, 0) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // ENOBUFS: so much has changed that some of it was not told.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error).context("reading from netlink"),
                Ok(_) => {}
            }
        }
        guard.clear_ready();
        Ok(())
    }
}

/// What the daemon knows of its interfaces, in the order of its arguments.
pub(super) struct Interfaces(Vec<Known>);

struct Known {
    iface: String,
    /// The index of the interface that the program was put on, while there is one.
    index: Option<u32>,
    /// Why the latest attempt to attach failed.
    failed: Option<String>,
}

impl Interfaces {
    /// As they are after the start: some may not be there yet, or be gone again.
    pub(super) fn new(bpffs: &Path, ifaces: &[String]) -> Self {
        let known = ifaces.iter().map(|iface| {
            let attached = link::state(&Pins::of(bpffs, iface));
            Known {
                iface: iface.clone(),
                index: sys::interface_index(iface).filter(|_| matches!(attached, Ok(Some(_)))),
                failed: None,
            }
        });
        Self(known.collect())
    }

    /// Takes these for not attached to.
    pub(super) fn forget(&mut self, ifaces: &[String]) {
        for known in &mut self.0 {
            if ifaces.contains(&known.iface) {
                known.index = None;
            }
        }
    }

    /// Looks which there are now, and attaches to those that have come; gives these, as places in the list of those
    /// attached.
    pub(super) fn look(&mut self, desired: &mut Desired<'_>) -> Vec<usize> {
        let mut attached = Vec::new();
        for known in &mut self.0 {
            let now = sys::interface_index(&known.iface);
            if known.index.is_some() && known.index != now {
                log::warn!(
                    "{}: the interface has gone, and with it what enforced the policy there; buckets and bans are kept \
                     until it returns",
                    known.iface
                );
                known.index = None;
            }
            let Some(index) = now.filter(|_| known.index.is_none()) else {
                continue;
            };
            match desired.attach(&known.iface) {
                Ok(place) => {
                    (known.index, known.failed) = (Some(index), None);
                    attached.push(place);
                }
                // It may succeed after the next change: once told, it is not told again and again.
                Err(error) => {
                    let error = format!("{error:#}");
                    let mut vitals = desired.vitals.iter();
                    if let Some(vitals) = vitals.find(|one| one.iface() == known.iface) {
                        vitals.note(Some(format!("it cannot be protected: {error}")));
                    }
                    if known.failed.as_ref() != Some(&error) {
                        log::error!(
                            "{}: the interface is there, but cannot be protected: {error}",
                            known.iface
                        );
                    }
                    known.failed = Some(error);
                }
            }
        }
        attached
    }
}
