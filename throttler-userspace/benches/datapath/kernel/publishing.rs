//! How long a policy with many prefixes takes to get into force, and whether packets notice.

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use tempfile::TempDir;
use throttler::compile;
use throttler::kernel::load::Loaded;
use throttler::kernel::{monotonic, publish};
use throttler_lab::{Interrupts, PinDir};

use super::Effort;
use crate::driver::{Driver, Subject};
use crate::figures::{Draw, Published, Times};
use crate::packets::Packet;
use crate::sys::pin_to;
use crate::{interrupted, policies, subject};

const PREFIXES: [u32; 2] = [10_000, 1_000_000];
/// Of the packets that are timed meanwhile: short beside the time that publishing takes.
const PACKETS: u32 = 20_000;

pub(super) fn measure(
    driver: &Driver,
    pins: &PinDir,
    effort: Effort,
    interrupts: &Interrupts,
) -> Result<Vec<Published>> {
    let mut rows = Vec::new();
    for prefixes in PREFIXES {
        interrupted(interrupts)?;
        // A quick run reads, compiles and publishes as often.
        let rounds = effort.rounds.min(3);
        let bpffs = pins.path().join(format!("publish-{prefixes}"));
        let seen = times(driver, &bpffs, prefixes, rounds);
        rows.push(Published {
            prefixes,
            seen: seen.map_err(|error| format!("{error:#}")),
        });
    }
    Ok(rows)
}

fn times(driver: &Driver, bpffs: &Path, prefixes: u32, rounds: usize) -> Result<Times> {
    let dir = TempDir::new()?;
    fs::write(dir.path().join("blocked.txt"), list(prefixes))?;
    let policy = format!(
        "{}[[sources]]\nfile = \"blocked.txt\"\nblock = true\n",
        policies::passing(1)
    );
    let mut loaded = subject::load(&policies::passing(1), bpffs)?;
    let subject = Subject {
        program: loaded.program.try_clone()?,
        linear: false,
    };
    let mut all = Vec::new();
    // The first publish is not yet a reload: nothing is there to be taken out.
    for round in 0..=rounds {
        let times = beside(driver, &subject, || {
            reload(&mut loaded, &policy, dir.path())
        })?;
        if round > 0 {
            all.push(times);
        }
    }
    let sum = |times: &Times| times.parse + times.compile + times.publish;
    let least = all.into_iter().min_by(|a, b| sum(a).total_cmp(&sum(b)));
    least.context("no round")
}

/// Host prefixes of every third address, so that no two of them make one.
fn list(prefixes: u32) -> String {
    let mut text = String::new();
    for index in 0..prefixes {
        let _ = writeln!(text, "{}", Ipv4Addr::from(0x6440_0000 + 3 * index));
    }
    text
}

fn reload(loaded: &mut Loaded, policy: &str, dir: &Path) -> Result<Times> {
    let mut clock = Instant::now();
    let mut lap = || {
        let time = clock.elapsed().as_secs_f64() * 1e3;
        clock = Instant::now();
        time
    };
    let config = subject::parse(policy, dir)?;
    let parse = lap();
    let previous = publish::previous(&loaded.tables)?;
    let tables = compile::compile(&config, previous.as_ref(), monotonic::now())?;
    let compile = lap();
    publish::publish(&loaded.tables, &tables)?;
    Ok(Times {
        parse,
        compile,
        publish: lap(),
        meanwhile: 1.0,
    })
}

/// Does `work` on CPU 0 while CPU 1 measures packets.
fn beside(
    driver: &Driver,
    subject: &Subject,
    work: impl FnOnce() -> Result<Times>,
) -> Result<Times> {
    let frame = Packet::Udp.frame(4);
    let nanos = || -> Result<f64> {
        let run = driver.measure(subject, &frame, Draw::One, 1, PACKETS)?;
        Ok(f64::from(run.nanos))
    };
    let (known, done) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        let packets = scope.spawn(|| -> Result<(f64, Vec<f64>)> {
            let before = pin_to(1).map_err(anyhow::Error::from).and_then(|()| {
                let runs = (0..5).map(|_| nanos());
                runs.collect::<Result<Vec<_>>>()
            });
            // Also where that failed: the work waits.
            known.wait();
            let before = before?;
            let mut during = Vec::new();
            while !done.load(Ordering::Relaxed) {
                during.push(nanos()?);
            }
            Ok((median(before), during))
        });
        known.wait();
        let times = work();
        done.store(true, Ordering::Relaxed);
        let (before, during) = packets.join().map_err(|_| anyhow!("a thread panicked"))??;
        let mut times = times?;
        if !during.is_empty() {
            times.meanwhile = median(during) / before.max(1.0);
        }
        Ok(times)
    })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(0.0)
}
