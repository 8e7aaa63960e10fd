//! Whether two CPUs that share a source admit more than its limit.

use std::os::fd::AsFd as _;

use anyhow::{Result, ensure};
use serde_json::Value;
use throttler_lab::{Counters, PinDir};

use crate::driver::{Driver, Subject};
use crate::figures::targets::OVER_ADMITTED;
use crate::figures::{Draw, Fact};
use crate::packets::Packet;
use crate::{policies, subject};

/// The burst, and what each CPU sends: the limit is reached in the midst of it.
const BURST: u32 = 100_000;

pub(super) fn fact(driver: &Driver, pins: &PinDir) -> Fact {
    Fact {
        name: OVER_ADMITTED,
        unit: "packets",
        value: beyond(driver, pins).map_err(|error| format!("{error:#}")),
    }
}

fn beyond(driver: &Driver, pins: &PinDir) -> Result<f64> {
    let bpffs = pins.path().join("admitted");
    let loaded = subject::load(&policies::burst(BURST), &bpffs)?;
    let subject = Subject {
        program: loaded.program,
        linear: false,
    };
    let _attached = subject::attach(subject.program.as_fd(), &bpffs)?;
    driver.measure(&subject, &Packet::Udp.frame(4), Draw::One, 2, BURST)?;
    let dump = subject::command(&bpffs, &["dump", "counters", "-o", "json"])?;
    let dump: Value = serde_json::from_str(&dump)?;
    let counters = Counters::from_json(&dump, subject::INTERFACE)?;
    ensure!(
        counters.packets == u64::from(2 * BURST),
        "{} of {} packets were counted",
        counters.packets,
        2 * BURST
    );
    let (admitted, _) = counters.reason_total("conforming");
    Ok(admitted as f64 - f64::from(BURST))
}
