//! How long `throttler dump buckets` takes over a table of a million sources.

use std::os::fd::AsFd as _;
use std::time::Instant;

use anyhow::Result;
use throttler_lab::PinDir;

use crate::driver::{Driver, Subject};
use crate::figures::Fact;
use crate::figures::targets::work::DUMP_SECONDS;
use crate::packets::Packet;
use crate::subject;

/// Of each family.
const SOURCES: u32 = 1_000_000;

/// `pin` is the directory of a program whose sources are known.
pub(super) fn seconds(driver: &Driver, program: &Subject, pins: &PinDir, pin: &str) -> Fact {
    let time = || -> Result<f64> {
        let bpffs = pins.path().join(pin);
        let _attached = subject::attach(program.program.as_fd(), &bpffs)?;
        driver.sweep(program, &Packet::Udp.frame(4), SOURCES)?;
        let start = Instant::now();
        subject::command(&bpffs, &["dump", "buckets", "-o", "json"])?;
        Ok(start.elapsed().as_secs_f64())
    };
    Fact {
        name: DUMP_SECONDS,
        unit: "s",
        value: time().map_err(|error| format!("{error:#}")),
    }
}
