//! One CPU: the program does what the reference says, packet by packet, on policies and arrivals drawn at random.

use std::collections::BTreeMap;

use throttler_common::Reason;
use throttler_common::notice::Kind;

use crate::arrivals::{Arrivals, Pace};
use crate::draw;
use crate::harness::{Answer, Program, Rng, SECOND, START};
use crate::policy::{Policy, Unit};
use crate::reference::{Outcome, Reference};
use crate::sources::{Packet, SOURCES, addresses};
use crate::{arrivals, policies, seed};

/// Loading the program costs as much as many policies; the uptime that it counts with is bounded, and so is its table.
const CASES_A_PROGRAM: u64 = 32;
/// What the silences of a case may take in all.
const BUDGET: u64 = 20 * 86_400 * SECOND;
/// Of all arrivals, those that the rounding of a rate may delay: one in so many, at most.
const DELAYED: u64 = 1_000;

/// One in so many packets is asked for the event that tells of it.
const TOLD: u64 = 10;

/// What was tried.
#[derive(Default)]
struct Tried {
    packets: u64,
    outcomes: BTreeMap<&'static str, u64>,
    reloads: u64,
    /// Events whose wait was held against the reference's.
    waits: u64,
    /// Refusals that the exact fraction would have admitted, within the documented rounding.
    delayed: u64,
}

/// One policy, and those that follow it.
struct Case<'a> {
    program: &'a mut Program,
    rng: &'a mut Rng,
    addresses: Vec<std::net::IpAddr>,
    reference: Reference,
    now: u64,
    last: (Outcome, [Option<u64>; 2]),
}

impl Case<'_> {
    fn publish(&mut self, policy: Policy) -> Result<(), String> {
        self.program.publish(&policy.text(&self.addresses));
        let described = &self.program.policy().description;
        self.reference.publish(policy, described)
    }

    fn pace(&mut self, source: usize, scope: usize) -> Pace {
        let edges = self.reference.edges((source, scope), self.now);
        let policy = self.reference.policy();
        let scope = &policy.scopes[scope];
        let all: Vec<_> = policy
            .layer()
            .filter(|_| scope.layered)
            .map(|layer| policy.scopes[layer].limits.iter())
            .into_iter()
            .flatten()
            .chain(&scope.limits)
            .chain(&scope.global)
            .collect();
        let interval = match all.len() as u64 {
            0 => SECOND,
            limits => {
                let limit = all[self.rng.below(limits) as usize];
                let units = if limit.unit == Unit::Bytes { 500 } else { 1 };
                let ns = limit.rate.per * units / limit.rate.count;
                u64::try_from(ns).expect("at most 366 days")
            }
        };
        Pace {
            interval,
            waits: self.last.1,
            edges,
        }
    }

    /// One packet: what the reference allows, what the program does.
    fn step(&mut self, arrivals: &mut Arrivals, tried: &mut Tried) -> Result<(), String> {
        let scopes = self
            .reference
            .policy()
            .scopes
            .iter()
            .filter(|s| s.port.is_some())
            .count();
        let scope = self.rng.below(scopes as u64) as usize;
        let pace = self.pace(arrivals.source, scope);
        arrivals.turn(self.rng, SOURCES, &pace);
        self.now += arrivals.gap(self.rng, &pace);
        let source = if self.rng.one_in(5) {
            self.rng.below(SOURCES as u64) as usize
        } else {
            arrivals.source
        };
        let port = self.reference.policy().scopes[scope].port.expect("a scope");
        let most = self.rng.pick(&[0, 100, 1_472, 9_000]);
        let packet = Packet::draw(
            self.rng,
            (source, self.addresses[source]),
            (scope, port),
            most,
        );
        let verdict = self.reference.judge(&packet, self.now)?;
        let told = self.rng.one_in(TOLD).then(|| self.program.events());
        let answer = self.program.run(self.now, &packet.frame);
        let expected = |outcome: &Outcome| expected(self.reference.policy(), scope, *outcome);
        let found = verdict
            .allowed
            .iter()
            .find(|outcome| expected(outcome) == answer);
        let Some(outcome) = found.copied() else {
            let allowed: Vec<_> = verdict.allowed.iter().map(expected).collect();
            return Err(format!(
                "source {source} at {}: {answer:?}, not {allowed:?}",
                self.now
            ));
        };
        self.reference.follow(&packet, &verdict, outcome, self.now);
        self.last = (outcome, self.reference.waits(&packet, outcome));
        if told.is_some() {
            tried.waits += self.waits_as_told()?;
        }
        tried.packets += 1;
        tried.delayed += u64::from(outcome != verdict.exact);
        *tried.outcomes.entry(name(outcome)).or_default() += 1;
        Ok(())
    }
}

impl Case<'_> {
    /// Whether the event that tells of the last packet's refusal, if there is one, names the wait that is left: to the
    /// nanosecond, but for what the rate's rounding may add. How many there were.
    fn waits_as_told(&self) -> Result<u64, String> {
        let (outcome, [Some(least), Some(most)]) = self.last else {
            return Ok(0);
        };
        let events = self.program.events();
        let refusals = events.iter().filter(|e| e.kind == Kind::Refusal as u8);
        let mut told = 0;
        for event in refusals {
            if !(least.max(1)..=most.max(1)).contains(&event.retry_after) {
                return Err(format!("{outcome:?}: {event:?}, not {least} to {most} ns"));
            }
            told += 1;
        }
        Ok(told)
    }
}

fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Exempt => "exempt",
        Outcome::Blocked => "blocked",
        Outcome::Banned => "banned",
        Outcome::Unlimited => "unlimited",
        Outcome::Admitted => "admitted",
        Outcome::Own(_) => "over its own limit",
        Outcome::Layer(_) => "over a layer's",
        Outcome::Global(_) => "over a global one",
    }
}

fn expected(policy: &Policy, scope: usize, outcome: Outcome) -> Answer {
    let owner = &policy.scopes[scope];
    let (reason, limit) = match outcome {
        Outcome::Exempt => (Reason::Exempt, None),
        Outcome::Unlimited => (Reason::Unlimited, None),
        Outcome::Admitted => (Reason::Conforming, None),
        Outcome::Blocked => (Reason::Blocked, None),
        Outcome::Banned => (Reason::Banned, None),
        Outcome::Own(limit) => (Reason::OverLimit, Some(owner.limits[limit].name.to_owned())),
        Outcome::Layer(limit) => {
            let layer = &policy.scopes[policy.layer().expect("a layer")];
            let limit = format!("{}.{}", layer.name, layer.limits[limit].name);
            (Reason::OverLimit, Some(limit))
        }
        Outcome::Global(limit) => {
            let limit = format!("global.{}", owner.global[limit].name);
            (Reason::GlobalLimit, Some(limit))
        }
    };
    let drops = reason.verdict() == throttler_common::Verdict::Drop;
    Answer {
        reason: if drops && owner.monitor {
            Reason::Monitored
        } else {
            reason
        },
        scope: owner.name.to_owned(),
        limit,
    }
}

/// Runs cases, of which each begins with buckets that are full; `reloads` publishes in the midst of each.
fn follows(salt: u64, reloads: u64) -> Tried {
    let (seed, cases, packets) = (seed(), policies(), arrivals());
    let mut tried = Tried::default();
    let mut program = Program::new("");
    let mut now = START;
    for number in 0..cases {
        if number > 0 && number % CASES_A_PROGRAM == 0 {
            program = Program::new("");
            now = START;
        }
        let mut rng = Rng::new(seed ^ salt ^ number);
        let addresses = addresses(number);
        let policy = draw::policy(&mut rng, now, BUDGET / 10);
        let text = policy.text(&addresses);
        program.publish(&text);
        let mut case = Case {
            reference: Reference::new(policy, &program.policy().description),
            program: &mut program,
            rng: &mut rng,
            addresses,
            now,
            last: (Outcome::Exempt, [None; 2]),
        };
        let mut arrivals = Arrivals::new(BUDGET);
        let mut texts = text;
        let result = (0..packets).try_for_each(|arrival| {
            if reloads > 0 && arrival % (packets / (reloads + 1)).max(1) == 0 && arrival > 0 {
                // Several in a row: nobody has seen those between.
                for _ in 0..=case.rng.below(3) / 2 {
                    let next =
                        draw::another(case.rng, case.reference.policy(), case.now, BUDGET / 10);
                    texts = format!("{texts}\n# Then:\n{}", next.text(&case.addresses));
                    case.publish(next)?;
                    tried.reloads += 1;
                }
            }
            case.step(&mut arrivals, &mut tried)
                .map_err(|error| format!("arrival {arrival}: {error}"))
        });
        let result = result.and_then(|()| case.reference.settle());
        if let Err(error) = result {
            panic!("seed {seed}, policy {number}: {error}\n{texts}");
        }
        now = case.now + case.reference.until_full(case.now) + SECOND;
    }
    tried
}

fn report(what: &str, tried: &Tried) {
    println!(
        "{what}: {} policies, {} reloads, {} packets: {:?}; {} of them delayed by the rounding of a rate; {} waits",
        policies(),
        tried.reloads,
        tried.packets,
        tried.outcomes,
        tried.delayed,
        tried.waits
    );
    assert_eq!(tried.packets, policies() * arrivals());
    assert!(tried.waits > policies(), "{} waits", tried.waits);
    // Otherwise nothing was tried.
    for outcome in [
        "admitted",
        "over its own limit",
        "over a layer's",
        "over a global one",
        "banned",
        "blocked",
    ] {
        let seen = tried.outcomes.get(outcome).copied().unwrap_or(0);
        assert!(
            seen * 500 >= tried.packets,
            "{outcome}: {seen} of {}",
            tried.packets
        );
    }
    assert!(
        tried.delayed * DELAYED <= tried.packets,
        "{} of {} packets are too many to be rounding",
        tried.delayed,
        tried.packets
    );
}

#[test]
fn every_packet_of_random_arrivals_is_decided_as_exact_fractions_would() {
    let tried = follows(0, 0);
    report("random policies", &tried);
}

#[test]
fn reloads_that_change_rates_convert_what_is_left_and_add_nothing() {
    let tried = follows(1 << 40, 8);
    report("random reloads", &tried);
    assert!(tried.reloads >= 8 * policies());
}
