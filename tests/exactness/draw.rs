//! Random policies, of all that limits can be.

use std::collections::BTreeMap;

use crate::harness::{MINUTE, Rng, SECOND};
use crate::policy::{Abuse, Class, Limit, Over, Policy, Rate, Rule, Scope, Unit};
use crate::sources::SOURCES;

const DAY: u64 = 24 * 60 * MINUTE;
/// The longest bucket that a policy may have.
const LONGEST: u64 = 366 * DAY;
/// `global` buckets outlive their policy, and must be full before the next one.
const LONGEST_GLOBAL: u64 = 2 * DAY;

const SCOPES: [(&str, u16); 3] = [("default", 53), ("api", 443), ("web", 80)];
const LAYER: &str = "both";
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const GLOBAL_NAMES: [&str; 2] = ["g", "h"];
const PERIODS: [(&str, u64); 12] = [
    ("s", SECOND),
    ("sec", SECOND),
    ("10s", 10 * SECOND),
    ("7s", 7 * SECOND),
    ("min", MINUTE),
    ("m", MINUTE),
    ("30min", 30 * MINUTE),
    ("hour", 60 * MINUTE),
    ("13h", 13 * 60 * MINUTE),
    ("day", DAY),
    ("7d", 7 * DAY),
    ("366d", 366 * DAY),
];
const COUNTS: [&str; 24] = [
    "1",
    "2",
    "3",
    "5",
    "7",
    "10",
    "13",
    "20",
    "60",
    "97",
    "100",
    "500",
    "999",
    "1000",
    "12345",
    "0.5",
    "2.5",
    "0.125",
    "3.333",
    "0.01",
    "7000000",
    "999999937",
    "1000000000",
    "64000000.7",
];
const BYTES: [(&str, i128); 12] = [
    ("1000", 1),
    ("20k", 1_000),
    ("64Ki", 1 << 10),
    ("1M", 1_000_000),
    ("1.5M", 1_000_000),
    ("7M", 1_000_000),
    ("12.3M", 1_000_000),
    ("125M", 1_000_000),
    ("1.25G", 1_000_000_000),
    ("12.3G", 1_000_000_000),
    ("100G", 1_000_000_000),
    ("999.999", 1),
];

/// A rate that policies may have for the unit, with a bucket of at most `longest` nanoseconds.
fn rate(rng: &mut Rng, unit: Unit, longest: u64, least: u64) -> Rate {
    loop {
        let (period, nanos) = rng.pick(&PERIODS);
        let (count, factor) = match unit {
            Unit::Bytes => rng.pick(&BYTES),
            _ if rng.one_in(3) => ("", 1),
            _ => (rng.pick(&COUNTS), 1),
        };
        let drawn = (1 + rng.below(3_000)).to_string();
        let count = if count.is_empty() { &drawn } else { count };
        let digits = count.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let scale = 10_i128.pow(fraction.len() as u32);
        let number: i128 = format!("{whole}{fraction}").parse().expect("digits");
        let mut made = Rate {
            text: format!("{count}/{period}"),
            count: number * factor,
            per: i128::from(nanos) * scale,
            burst: u64::try_from((number * factor / scale).max(1)).expect("64 bits"),
            implied: true,
        };
        let most = match unit {
            Unit::Bytes => 100_000_000_000,
            _ => 1_000_000_000,
        };
        if made.count * i128::from(SECOND) > made.per * most {
            continue;
        }
        // 1/1000s is the slowest rate of bytes, also of a hundredth of a `global` limit.
        if unit == Unit::Bytes && made.count * i128::from(10 * SECOND) < made.per {
            continue;
        }
        let largest = i128::from(longest) * made.count / made.per;
        let largest = u64::try_from(largest)
            .unwrap_or(u64::MAX)
            .min(10_000_000_000);
        if largest < least {
            continue;
        }
        let bytes = unit == Unit::Bytes;
        if made.burst < least || made.burst > largest || !rng.one_in(3) {
            let end = match rng.below(4) {
                0 if bytes => 3_000,
                1 if bytes => 20_000,
                0 => 4,
                1 | 2 => 30,
                _ => 100_000,
            };
            // As if each size of burst were as likely.
            let few = if bytes { 60 } else { 0 };
            made.burst = (few + 1 + rng.below(end)).clamp(least, largest);
            made.implied = false;
        }
        return made;
    }
}

fn unit(rng: &mut Rng) -> Unit {
    match rng.below(5) {
        0 => Unit::Bytes,
        1 => Unit::Connections,
        _ => Unit::Packets,
    }
}

fn limits(rng: &mut Rng, names: &[&'static str], longest: u64, least: u64) -> Vec<Limit> {
    let some = names.iter().map(|name| {
        let unit = unit(rng);
        let rate = rate(rng, unit, longest, least);
        Limit { name, unit, rate }
    });
    some.collect()
}

fn scope(rng: &mut Rng, name: &'static str, port: Option<u16>) -> Scope {
    let least = u64::from(port.is_none());
    let count = least.max(rng.below(5)) as usize;
    let mut scope = Scope {
        name,
        port,
        monitor: port.is_some() && rng.one_in(8),
        layered: false,
        limits: limits(rng, &NAMES[..count], LONGEST, 1),
        global: Vec::new(),
        protected: Vec::new(),
        reserved: 0,
    };
    if port.is_some() && rng.one_in(3) {
        let count = 1 + rng.below(2) as usize;
        // A burst of 1 cannot be shared.
        scope.global = limits(rng, &GLOBAL_NAMES[..count], LONGEST_GLOBAL, 2);
    }
    scope
}

/// Any policy. `now` is when it is put in force, `span` for how long it is to be used.
pub(crate) fn policy(rng: &mut Rng, now: u64, span: u64) -> Policy {
    let scopes = 1 + rng.below(SCOPES.len() as u64) as usize;
    let mut all: Vec<_> = SCOPES[..scopes]
        .iter()
        .map(|(name, port)| scope(rng, name, Some(*port)))
        .collect();
    if rng.one_in(2) {
        for scope in &mut all {
            scope.layered = !rng.one_in(3);
        }
        all[0].layered |= all.iter().all(|scope| !scope.layered);
        all.push(scope(rng, LAYER, None));
    }
    let count = rng.below(3) as usize;
    for scope in &mut all {
        if count > 0 && !scope.global.is_empty() && rng.one_in(2) {
            scope.protected = vec![rng.below(count as u64) as usize];
            scope.reserved = 1 + rng.below(99) as u8;
        }
    }
    let mut policy = Policy {
        plans: vec![BTreeMap::new(); count],
        scopes: all,
        rules: Vec::new(),
        abuse: rng.one_in(2).then(|| abuse(rng)),
    };
    plans(rng, &mut policy);
    rules(rng, &mut policy, now, span);
    policy
}

fn abuse(rng: &mut Rng) -> Abuse {
    let ban_for = (1 + rng.below(20)) * SECOND;
    let refusals = rng.pick(&[3, 30, 300]);
    Abuse {
        refusals: 1 + rng.below(refusals),
        within: (1 + rng.below(100)) * SECOND,
        ban_for,
        ban_max: ban_for * (1 + rng.below(9)),
    }
}

fn plans(rng: &mut Rng, policy: &mut Policy) {
    for plan in &mut policy.plans {
        plan.clear();
        for scope in &policy.scopes {
            if rng.one_in(6) {
                plan.insert(scope.name, Over::Unlimited);
            } else if rng.one_in(2) {
                let mut over = BTreeMap::new();
                for limit in &scope.limits {
                    if rng.one_in(2) {
                        let rate = (!rng.one_in(5)).then(|| rate(rng, limit.unit, LONGEST, 1));
                        over.insert(limit.name, rate);
                    }
                }
                plan.insert(scope.name, Over::Limits(over));
            }
        }
    }
}

fn rules(rng: &mut Rng, policy: &mut Policy, now: u64, span: u64) {
    policy.rules.clear();
    for source in 0..SOURCES {
        for wide in [false, true] {
            if rng.one_in(3) {
                let class = match (rng.below(8), policy.plans.len() as u64) {
                    (0, _) | (_, 0) => rng.pick(&[Class::Exempt, Class::Block]),
                    (_, plans) => Class::Plan(rng.below(plans) as usize),
                };
                let until = (!rng.one_in(3)).then(|| now + SECOND + rng.below(span));
                let rule = Rule {
                    source,
                    wide,
                    class,
                    until,
                };
                policy.rules.push(rule);
            }
        }
    }
}

/// The same policy with other rates, bursts, plans, shares and classes; names and units stay.
pub(crate) fn another(rng: &mut Rng, policy: &Policy, now: u64, span: u64) -> Policy {
    let mut next = policy.clone();
    for scope in &mut next.scopes {
        for (limits, longest, least) in [
            (&mut scope.limits, LONGEST, 1),
            (&mut scope.global, LONGEST_GLOBAL, 2),
        ] {
            for limit in limits {
                if rng.one_in(2) {
                    limit.rate = rate(rng, limit.unit, longest, least);
                }
            }
        }
        if !scope.protected.is_empty() && rng.one_in(2) {
            scope.reserved = 1 + rng.below(99) as u8;
        }
    }
    if rng.one_in(2) {
        plans(rng, &mut next);
    }
    if rng.one_in(2) {
        rules(rng, &mut next, now, span);
    }
    next
}
