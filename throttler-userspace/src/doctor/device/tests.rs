//! What is said of drivers and places that these machines do not have.

use super::*;
use crate::doctor::Level;

fn card() -> Device {
    Device {
        name: "eth0".to_owned(),
        index: 2,
        mtu: 1_500,
        is_up: true,
        is_ethernet: true,
        rx_queues: 4,
        ..Device::default()
    }
}

fn driver(name: &str, native: bool, frags: bool) -> Driver {
    Driver {
        name: name.to_owned(),
        features: Some(XdpFeatures { native, frags }),
        channels: None,
        joins: false,
        processors: 4,
    }
}

fn combined(used: u32, most: u32) -> Option<Channels> {
    Some(Channels {
        used,
        most,
        are_combined: true,
    })
}

#[test]
fn jumbo_frames_need_a_driver_that_hands_them_over() {
    let jumbo = Device {
        mtu: 9_000,
        ..card()
    };
    assert_eq!(
        mtu(&card(), &driver("virtio_net", true, false)).level,
        Level::Ok
    );
    assert_eq!(mtu(&jumbo, &driver("ixgbe", true, true)).level, Level::Ok);
    let refused = mtu(&jumbo, &driver("ena", true, false));
    assert_eq!(refused.level, Level::Warn);
    assert_eq!(
        refused.mend.as_deref(),
        Some("ip link set dev eth0 mtu 3498")
    );
}

#[test]
fn drivers_that_need_half_the_queues_are_known() {
    let mut ena = driver("ena", true, false);
    ena.channels = combined(4, 4);
    let found = queues(&card(), &ena);
    assert_eq!(found.mend.as_deref(), Some("ethtool -L eth0 combined 2"));
    ena.channels = combined(2, 4);
    ena.processors = 2;
    assert_eq!(queues(&card(), &ena).level, Level::Ok);
}

#[test]
fn idle_processors_are_named() {
    let mut virtio = driver("virtio_net", true, true);
    virtio.channels = combined(1, 8);
    let found = queues(&card(), &virtio);
    assert_eq!(found.mend.as_deref(), Some("ethtool -L eth0 combined 4"));
    virtio.channels = combined(4, 8);
    assert_eq!(queues(&card(), &virtio).level, Level::Ok);
    virtio.channels = None;
    assert_eq!(queues(&card(), &virtio).level, Level::Ok);
}

#[test]
fn offloads_that_hide_packets_are_named() {
    let mut mlx = driver("mlx5_core", true, true);
    assert_eq!(offloads(&card(), &mlx).level, Level::Ok);
    mlx.joins = true;
    assert_eq!(offloads(&card(), &mlx).level, Level::Warn);
}

#[test]
fn a_link_without_ethernet_is_refused() {
    let tunnel = Device {
        is_ethernet: false,
        ..card()
    };
    assert_eq!(link(&tunnel).level, Level::Fail);
    let down = Device {
        is_up: false,
        ..card()
    };
    assert_eq!(link(&down).mend.as_deref(), Some("ip link set dev eth0 up"));
}

#[test]
fn buckets_are_held_once_for_a_bond() {
    let bond = Device {
        name: "bond0".to_owned(),
        index: 9,
        kind: Some("bond".to_owned()),
        ..card()
    };
    let part = Device {
        controller: Some(9),
        ..card()
    };
    let all = [bond.clone(), part.clone()];
    let found = place(&part, &all);
    assert_eq!(found.level, Level::Warn);
    assert_eq!(found.mend.as_deref(), Some("protect bond0 instead"));
    let whole = place(&bond, &all);
    assert_eq!(whole.level, Level::Ok);
    assert!(whole.found.contains("eth0"), "{}", whole.found);
    assert_eq!(place(&bond, &[]).level, Level::Warn);
    assert_eq!(place(&card(), &all).level, Level::Ok);
}

#[test]
fn what_a_vlan_stands_on_is_named() {
    let vlan = Device {
        name: "eth0.5".to_owned(),
        kind: Some("vlan".to_owned()),
        lower: Some(2),
        ..card()
    };
    let found = place(&vlan, &[card()]);
    assert_eq!(found.level, Level::Warn);
    assert!(
        found
            .mend
            .is_some_and(|mend| mend.contains("protect eth0:"))
    );
    // In another network namespace.
    assert!(place(&vlan, &[]).found.contains("the interface below it"));
}
