//! What is measured: each program under test with each kind of packet and each draw of sources.

mod policy;
mod program;

pub(super) use self::policy::Policy;
pub(super) use self::program::{Program, Programs};

use crate::figures::Draw;
use crate::figures::targets::{MILLION, PLAIN_DROP, PLAIN_PASS};
use crate::filter::{Listed, MANY};
use crate::packets::Packet;

/// What the program must say of the last packet; otherwise the case measures something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Drop = 1,
    Pass = 2,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) program: Program,
    pub(super) name: &'static str,
    pub(super) packet: Packet,
    pub(super) family: u8,
    pub(super) draw: Draw,
    pub(super) cpus: u8,
    pub(super) verdict: Verdict,
}

/// Draws of the usual cases.
const USUAL: [Draw; 4] = [
    Draw::One,
    Draw::Uniform(1_000),
    Draw::Uniform(100_000),
    MILLION,
];
const ZIPF: [Draw; 2] = [Draw::Zipf(100_000), Draw::Zipf(1_000_000)];
const FLOOD: [Draw; 2] = [Draw::Uniform(1_000), Draw::EverNew];
const TOGETHER: [Draw; 4] = [Draw::One, Draw::OneEach, MILLION, Draw::EverNew];

pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for family in [4, 6] {
        for policy in [Policy::Pass, Policy::Over] {
            cases.extend(USUAL.map(|draw| ours(policy, family, draw)));
        }
        cases.push(ours(Policy::PassFour, family, Draw::One));
        for policy in [Policy::Banned, Policy::Blocked, Policy::Exempt] {
            cases.extend([Draw::One, MILLION].map(|draw| ours(policy, family, draw)));
        }
        cases.push(ours(Policy::Unlimited, family, Draw::One));
        cases.push(ours(Policy::PassNew, family, Draw::EverNew));
    }
    cases.extend([Policy::PassTwo, Policy::PassThree].map(|policy| ours(policy, 4, Draw::One)));
    for policy in [Policy::Pass, Policy::Over] {
        cases.extend(ZIPF.map(|draw| ours(policy, 4, draw)));
    }
    cases.extend(floods());
    cases.extend(others());
    cases.extend(together());
    cases
}

fn ours(policy: Policy, family: u8, draw: Draw) -> Case {
    Case {
        program: Program::Throttler(policy),
        name: policy.case(),
        packet: Packet::Udp,
        family,
        draw,
        cpus: 1,
        verdict: policy.verdict(),
    }
}

/// Kinds of packets whose cost must be bounded, too. Those of known sources share a table with the rest,
/// ever-new ones would fill it.
fn floods() -> impl Iterator<Item = Case> {
    let kinds = [
        (Packet::Icmp, "pass, ICMP flood", Verdict::Pass),
        (Packet::Fragment, "pass, fragment flood", Verdict::Pass),
        (Packet::Malformed, "drop, malformed flood", Verdict::Drop),
    ];
    kinds.into_iter().flat_map(|(packet, name, verdict)| {
        FLOOD.map(|draw| Case {
            name,
            packet,
            verdict,
            ..ours(
                if draw == Draw::EverNew {
                    Policy::PassNew
                } else {
                    Policy::Pass
                },
                4,
                draw,
            )
        })
    })
}

/// The programs beside ours.
fn others() -> impl Iterator<Item = Case> {
    let case = |program, name, draw, verdict| Case {
        program,
        name,
        packet: Packet::Udp,
        family: 4,
        draw,
        cpus: 1,
        verdict,
    };
    let filters = [1, MANY].into_iter().flat_map(move |entries| {
        let [others, sources, destination] = [
            Listed::Others(entries),
            Listed::Sources(entries),
            Listed::Destination(entries),
        ]
        .map(Program::Filter);
        [
            case(others, PLAIN_PASS, Draw::One, Verdict::Pass),
            case(sources, PLAIN_DROP, Draw::One, Verdict::Drop),
            case(others, PLAIN_PASS, MILLION, Verdict::Pass),
            case(destination, "drop, by destination", MILLION, Verdict::Drop),
        ]
    });
    let denied = case(
        Program::Filter(Listed::Sources(MANY)),
        PLAIN_DROP,
        Draw::Uniform(MANY),
        Verdict::Drop,
    );
    let lru = [Draw::One, MILLION, Draw::EverNew];
    filters
        .chain([
            denied,
            case(Program::Clock, PLAIN_DROP, Draw::One, Verdict::Drop),
            case(Program::CacheLine, PLAIN_DROP, MILLION, Verdict::Drop),
        ])
        .chain(lru.map(|draw| case(Program::Lru, PLAIN_PASS, draw, Verdict::Pass)))
}

/// Two CPUs at once.
fn together() -> impl Iterator<Item = Case> {
    let pass = TOGETHER.map(|draw| {
        let new = draw == Draw::EverNew;
        ours(if new { Policy::PassNew } else { Policy::Pass }, 4, draw)
    });
    let over = [Draw::One, Draw::OneEach].map(|draw| ours(Policy::Over, 4, draw));
    let lru = others().filter(|case| case.program == Program::Lru);
    let filter = others().filter(|case| {
        (case.program, case.draw) == (Program::Filter(Listed::Others(1)), Draw::One)
    });
    let cases = pass.into_iter().chain(over).chain(lru).chain(filter);
    cases.map(|case| Case { cpus: 2, ..case })
}
