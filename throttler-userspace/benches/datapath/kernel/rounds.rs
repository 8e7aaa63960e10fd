//! Runs all cases, in rounds in which they take turns; the least of each counts.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use throttler_lab::Interrupts;

use super::Effort;
use super::cases::{Case, Program, Programs, Verdict};
use crate::driver::{Driver, Subject};
use crate::figures::{Cost, Draw};
use crate::interrupted;
use crate::packets::Packet;

/// What the floor depends on.
type Floor = (Draw, u8, u8);

pub(super) fn run(
    programs: &Programs<'_>,
    cases: &[Case],
    effort: Effort,
    interrupts: &Interrupts,
) -> Result<Vec<Cost>> {
    let driver = programs.driver;
    acquaint(programs, cases, interrupts)?;
    let floors: BTreeSet<Floor> = cases.iter().map(floor_of).collect();
    let mut floors: BTreeMap<Floor, u32> =
        floors.into_iter().map(|floor| (floor, u32::MAX)).collect();
    let mut least: Vec<Result<u32, String>> = cases.iter().map(|_| Ok(u32::MAX)).collect();
    for round in 0..effort.rounds {
        eprintln!("bench: round {} of {}", round + 1, effort.rounds);
        for ((draw, family, cpus), floor) in &mut floors {
            let frame = Packet::Udp.frame(*family);
            let run = driver.measure(&driver.floor, &frame, *draw, *cpus, effort.packets);
            *floor = run?.nanos.min(*floor);
        }
        for (case, least) in cases.iter().zip(&mut least) {
            interrupted(interrupts)?;
            if let Ok(so_far) = least {
                *least = match programs.subject(case.program) {
                    Ok(subject) => Ok(once(driver, subject, case, effort)?.min(*so_far)),
                    Err(reason) => Err(reason),
                };
            }
        }
    }
    let costs = cases.iter().zip(least).map(|(case, least)| Cost {
        program: case.program.name(),
        case: case.name,
        family: case.family,
        draw: case.draw,
        cpus: case.cpus,
        nanos: least.map(|nanos| [nanos, floors[&floor_of(case)]]),
    });
    Ok(costs.collect())
}

fn floor_of(case: &Case) -> Floor {
    (case.draw, case.family, case.cpus)
}

fn once(driver: &Driver, subject: &Subject, case: &Case, effort: Effort) -> Result<u32> {
    let what = || {
        format!(
            "{}: {}, {} sources",
            case.program.name(),
            case.name,
            case.draw
        )
    };
    let frame = case.packet.frame(case.family);
    let run = driver
        .measure(subject, &frame, case.draw, case.cpus, effort.packets)
        .with_context(what)?;
    // By chance the last packet may be of a source that the case is not about.
    let exact = !matches!(
        case.draw,
        Draw::Uniform(1_000_000..) | Draw::Zipf(1_000_000..)
    );
    ensure!(
        !exact || run.result == case.verdict as u32,
        "{}: the program answered {}, not {:?}",
        what(),
        run.result,
        case.verdict
    );
    Ok(run.nanos)
}

/// Makes the sources of all cases known to the programs, those of the cases with the fewest first. The last of a
/// million find the table nearly full, some of them no way at all: a case of one source is not about these.
fn acquaint(programs: &Programs<'_>, cases: &[Case], interrupts: &Interrupts) -> Result<()> {
    let mut wanted: BTreeMap<(Program, u8), BTreeSet<u32>> = BTreeMap::new();
    for case in cases {
        let sources = match case.draw {
            Draw::One => 1,
            Draw::OneEach => u32::from(case.cpus),
            Draw::Uniform(sources) | Draw::Zipf(sources) => sources,
            Draw::EverNew => continue,
        };
        let of = wanted.entry((case.program, case.family)).or_default();
        of.insert(sources);
    }
    for ((program, family), amounts) in wanted {
        let sweeps = match program {
            Program::Throttler(policy) => policy.sweeps(),
            Program::Lru => 1,
            Program::Filter(_) | Program::Clock | Program::CacheLine => 0,
        };
        let Ok(subject) = programs.subject(program) else {
            continue;
        };
        let frame = Packet::Udp.frame(family);
        for sources in amounts {
            for _ in 0..sweeps {
                interrupted(interrupts)?;
                programs.driver.sweep(subject, &frame, sources)?;
            }
        }
    }
    Ok(())
}

const _: () = assert!(Verdict::Drop as u32 == 1 && Verdict::Pass as u32 == 2);
