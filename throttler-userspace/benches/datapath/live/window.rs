//! What the receiving side did between two moments.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use throttler_lab::Lab;

use super::receiver::Receiver;
use crate::figures::Handled;

pub(super) struct Sample {
    at: Instant,
    packets: u64,
    /// Of those, the ones that came as far as the IP layer.
    passed: u64,
    cpu: Duration,
}

impl Sample {
    pub(super) fn take(lab: &Lab, receiver: &Receiver) -> Result<Self> {
        Ok(Self {
            at: Instant::now(),
            packets: lab.server_stats()?.rx_packets,
            passed: lab.server().run(received)?,
            cpu: receiver.cpu()?,
        })
    }

    pub(super) fn since(&self, before: &Self) -> Handled {
        let seconds = (self.at - before.at).as_secs_f64();
        let packets = (self.packets - before.packets) as f64;
        Handled {
            pps: packets / seconds,
            busy: (self.cpu.saturating_sub(before.cpu)).as_secs_f64() / seconds,
            passed: (self.passed - before.passed) as f64 / packets.max(1.0),
        }
    }
}

/// `InReceives` of IPv4 in the calling thread's namespace: a row of names, then one of numbers.
fn received() -> Result<u64> {
    let text =
        fs::read_to_string("/proc/thread-self/net/snmp").context("reading counters of IP")?;
    let mut rows = text.lines().filter_map(|line| line.strip_prefix("Ip: "));
    let (names, numbers) = (rows.next().unwrap_or(""), rows.next().unwrap_or(""));
    let mut columns = names.split(' ').zip(numbers.split(' '));
    let found = columns.find(|(name, _)| *name == "InReceives");
    let (_, number) = found.context("the kernel counts no received packets")?;
    Ok(number.parse()?)
}
