//! The part that measures programs over frames in memory (`BPF_PROG_TEST_RUN`).

mod admitted;
mod cases;
mod dump;
mod memory;
mod publishing;
mod rounds;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use throttler_lab::{Interrupts, PinDir};

use self::cases::Policy;
use crate::driver::{Driver, Subject};
use crate::figures::{Cost, Fact, Published};
use crate::filter::{Filter, Listed};
use crate::options::Options;
use crate::{interrupted, subject, sys};

/// Rounds and packets of a case, and sources of the long ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) packets: u32,
}

impl Effort {
    pub(crate) fn of(options: &Options) -> Self {
        if options.quick {
            Self {
                rounds: 1,
                packets: 20_000,
            }
        } else {
            Self {
                rounds: 8,
                packets: 400_000,
            }
        }
    }
}

/// What this part found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) costs: Vec<Cost>,
    pub(crate) published: Vec<Published>,
    pub(crate) facts: Vec<Fact>,
}

pub(crate) fn measure(
    driver: &Driver,
    pins: &PinDir,
    effort: Effort,
    interrupts: &Interrupts,
) -> Result<Found> {
    sys::pin_to(0).context("keeping to one CPU")?;
    let mut ours = BTreeMap::new();
    for policy in Policy::ALL {
        interrupted(interrupts)?;
        let loaded = subject::load(&policy.text(), &pins.path().join(policy.pin()))
            .with_context(|| format!("loading the program for {policy:?}"))?;
        let subject = Subject {
            program: loaded.program,
            linear: false,
        };
        ours.insert(policy, subject);
    }
    let filters = Listed::ALL.map(|listed| {
        let filter = Filter::load(pins, listed);
        (listed, filter.map_err(|error| format!("{error:#}")))
    });
    let programs = cases::Programs {
        ours,
        driver,
        filters: filters.into(),
    };
    let cases = cases::all();
    let costs = rounds::run(&programs, &cases, effort, interrupts)?;
    let dumped = dump::seconds(
        driver,
        &programs.ours[&Policy::Pass],
        pins,
        &Policy::Pass.pin(),
    );
    drop(programs);
    interrupted(interrupts)?;
    Ok(Found {
        costs,
        published: publishing::measure(driver, pins, effort, interrupts)?,
        facts: vec![admitted::fact(driver, pins), memory::fact(), dumped],
    })
}
