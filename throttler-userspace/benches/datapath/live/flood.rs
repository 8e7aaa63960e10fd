//! Sends from the client's namespace: a program run over live frames redirects them into the veth.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use throttler::kernel::sys;
use throttler_lab::Lab;
use throttler_lab::topology::CLIENT_IFACE;

use crate::driver::Driver;
use crate::figures::Draw;
use crate::packets::Packet;
use crate::settings::BURST;
use crate::sys::{give_way, pin_to, run_live};

const CPU: usize = 0;
/// Frames a system call: short enough to notice the end, long enough not to notice the call.
const FRAMES: u32 = 1 << 20;
/// The index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;
/// Where a UDP header has its checksum, of IPv4 without options. None is sent: the source changes.
const CHECKSUM: std::ops::Range<usize> = 40..42;

pub(super) struct Flood<'a> {
    pub(super) driver: &'a Driver,
    pub(super) draw: Draw,
    /// Packets a second; none: as many as the CPU can send.
    pub(super) rate: Option<u32>,
}

impl Flood<'_> {
    /// Does `work` while the flood goes on.
    pub(super) fn during<T>(&self, lab: &Lab, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let end = AtomicBool::new(false);
        thread::scope(|scope| {
            let sender = scope.spawn(|| lab.client().run(|| self.send(&end)));
            let result = work();
            end.store(true, Ordering::Relaxed);
            let sent = sender.join().map_err(|_| anyhow!("the sender panicked"))?;
            sent.context("sending the flood")?;
            result
        })
    }

    fn send(&self, end: &AtomicBool) -> Result<()> {
        pin_to(CPU)?;
        // Whoever else needs the CPU, such as the honest client, comes first.
        give_way()?;
        let interface = sys::interface_index(CLIENT_IFACE).context("the veth has gone")?;
        let gap = self.rate.map_or(0, |rate| {
            (u64::from(BURST) * 1_000_000_000 / u64::from(rate)) as u32
        });
        self.driver.draw(self.draw)?;
        self.driver.aim(interface, gap)?;
        let program = self.driver.flood.as_fd();
        // As for the driver: otherwise each call would take 25 ms more.
        let _link = sys::attach_xdp(program, LOOPBACK, sys::XDP_GENERIC)?;
        let mut frame = Packet::Udp.frame(4);
        frame[CHECKSUM].fill(0);
        while !end.load(Ordering::Relaxed) {
            match run_live(program, &frame, FRAMES) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
        }
        Ok(())
    }
}
