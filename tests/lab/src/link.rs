//! What the lab sets and reads of a network interface, by ioctl and /proc: /sys/class/net shows only the interfaces of
//! the namespace that sysfs was mounted in.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};

use crate::sys;

/// The offloads to switch off: get command, set command, name (include/uapi/linux/ethtool.h).
///
/// With them on, a veth carries packets of up to 64 KiB without checksums, which no wire would.
const OFFLOADS: [(u32, u32, &str); 6] = [
    (0x14, 0x15, "rx-checksumming"),
    (0x16, 0x17, "tx-checksumming"),
    (0x18, 0x19, "scatter-gather"),
    (0x1e, 0x1f, "tcp-segmentation-offload"),
    (0x23, 0x24, "generic-segmentation-offload"),
    (0x2b, 0x2c, "generic-receive-offload"),
];

/// Packet counters of one interface, since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets that came in; with native XDP on a veth, also those that the program dropped.
    pub rx_packets: u64,
    /// Packets that the driver, not the XDP program, threw away on the way in.
    pub rx_dropped: u64,
    /// Packets that went out.
    pub tx_packets: u64,
    /// Packets lost on the way out: on a veth, those for which the peer's ring was full.
    pub tx_dropped: u64,
}

/// Switches all offloads of an interface of the calling thread's namespace off.
pub(crate) fn disable_offloads(interface: &str) -> Result<()> {
    for (get, set, name) in OFFLOADS {
        let what = || format!("cannot switch {name} off on {interface}");
        sys::ethtool(interface, set, 0).with_context(what)?;
        let state = sys::ethtool(interface, get, 0).with_context(what)?;
        ensure!(state == 0, "{name} stays on on {interface}");
    }
    Ok(())
}

/// Switches generic receive offload of an interface of the calling thread's namespace; a veth polls, and so takes in
/// redirected frames, with it or with an XDP program only.
///
/// # Errors
/// If the kernel refuses.
pub fn set_gro(interface: &str, on: bool) -> Result<()> {
    const ETHTOOL_SGRO: u32 = 0x2c;
    sys::ethtool(interface, ETHTOOL_SGRO, on.into())
        .with_context(|| format!("cannot switch receive offload of {interface}"))?;
    Ok(())
}

/// Waits until an interface of the calling thread's namespace is up and has a carrier.
///
/// Polled, for the state changes within a few milliseconds of `ip link set up`, and once.
pub(crate) fn wait_running(interface: &str, timeout: Duration) -> Result<()> {
    let wanted = libc::IFF_UP | libc::IFF_RUNNING;
    let end = Instant::now() + timeout;
    loop {
        let flags = sys::interface_flags(interface)
            .with_context(|| format!("cannot read flags of {interface}"))?;
        if flags & wanted == wanted {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("{interface} has no carrier after {timeout:?} (flags {flags:#x})");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// The counters of an interface of the calling thread's namespace.
pub(crate) fn stats(interface: &str) -> Result<LinkStats> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev")
        .context("cannot read /proc/thread-self/net/dev")?;
    parse_stats(&table, interface)
        .with_context(|| format!("no counters of {interface} in /proc/thread-self/net/dev"))
}

/// Columns: bytes packets errs drop fifo frame compressed multicast, then the same eight outwards (net/core/net-procfs.c).
pub(crate) fn parse_stats(table: &str, interface: &str) -> Option<LinkStats> {
    let row = table
        .lines()
        .find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let columns: Vec<u64> = row
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    Some(LinkStats {
        rx_packets: *columns.get(1)?,
        rx_dropped: *columns.get(3)?,
        tx_packets: *columns.get(9)?,
        tx_dropped: *columns.get(11)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_from_their_columns() {
        let table = "Inter-| Receive\n face |bytes\n    lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n\
                     veth-s: 100 11 0 12 0 0 0 0 200 21 0 22 0 0 0 0\n";
        let wanted = LinkStats {
            rx_packets: 11,
            rx_dropped: 12,
            tx_packets: 21,
            tx_dropped: 22,
        };
        assert_eq!(parse_stats(table, "veth-s"), Some(wanted));
        assert_eq!(parse_stats(table, "veth"), None);
    }
}
