//! What must become of a packet, from the policy as written and nothing else.

mod asking;
mod meeting;
mod paying;

use std::collections::BTreeMap;

use throttler::compile::{Description, ScopeKind};

use crate::bucket::{Bucket, Says};
use crate::conduct::Conduct;
use crate::interval::Log;
use crate::policy::{Class, Limit, Policy};
use crate::sources::Packet;

/// What becomes of a packet; a limit by its place in the scope, the layer, or the scope's `global`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Exempt,
    Blocked,
    Banned,
    Unlimited,
    Admitted,
    Own(usize),
    Layer(usize),
    Global(usize),
}

/// A bucket, and what it has admitted since its limit last changed.
#[derive(Clone)]
struct Charged {
    bucket: Bucket,
    log: Log,
    /// The plan in force lifts the limit.
    lifted: bool,
}

/// What is known of a source in a scope or layer. A bucket that is not there is full.
#[derive(Clone, Default)]
struct Slot {
    /// Generation and plan that it was last met under.
    met: Option<(usize, Option<usize>)>,
    buckets: BTreeMap<usize, Charged>,
    conduct: Conduct,
}

/// A part of a scope's `global` limits.
#[derive(Clone, Default)]
struct Share {
    met: usize,
    buckets: BTreeMap<usize, Bucket>,
}

/// What is allowed to become of a packet, the exact answer last, and who pays for it if it passes.
pub(crate) struct Verdict {
    pub(crate) allowed: Vec<Outcome>,
    /// Where the exact fractions alone decide.
    pub(crate) exact: Outcome,
    plan: Option<usize>,
    layered: bool,
    shares: [Option<bool>; 2],
}

/// The reference under one policy and those that follow it.
pub(crate) struct Reference {
    generations: Vec<Policy>,
    /// Of the latest: the order in which limits are asked, by scope; own ones, then `global` ones.
    order: Vec<[Vec<usize>; 2]>,
    slots: BTreeMap<(usize, usize), Slot>,
    /// By scope; common, then reserved.
    shares: BTreeMap<usize, [Share; 2]>,
    /// What `global` limits have admitted in this generation, by scope and limit.
    together: BTreeMap<(usize, usize), Log>,
}

impl Reference {
    pub(crate) fn new(policy: Policy, described: &Description) -> Self {
        let mut reference = Self {
            generations: Vec::new(),
            order: Vec::new(),
            slots: BTreeMap::new(),
            shares: BTreeMap::new(),
            together: BTreeMap::new(),
        };
        reference
            .publish(policy, described)
            .expect("nothing was admitted");
        reference
    }

    /// The policy in force.
    pub(crate) fn policy(&self) -> &Policy {
        self.generations.last().expect("a generation")
    }

    /// Puts another in force. Which of several limits is named is the compiler's choice: `described` tells.
    ///
    /// # Errors
    /// What was admitted under the one before breaks the bound.
    pub(crate) fn publish(
        &mut self,
        policy: Policy,
        described: &Description,
    ) -> Result<(), String> {
        self.settle_together()?;
        self.order = policy
            .scopes
            .iter()
            .map(|scope| {
                let live = |s: &&throttler::compile::ScopeDescription| {
                    s.name == scope.name && s.kind != ScopeKind::Retired
                };
                let said = described.scopes.iter().find(live).expect("the scope");
                let order = |limits: &[Limit], said: &[throttler::compile::LimitDescription]| {
                    let mut order: Vec<_> = (0..limits.len()).collect();
                    order.sort_by_key(|at| {
                        let named = said.iter().find(|l| l.name == limits[*at].name);
                        named.expect("the limit").index
                    });
                    order
                };
                [
                    order(&scope.limits, &said.limits),
                    order(&scope.global, &said.global),
                ]
            })
            .collect();
        self.generations.push(policy);
        Ok(())
    }

    /// What may become of a packet.
    ///
    /// # Errors
    /// What was admitted before breaks the bound.
    pub(crate) fn judge(&mut self, packet: &Packet, now: u64) -> Result<Verdict, String> {
        let class = self.class(packet.source, now);
        let plan = match class {
            Some(Class::Plan(plan)) => Some(plan),
            _ => None,
        };
        let key = (packet.source, packet.scope);
        self.meet(key, plan, now)?;
        let decided = |outcome| Verdict {
            allowed: vec![outcome],
            exact: outcome,
            plan,
            layered: false,
            shares: [None; 2],
        };
        match class {
            Some(Class::Exempt) => return Ok(decided(Outcome::Exempt)),
            Some(Class::Block) => return Ok(decided(Outcome::Blocked)),
            _ => {}
        }
        let policy = self.policy();
        let scope = &policy.scopes[packet.scope];
        let layer = policy
            .layer()
            .filter(|layer| scope.layered && charges(&policy.scopes[*layer].limits, packet));
        let together = !scope.global.is_empty() && !policy.is_unlimited(plan, packet.scope);
        let protected = plan.is_some_and(|plan| scope.protected.contains(&plan));
        let limits = 0..scope.limits.len();
        // A layer counts as a limit, even where a plan lifts it.
        let limited = scope.layered
            || together
            || limits
                .clone()
                .any(|l| policy.rate(plan, packet.scope, l).is_some());
        if let Some(layer) = layer {
            self.meet((packet.source, layer), plan, now)?;
        }
        if self.slots[&key].conduct.is_banned(now) {
            return Ok(decided(Outcome::Banned));
        }
        if !limited {
            return Ok(decided(Outcome::Unlimited));
        }

        let mut verdict = Verdict {
            layered: layer.is_some(),
            ..decided(Outcome::Admitted)
        };
        verdict.allowed.clear();
        let own = self.ask(packet.source, packet.scope, plan, packet, now);
        let mut may = verdict.refusals(own, Outcome::Own);
        if may && together {
            may = self.ask_together(&mut verdict, packet, protected, now);
        }
        if let (true, Some(layer)) = (may, layer) {
            let said = self.ask(packet.source, layer, plan, packet, now);
            may = verdict.refusals(said, Outcome::Layer);
        }
        if may {
            verdict.allowed.push(Outcome::Admitted);
        }
        verdict.exact = *verdict.allowed.last().expect("an outcome");
        Ok(verdict)
    }

    /// The program has decided so.
    pub(crate) fn follow(
        &mut self,
        packet: &Packet,
        verdict: &Verdict,
        outcome: Outcome,
        now: u64,
    ) {
        match outcome {
            Outcome::Own(_) | Outcome::Layer(_) => {
                let abuse = self.policy().abuse;
                let slot = self.slots.get_mut(&(packet.source, packet.scope));
                slot.expect("it was met").conduct.refused(abuse, now);
            }
            Outcome::Admitted => self.charge(packet, verdict, now),
            Outcome::Global(_)
            | Outcome::Exempt
            | Outcome::Blocked
            | Outcome::Banned
            | Outcome::Unlimited => {}
        }
    }
}

impl Verdict {
    /// Takes down who may refuse; whether all may admit.
    fn refusals(&mut self, said: Vec<(usize, Says)>, outcome: fn(usize) -> Outcome) -> bool {
        for (limit, says) in said {
            match says {
                Says::Admit => {}
                Says::Either => self.allowed.push(outcome(limit)),
                Says::Refuse => {
                    self.allowed.push(outcome(limit));
                    return false;
                }
            }
        }
        true
    }
}

fn charges(limits: &[Limit], packet: &Packet) -> bool {
    limits.iter().any(|limit| packet.units(limit.unit) > 0)
}
