//! The live part: a veth pair, one CPU that sends as fast as it can, one that receives.

mod flood;
mod honest;
mod idle;
mod protection;
mod receiver;
mod window;

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};
use throttler_lab::{Interrupts, Lab, PinDir};

use self::flood::Flood;
use self::protection::{Allowed, Protection};
use self::receiver::Receiver;
use self::window::Sample;
use crate::driver::Driver;
use crate::figures::{Draw, Fact, Handled, Live, Load, Share};

/// What this part found.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) rows: Vec<Live>,
    pub(crate) loads: Vec<Load>,
    pub(crate) facts: Vec<Fact>,
}

const FEW: Draw = Draw::Uniform(1_000);
const MANY: Draw = Draw::Uniform(100_000);
const ROWS: [(Protection, Draw); 11] = [
    (Protection::Drop, FEW),
    (Protection::Nothing, FEW),
    (Protection::Throttler, FEW),
    (Protection::Filter, FEW),
    (Protection::Nft, FEW),
    (Protection::Iptables, FEW),
    (Protection::Drop, MANY),
    (Protection::Throttler, MANY),
    (Protection::Filter, MANY),
    (Protection::Nft, MANY),
    (Protection::Iptables, MANY),
];

/// Of the flood of a fixed rate.
const RATE: u32 = 750_000;
/// Until buckets are empty and tables are as full as they become: of a million packets drawn from 100,000
/// sources, hardly one is of a source that was not seen before.
const SETTLE: Duration = Duration::from_millis(700);
const SETTLE_MANY: Duration = Duration::from_millis(2_000);

/// How long to look, and how often.
struct Effort {
    window: Duration,
    rounds: usize,
    load: Duration,
}

pub(crate) fn measure(
    driver: &Driver,
    pins: &PinDir,
    quick: bool,
    interrupts: &Interrupts,
) -> Result<Seen> {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        bail!("the live part takes two CPUs: one sends, one receives");
    }
    let effort = Effort {
        window: Duration::from_millis(if quick { 300 } else { 1_200 }),
        rounds: if quick { 1 } else { 3 },
        load: Duration::from_millis(if quick { 500 } else { 4_000 }),
    };
    let lab = Lab::new("bench")?;
    let mut best: Vec<Result<Handled, String>> = ROWS.map(|_| Err(String::new())).into();
    for round in 0..effort.rounds {
        eprintln!("bench: live round {} of {}", round + 1, effort.rounds);
        for ((protection, draw), best) in ROWS.iter().zip(&mut best) {
            let flood = Flood {
                driver,
                draw: *draw,
                rate: None,
            };
            let run = handled(&lab, pins, *protection, &flood, effort.window, interrupts);
            crate::interrupted(interrupts)?;
            *best = match (run, &*best) {
                (Ok(handled), Ok(before)) if before.capacity() >= handled.capacity() => Ok(*before),
                (Ok(handled), _) => Ok(handled),
                (Err(_), Ok(before)) => Ok(*before),
                (Err(error), Err(_)) => Err(format!("{error:#}")),
            };
        }
    }
    let rows = ROWS
        .iter()
        .zip(best)
        .map(|((protection, draw), seen)| Live {
            program: protection.name(),
            draw: *draw,
            seen,
        });
    let mut seen = Seen {
        rows: rows.collect(),
        ..Seen::default()
    };
    for protection in Protection::ALL {
        let flood = Flood {
            driver,
            draw: FEW,
            rate: Some(RATE),
        };
        let share = share(&lab, pins, protection, &flood, effort.load, interrupts);
        crate::interrupted(interrupts)?;
        seen.loads.push(Load {
            program: protection.name(),
            seen: share.map_err(|error| format!("{error:#}")),
        });
    }
    seen.facts = idle::facts(&lab, interrupts);
    Ok(seen)
}

fn handled(
    lab: &Lab,
    pins: &PinDir,
    protection: Protection,
    flood: &Flood<'_>,
    window: Duration,
    interrupts: &Interrupts,
) -> Result<Handled> {
    let _protection = protection.put(lab, pins, flood.driver, Allowed::NEXT_TO_NOTHING)?;
    let receiver = Receiver::settle(lab)?;
    flood.during(lab, || {
        interrupts.wait(if flood.draw == MANY {
            SETTLE_MANY
        } else {
            SETTLE
        })?;
        let before = Sample::take(lab, &receiver)?;
        interrupts.wait(window)?;
        Ok(Sample::take(lab, &receiver)?.since(&before))
    })
}

fn share(
    lab: &Lab,
    pins: &PinDir,
    protection: Protection,
    flood: &Flood<'_>,
    time: Duration,
    interrupts: &Interrupts,
) -> Result<Share> {
    let _protection = protection.put(lab, pins, flood.driver, Allowed::A_LITTLE)?;
    let receiver = Receiver::settle(lab)?;
    let server = honest::Server::start(lab)?;
    flood.during(lab, || {
        interrupts.wait(SETTLE)?;
        let before = Sample::take(lab, &receiver)?;
        let trips = server.ask(lab, time)?;
        let seen = Sample::take(lab, &receiver)?.since(&before);
        Ok(Share {
            pps: seen.pps,
            busy: seen.busy,
            p50: trips.quantile(0.5),
            p99: trips.quantile(0.99),
            sent: trips.sent(),
            lost: trips.lost,
        })
    })
}
