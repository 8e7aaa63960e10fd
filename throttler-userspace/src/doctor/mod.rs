//! `doctor`: what stands in the way of full protection at full speed on this host, each finding with its mend. It reads,
//! and changes nothing: no program is loaded on an interface to see whether it would be taken.

mod attached;
mod device;
mod finding;
mod host;
mod memory;

use std::path::Path;

use anyhow::{Result, anyhow};

pub use self::finding::{Finding, Level};
use crate::kernel::checks;
use crate::kernel::pins::Pins;
use crate::kernel::topology::{self, Device};

/// Looks at the host, and at the interfaces asked for: else those with pins, else those that are up.
///
/// # Errors
/// The interfaces cannot be read. Whatever else cannot be found out is a finding.
pub fn examine(bpffs: &Path, state_dir: &Path, ifaces: &[String]) -> Result<Vec<Finding>> {
    let privileged = checks::privilege("doctor").is_ok();
    let mut findings = host::examine(bpffs, privileged);
    let devices = topology::devices()?;
    let pinned: Vec<String> = Pins::all(bpffs)
        .unwrap_or_default()
        .into_iter()
        .filter(Pins::exist)
        .map(|pins| pins.iface)
        .collect();
    for iface in chosen(ifaces, &pinned, &devices) {
        let of_iface = match devices.iter().find(|device| device.name == iface) {
            Some(device) => {
                let mut found = device::examine(device, &devices);
                found.extend(attached::examine(bpffs, state_dir, device, privileged));
                found
            }
            None => vec![absent(&devices)],
        };
        findings.extend(of_iface.into_iter().map(|finding| finding.on(&iface)));
    }
    if findings.iter().all(|finding| finding.iface.is_none()) && ifaces.is_empty() {
        return Err(anyhow!(
            "no interface of this network namespace is up: take one up (`ip link set dev IF up`), or name one with --iface"
        ));
    }
    Ok(findings)
}

fn chosen(asked: &[String], pinned: &[String], devices: &[Device]) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    if !pinned.is_empty() {
        return pinned.to_vec();
    }
    let up = devices.iter().filter(|one| one.is_up && !one.is_loopback);
    up.map(|one| one.name.clone()).collect()
}

fn absent(devices: &[Device]) -> Finding {
    let names: Vec<&str> = devices.iter().map(|one| one.name.as_str()).collect();
    Finding::fail(
        "interface",
        "there is no such interface in this network namespace",
        format!(
            "there is {}; `throttler run --wait-iface` waits for one to appear",
            names.join(", ")
        ),
    )
}
