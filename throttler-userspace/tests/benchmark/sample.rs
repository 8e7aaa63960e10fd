//! A small report for the tests of this crate.

use crate::figures::targets::{FILTER_ONE, MILLION, PASS, PLAIN_PASS, THROTTLER, live};
use crate::figures::{
    Cost, Draw, Fact, Handled, Live, Load, Machine, Published, Report, Share, Times,
};

fn cost(program: &'static str, case: &'static str, draw: Draw, nanos: [u32; 2]) -> Cost {
    Cost {
        program,
        case,
        family: 4,
        draw,
        cpus: 1,
        nanos: Ok(nanos),
    }
}

fn row(program: &'static str, pps: f64) -> Live {
    Live {
        program,
        draw: Draw::Uniform(1_000),
        seen: Ok(Handled {
            pps,
            busy: 0.99,
            passed: 0.001,
        }),
    }
}

pub(crate) fn report() -> Report {
    Report {
        machine: Machine {
            cpu: "a processor".to_owned(),
            cores: 2,
            kernel: "6.18".to_owned(),
            date: "2026-11-21".to_owned(),
            effort: "least of 1 round".to_owned(),
        },
        costs: vec![
            cost(THROTTLER, PASS, Draw::One, [100, 40]),
            cost(THROTTLER, PASS, MILLION, [150, 50]),
            cost(THROTTLER, PASS, Draw::EverNew, [240, 40]),
            cost(FILTER_ONE, PLAIN_PASS, Draw::One, [90, 40]),
            Cost {
                cpus: 2,
                ..cost(THROTTLER, PASS, Draw::OneEach, [110, 40])
            },
            Cost {
                nanos: Err("no package".to_owned()),
                ..cost(FILTER_ONE, PLAIN_PASS, MILLION, [0, 0])
            },
        ],
        live: vec![row(live::BARE_DROP, 7e6), row(live::OURS, 3.5e6)],
        loads: vec![Load {
            program: live::OURS,
            seen: Ok(Share {
                pps: 750_000.0,
                busy: 0.16,
                p50: Some(40.0),
                p99: None,
                sent: 10,
                lost: 1,
            }),
        }],
        published: vec![Published {
            prefixes: 10_000,
            seen: Ok(Times {
                parse: 10.0,
                compile: 20.0,
                publish: 30.0,
                meanwhile: 1.1,
            }),
        }],
        facts: vec![Fact {
            name: "a fact",
            unit: "s",
            value: Err("not measured".to_owned()),
        }],
    }
}
