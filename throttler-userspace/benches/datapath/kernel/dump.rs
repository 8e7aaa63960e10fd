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

const SOURCES: u32 = 1_000_000;
const ROUNDS: usize = 3;

/// `pin` is the directory of a program whose sources are known.
pub(super) fn seconds(driver: &Driver, program: &Subject, pins: &PinDir, pin: &str) -> Fact {
    let time = || -> Result<f64> {
        let bpffs = pins.path().join(pin);
        let _attached = subject::attach(program.program.as_fd(), &bpffs)?;
        driver.sweep(program, &Packet::Udp.frame(4), SOURCES)?;
        // The IPv4 ones alone: other cases have left as many of the other family.
        let what = ["dump", "buckets", "-o", "json", "--source", "0.0.0.0/0"];
        let mut least = f64::INFINITY;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            subject::quietly(&bpffs, &what)?;
            least = least.min(start.elapsed().as_secs_f64());
        }
        Ok(least)
    };
    Fact {
        name: DUMP_SECONDS,
        unit: "s",
        value: time().map_err(|error| format!("{error:#}")),
    }
}
