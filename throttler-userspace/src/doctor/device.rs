//! An interface before anything of ours is on it: what its driver can do, and what it is a part of.

use std::thread;

use super::finding::Finding;
use crate::kernel::netdev::{self, XdpFeatures};
use crate::kernel::sys::ethtool::{self, Channels};
use crate::kernel::topology::Device;

/// The largest MTU of which a frame fits into one buffer: a page without the room that XDP keeps in front
/// (`XDP_PACKET_HEADROOM`, 256), what ends a buffer (`skb_shared_info`, 320), and an Ethernet header with two tags.
const ONE_BUFFER: u32 = 4_096 - 256 - 320 - 22;
/// Drivers that give each receive queue a transmit queue of its own for XDP, out of the same number.
const HALF_THE_QUEUES: [&str; 2] = ["ena", "gve"];

/// What is asked of a driver.
struct Driver {
    name: String,
    features: Option<XdpFeatures>,
    channels: Option<Channels>,
    joins: bool,
    processors: u32,
}

pub(super) fn examine(device: &Device, all: &[Device]) -> Vec<Finding> {
    let name = &device.name;
    let driver = Driver {
        name: ethtool::driver(name).unwrap_or_else(|_| "unknown".to_owned()),
        features: netdev::xdp_features(device.index).ok().flatten(),
        channels: ethtool::channels(name).ok(),
        joins: ethtool::joins_packets(name).unwrap_or(false),
        processors: thread::available_parallelism().map_or(1, |n| n.get() as u32),
    };
    let mut findings = vec![link(device), place(device, all)];
    if device.is_ethernet {
        findings.extend([
            native(device, &driver),
            mtu(device, &driver),
            queues(device, &driver),
            offloads(device, &driver),
        ]);
    }
    findings
}

fn link(device: &Device) -> Finding {
    const CHECK: &str = "link";
    if !device.is_ethernet {
        return Finding::fail(
            CHECK,
            "its frames have no Ethernet header, which the program reads",
            "protect the interface below it, which carries the packets",
        );
    }
    if device.is_up {
        return Finding::ok(CHECK, "up");
    }
    Finding::warn(
        CHECK,
        "down: nothing comes in",
        format!("ip link set dev {} up", device.name),
    )
}

fn place(device: &Device, all: &[Device]) -> Finding {
    const CHECK: &str = "bond, VLAN";
    if device.is("vlan") {
        let lower = device.lower(all).map(|lower| lower.name.as_str());
        let below = lower.unwrap_or("the interface below it");
        return Finding::warn(
            CHECK,
            format!("a VLAN on {below}: XDP runs here in generic mode alone"),
            format!("protect {below}: tags are understood, and its other VLANs are protected, too"),
        );
    }
    if let Some(bond) = device.controller(all).filter(|one| one.is("bond")) {
        return Finding::warn(
            CHECK,
            format!(
                "a part of the bond {}: each part would hold buckets of its own, and a source that comes over several \
                 have each limit several times",
                bond.name
            ),
            format!("protect {} instead", bond.name),
        );
    }
    if device.is("bridge") {
        return Finding::warn(
            CHECK,
            "a bridge: only what is for this host is seen here, in generic mode",
            "protect the ports that the traffic comes in by",
        );
    }
    let parts: Vec<&str> = device.parts(all).map(|part| part.name.as_str()).collect();
    match (device.is("bond"), parts.as_slice()) {
        (true, []) => Finding::warn(
            CHECK,
            "a bond without parts",
            format!("ip link set dev IF master {}", device.name),
        ),
        (true, parts) => Finding::ok(
            CHECK,
            format!("a bond of {}, held to one set of buckets", parts.join(", ")),
        ),
        _ => Finding::ok(CHECK, "neither, nor a part of one"),
    }
}

fn native(device: &Device, driver: &Driver) -> Finding {
    const CHECK: &str = "native XDP";
    let name = &driver.name;
    match driver.features {
        Some(XdpFeatures { native: true, .. }) => {
            Finding::ok(CHECK, format!("the driver ({name}) supports it"))
        }
        Some(XdpFeatures { native: false, .. }) => Finding::warn(
            CHECK,
            format!(
                "the driver ({name}) does not support it: packets are dropped later, at a higher cost"
            ),
            match device.kind {
                Some(_) => "protect the card below it, if its driver does",
                None => {
                    "use a card whose driver does, or a newer kernel; generic mode works meanwhile"
                }
            },
        ),
        // Before Linux 6.3 only an attempt tells.
        None => Finding::ok(
            CHECK,
            format!(
                "this kernel does not say whether the driver ({name}) supports it; `throttler run` tries, and says"
            ),
        ),
    }
}

fn mtu(device: &Device, driver: &Driver) -> Finding {
    const CHECK: &str = "MTU";
    let mtu = device.mtu;
    match driver.features {
        _ if mtu <= ONE_BUFFER => {
            Finding::ok(CHECK, format!("{mtu}: a frame fits into one buffer"))
        }
        Some(XdpFeatures { frags: true, .. }) => Finding::ok(
            CHECK,
            format!("{mtu}: frames of several buffers, which the driver hands over"),
        ),
        Some(XdpFeatures {
            native: true,
            frags: false,
        }) => Finding::warn(
            CHECK,
            format!(
                "{mtu}: the driver does not hand over frames of several buffers, and may refuse native XDP"
            ),
            format!("ip link set dev {} mtu {ONE_BUFFER}", device.name),
        ),
        _ => Finding::ok(CHECK, format!("{mtu}")),
    }
}

fn queues(device: &Device, driver: &Driver) -> Finding {
    const CHECK: &str = "queues";
    let Channels {
        used,
        most,
        are_combined,
    } = driver.channels.unwrap_or_default();
    let queues = if used == 0 {
        device.rx_queues.max(1)
    } else {
        used
    };
    let which = if are_combined { "combined" } else { "rx" };
    let set = |count: u32| format!("ethtool -L {} {which} {count}", device.name);
    if HALF_THE_QUEUES.contains(&&*driver.name) && most > 1 && used > most / 2 {
        return Finding::warn(
            CHECK,
            format!(
                "{queues} of {most}: {} needs as many again for XDP and refuses native mode",
                driver.name
            ),
            set(most / 2),
        );
    }
    let wanted = driver.processors.min(most);
    if queues < wanted {
        return Finding::warn(
            CHECK,
            format!(
                "{queues} for {} processors: the others do not help to receive",
                driver.processors
            ),
            set(wanted),
        );
    }
    Finding::ok(
        CHECK,
        format!("{queues} for {} processors", driver.processors),
    )
}

fn offloads(device: &Device, driver: &Driver) -> Finding {
    const CHECK: &str = "offloads";
    if driver.joins {
        return Finding::warn(
            CHECK,
            "large receive offload joins packets before XDP sees them, and most drivers refuse XDP with it",
            format!("ethtool -K {} lro off", device.name),
        );
    }
    Finding::ok(CHECK, "no large receive offload")
}

#[cfg(test)]
mod tests;
