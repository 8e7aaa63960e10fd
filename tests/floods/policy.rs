//! The policy that a flood meets.

use std::fmt::Write as _;

use crate::ground::{GREEDY, Ground, Source};
use crate::kind::{Kind, port};

/// What a patient source may send, and at once: nothing comes back within a test.
pub(crate) const BURST: u64 = 200;
const DAY: u64 = 86_400;
/// What one packet of a patient source adds to its arrival time, in ticks of 1/64 ns; it is a whole number.
pub(crate) const INCREMENT: u64 =
    (DAY * 1_000_000_000 / BURST) << throttler_common::abi::TICK_SHIFT;

/// Whether an honest source is of the plan whose limit it has paid for a moment after each packet. It is never in
/// debt for long, but known.
pub(crate) fn is_quick(number: u64) -> bool {
    !number.is_multiple_of(2)
}

/// The name of a ground's scope.
pub(crate) fn scope_name(ground: &Ground, scope: u64) -> String {
    if ground.scopes == 1 {
        "default".to_owned()
    } else {
        format!("s{scope}")
    }
}

/// The text of the policy.
pub(crate) fn text(kind: Kind, ground: &Ground, max_sources: u64) -> String {
    let mut text = format!("[throttler]\nmax_sources = {max_sources}\n");
    let unit = kind.unit();
    let rate = if kind.is_soon_paid() {
        "1000/s".to_owned()
    } else {
        format!("{BURST}/day")
    };
    for scope in 0..ground.scopes {
        let name = scope_name(ground, scope);
        if ground.scopes > 1 {
            let port = port(scope);
            write!(
                text,
                "[scopes.{name}]\nmatch = [{{ protocol = \"udp\", ports = [\"{port}\"] }}]\n"
            )
            .expect("a String takes all");
        }
        write!(
            text,
            "[scopes.{name}.limits]\neach = {{ rate = \"{rate}\", unit = \"{unit}\" }}\n\
             [plans.patient.{name}]\neach = \"{BURST}/day\"\n[plans.quick.{name}]\neach = \"1000/s\"\n"
        )
        .expect("a String takes all");
    }
    let honest = |quick| (0..ground.honest).filter(move |number| is_quick(*number) == quick);
    let greedy = (0..GREEDY).map(|number| ground.greedy(number));
    let patient = honest(false).map(|number| ground.honest(number));
    let quick = honest(true).map(|number| ground.honest(number));
    text + &class("patient", patient.chain(greedy)) + &class("quick", quick)
}

fn class(plan: &str, sources: impl Iterator<Item = Source>) -> String {
    let list: Vec<String> = sources
        .map(|source| {
            let length = if source.addr.is_ipv4() { 32 } else { 64 };
            format!("\"{}/{length}\"", source.addr)
        })
        .collect();
    format!(
        "[[sources]]\nfrom = [{}]\nplan = \"{plan}\"\n",
        list.join(", ")
    )
}
