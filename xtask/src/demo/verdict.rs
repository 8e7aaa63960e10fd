//! Whether what was seen is what the policy says, and what it was.

use std::time::Duration;

use super::{
    clients::{CLIENTS, COUNT, Class, Client},
    observe::Seen,
    policy::{Allowance, SCOPES},
};

/// What contradicts the policy; nothing, if all is well. `received` are the datagrams that reached the server, by client.
pub(super) fn problems(seen: &Seen, received: [u64; COUNT], elapsed: Duration) -> Vec<String> {
    let mut problems = Vec::new();
    let mut claim = |holds: bool, what: String| {
        if !holds {
            problems.push(what);
        }
    };
    for (index, client) in CLIENTS.iter().enumerate() {
        let (name, sent, tally) = (client.name.join(" "), seen.sent[index], seen.tally(index));
        claim(
            tally.passed + tally.dropped == sent,
            format!("{name} sent {sent} packets, {tally:?} were counted"),
        );
        let (passed, dropped) = (tally.passed, tally.dropped);
        if client.class == Class::Blocked {
            claim(passed == 0, format!("{passed} packets of {name} passed"));
        } else if client.class == Class::Exempt || client.polite {
            claim(
                dropped == 0,
                format!("{dropped} packets of {name} were dropped"),
            );
        } else {
            for what in limits(seen, index, client, elapsed) {
                claim(false, what);
            }
        }
        // The witness that is not the throttler itself: the server behind it.
        let wanted = datagrams(seen, index);
        let came = received[index];
        claim(
            came == wanted,
            format!("{wanted} datagrams of {name} passed, but {came} reached the server"),
        );
    }
    let [free, pro] = [Class::Free, Class::Pro].map(|class| seen.tally(bursty(class)).passed);
    claim(pro > free, format!("pro passed {pro} packets, free {free}"));
    let counters = &seen.counters;
    let exempt = seen.tally(bursty(Class::Exempt)).passed;
    for (reason, wanted) in [
        (
            "over_limit",
            seen.dropped_of(|class| class != Class::Blocked),
        ),
        ("blocked", seen.dropped_of(|class| class == Class::Blocked)),
        ("exempt", exempt),
    ] {
        let counted = counters.reason_total(reason).0;
        claim(
            counted == wanted,
            format!("{counted} packets are counted as {reason}, but {wanted} by source"),
        );
    }
    claim(
        counters.xdp_mode == "native",
        format!("the program runs in {} mode", counters.xdp_mode),
    );
    problems
}

/// Each bucket of a bursty client let its burst pass, and at most burst + rate * time.
fn limits(seen: &Seen, index: usize, client: &Client, elapsed: Duration) -> Vec<String> {
    let mut problems = Vec::new();
    for source in client.sources() {
        for scope in &SCOPES {
            let allowance = if client.class == Class::Pro {
                scope.pro
            } else {
                scope.free
            };
            let (least, most) = (u64::from(allowance.burst), at_most(allowance, elapsed));
            let key = (source.clone(), scope.name.to_owned());
            let tally = seen.clients[index].get(&key).copied().unwrap_or_default();
            if !(least..=most).contains(&tally.passed) || tally.dropped == 0 {
                problems.push(format!(
                    "{source} in {}: {} passed, {} dropped; {least} to {most} should pass, the rest not",
                    scope.name, tally.passed, tally.dropped
                ));
            }
        }
    }
    problems
}

fn at_most(allowance: Allowance, elapsed: Duration) -> u64 {
    let refilled = u128::from(allowance.per_second) * elapsed.as_nanos() / 1_000_000_000;
    u64::from(allowance.burst) + u64::try_from(refilled).unwrap_or(u64::MAX)
}

fn datagrams(seen: &Seen, index: usize) -> u64 {
    let buckets = seen.clients[index].iter();
    buckets
        .filter(|((_, scope), _)| scope == "dns")
        .map(|(_, tally)| tally.passed)
        .sum()
}

/// The client of a class that sends more than it may.
fn bursty(class: Class) -> usize {
    let found = CLIENTS
        .iter()
        .position(|client| client.class == class && !client.polite);
    found.expect("a client of each class")
}

/// What was seen, in two lines.
pub(super) fn explanation(seen: &Seen, elapsed: Duration) -> String {
    let share = |class| {
        let index = bursty(class);
        100.0 * seen.tally(index).passed as f64 / seen.sent[index] as f64
    };
    let counters = &seen.counters;
    format!(
        "{} of {} packets never reached the kernel: {} over limit, {} blocked.\n\
         Free had {:.0} % of its bursts through in {:.0} s, pro {:.0} %, staff all.",
        counters.dropped,
        counters.packets,
        counters.reason_total("over_limit").0,
        counters.reason_total("blocked").0,
        share(Class::Free),
        elapsed.as_secs_f64(),
        share(Class::Pro),
    )
}

#[cfg(test)]
mod tests;
