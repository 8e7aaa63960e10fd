//! Reads the event rings.

use anyhow::{Context as _, Result};
use aya::maps::{Map, MapData, RingBuf};
use aya_log::EbpfLogger;
use bytes::Buf as _;
use throttler_common::abi::{Addr, Event, map};
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use crate::kernel::pins::Pins;
use crate::kernel::sys;

/// One interface's ring.
pub(super) struct Ring(AsyncFd<RingBuf<MapData>>);

impl Ring {
    pub(super) fn open(pins: &Pins) -> Result<Self> {
        let path = pins.map(map::EVENTS);
        let data =
            MapData::from_pin(&path).with_context(|| format!("opening {}", path.display()))?;
        let ring = RingBuf::try_from(Map::RingBuf(data)).context("mapping the event ring")?;
        Ok(Self(
            sys::readable(ring).context("waiting on the event ring")?,
        ))
    }

    /// Waits until there are events and hands over all of them.
    pub(super) async fn next(&mut self, each: impl FnMut(&Event)) -> Result<()> {
        let mut guard = self
            .0
            .readable_mut()
            .await
            .context("waiting on the event ring")?;
        drain(guard.get_inner_mut(), each);
        guard.clear_ready();
        Ok(())
    }

    /// Hands over what is there now.
    pub(super) fn drain(&mut self, each: impl FnMut(&Event)) {
        drain(self.0.get_mut(), each);
    }
}

/// Hands the program's own log on until told to stop.
pub(super) async fn trace(
    logger: EbpfLogger<&'static dyn log::Log>,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let mut logger = sys::readable(logger).context("waiting on the program's log")?;
    loop {
        tokio::select! {
            guard = logger.readable_mut() => {
                let mut guard = guard.context("waiting on the program's log")?;
                guard.get_inner_mut().flush();
                guard.clear_ready();
            }
            _ = stopped.changed() => return Ok(()),
        }
    }
}

fn drain(ring: &mut RingBuf<MapData>, mut each: impl FnMut(&Event)) {
    while let Some(item) = ring.next() {
        match decode(&item) {
            Some(event) => each(&event),
            None => log::error!(
                "an event of {} bytes is not one of ours; skipped",
                item.len()
            ),
        }
    }
}

/// An event from its bytes, field by field in the order of the ABI.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Event> {
    if bytes.len() != size_of::<Event>() {
        return None;
    }
    let at = bytes.get_u64_ne();
    let mut source = [0; 16];
    bytes.copy_to_slice(&mut source);
    Some(Event {
        at,
        source: Addr::from_bytes(source),
        refused: bytes.get_u32_ne(),
        bans: bytes.get_u32_ne(),
        refused_total: bytes.get_u64_ne(),
        retry_after: bytes.get_u64_ne(),
        generation: bytes.get_u32_ne(),
        ifindex: bytes.get_u32_ne(),
        plan: bytes.get_u16_ne(),
        scope: bytes.get_u8(),
        limit: bytes.get_u8(),
        reason: bytes.get_u8(),
        family: bytes.get_u8(),
        monitored: bytes.get_u8(),
        kind: bytes.get_u8(),
    })
}
