//! What must become of a packet, from the policy as written and nothing else.

use std::collections::BTreeMap;

use throttler::compile::{Description, ScopeKind};

use crate::bucket::{Bucket, Says, Spec};
use crate::conduct::Conduct;
use crate::interval::{Log, holds};
use crate::policy::{Class, Limit, Policy};
use crate::sources::Packet;

/// Ends of rules are kept in steps of 2^28 ns (0.27 s), rounded up: never early.
const END_STEP: u64 = 1 << 28;

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

    /// Holds everything that was admitted, and not yet settled, against the bound.
    ///
    /// # Errors
    /// What breaks it.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.settle_together()?;
        let keys: Vec<_> = self.slots.keys().copied().collect();
        for key in keys {
            self.settle_slot(key)?;
        }
        Ok(())
    }

    fn settle_together(&mut self) -> Result<(), String> {
        for ((scope, limit), log) in std::mem::take(&mut self.together) {
            let limit = &self.policy().scopes[scope].global[limit];
            let rate = &limit.rate;
            holds(&log, (rate.count, rate.per), rate.burst)
                .map_err(|error| format!("global limit {}: {error}", limit.name))?;
        }
        Ok(())
    }

    fn settle_slot(&mut self, key: (usize, usize)) -> Result<(), String> {
        let slot = self.slots.get_mut(&key).expect("a slot");
        let Some((generation, plan)) = slot.met else {
            return Ok(());
        };
        let policy = &self.generations[generation];
        for (limit, charged) in &mut slot.buckets {
            let log = std::mem::take(&mut charged.log);
            if let Some(rate) = policy.rate(plan, key.1, *limit) {
                holds(&log, (rate.count, rate.per), rate.burst)
                    .map_err(|error| format!("source and scope {key:?}, limit {limit}: {error}"))?;
            }
        }
        Ok(())
    }

    /// The class of a source: that of its longest prefix whose rule has not ended.
    fn class(&self, source: usize, now: u64) -> Option<Class> {
        let holds = |wide| {
            move |rule: &&crate::policy::Rule| {
                let ended = rule
                    .until
                    .is_some_and(|end| now / END_STEP >= end.div_ceil(END_STEP));
                rule.source == source && rule.wide == wide && !ended
            }
        };
        let rules = &self.policy().rules;
        let narrow = rules.iter().find(holds(false));
        let rule = narrow.or_else(|| rules.iter().find(holds(true)));
        rule.map(|rule| rule.class)
    }

    /// A packet of the source is seen in the scope or layer: what has changed since is made good.
    fn meet(&mut self, key: (usize, usize), plan: Option<usize>, now: u64) -> Result<(), String> {
        let current = self.generations.len() - 1;
        let before = self.slots.entry(key).or_default().met;
        if before == Some((current, plan)) {
            return Ok(());
        }
        self.settle_slot(key)?;
        let generations = &self.generations;
        let slot = self.slots.get_mut(&key).expect("just made");
        slot.met = Some((current, plan));
        let Some((generation, old_plan)) = before else {
            return Ok(());
        };
        for (limit, charged) in &mut slot.buckets {
            let rate = |at: usize, plan| generations[at].rate(plan, key.1, *limit);
            let changes = (generation..current)
                .filter(|at| rate(*at, old_plan) != rate(at + 1, old_plan))
                .count();
            charged.bucket.pass(now);
            let Some(rate) = rate(current, plan) else {
                charged.lifted = true;
                continue;
            };
            let spec = Spec::new(rate, charged.bucket.spec.unit(), 100, rate.burst);
            let lifted = std::mem::take(&mut charged.lifted);
            if lifted && changes < 2 {
                charged.bucket.lowered(spec);
            } else if lifted || changes > 0 || plan != old_plan {
                charged.bucket.convert(spec, changes > 1);
            }
        }
        Ok(())
    }

    /// The same for the buckets of all sources together.
    fn meet_share(&mut self, scope: usize, reserved: bool, now: u64) {
        let current = self.generations.len() - 1;
        let share = &mut self.shares.entry(scope).or_default()[usize::from(reserved)];
        let since = std::mem::replace(&mut share.met, current);
        for (limit, bucket) in &mut share.buckets {
            let spec = |at: usize| part(&self.generations[at], scope, *limit, reserved);
            let changes = (since..current)
                .filter(|at| spec(*at) != spec(at + 1))
                .count();
            bucket.pass(now);
            if changes > 0 {
                bucket.convert(spec(current), changes > 1);
            }
        }
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

    /// What each limit of the scope or layer says, in the order in which they are asked.
    fn ask(
        &mut self,
        source: usize,
        scope: usize,
        plan: Option<usize>,
        packet: &Packet,
        now: u64,
    ) -> Vec<(usize, Says)> {
        let policy = self.generations.last().expect("a generation");
        let slot = self.slots.get_mut(&(source, scope)).expect("it was met");
        let mut said = Vec::new();
        for limit in &self.order[scope][0] {
            let unit = policy.scopes[scope].limits[*limit].unit;
            let units = packet.units(unit);
            let (Some(rate), 1..) = (policy.rate(plan, scope, *limit), units) else {
                continue;
            };
            let charged = slot.buckets.entry(*limit).or_insert_with(|| Charged {
                bucket: Bucket::full(Spec::new(rate, unit, 100, rate.burst), now),
                log: Log::new(),
                lifted: false,
            });
            charged.bucket.pass(now);
            said.push((*limit, charged.bucket.says(units)));
        }
        said
    }

    /// Asks the reserved share, if the source may have it, and the common one. Whether the packet may go on.
    fn ask_together(
        &mut self,
        verdict: &mut Verdict,
        packet: &Packet,
        protected: bool,
        now: u64,
    ) -> bool {
        let mut reserved = Says::Refuse;
        if protected {
            let said = self.ask_share(packet, true, now);
            let refuse = said.iter().any(|(_, says)| *says == Says::Refuse);
            let either = said.iter().any(|(_, says)| *says == Says::Either);
            reserved = match (refuse, either) {
                (true, _) => Says::Refuse,
                (false, true) => Says::Either,
                (false, false) => Says::Admit,
            };
        }
        verdict.shares[1] = match reserved {
            Says::Admit => Some(true),
            Says::Either => Some(false),
            Says::Refuse => None,
        };
        if reserved == Says::Admit {
            return true;
        }
        let said = self.ask_share(packet, false, now);
        let may = verdict.refusals(said, Outcome::Global);
        if may {
            verdict.shares[0] = Some(reserved == Says::Refuse);
        }
        may || reserved == Says::Either
    }

    fn ask_share(&mut self, packet: &Packet, reserved: bool, now: u64) -> Vec<(usize, Says)> {
        let scope = packet.scope;
        self.meet_share(scope, reserved, now);
        let policy = self.generations.last().expect("a generation");
        let share = &mut self.shares.get_mut(&scope).expect("just met")[usize::from(reserved)];
        let mut said = Vec::new();
        for limit in &self.order[scope][1] {
            let units = packet.units(policy.scopes[scope].global[*limit].unit);
            if units > 0 {
                let new = || Bucket::full(part(policy, scope, *limit, reserved), now);
                let bucket = share.buckets.entry(*limit).or_insert_with(new);
                bucket.pass(now);
                said.push((*limit, bucket.says(units)));
            }
        }
        said
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

    fn charge(&mut self, packet: &Packet, verdict: &Verdict, now: u64) {
        let policy = self.generations.last().expect("a generation");
        let layer = policy.layer().filter(|_| verdict.layered);
        for scope in [Some(packet.scope), layer].into_iter().flatten() {
            let slot = self.slots.get_mut(&(packet.source, scope)).expect("met");
            for (limit, charged) in &mut slot.buckets {
                let units = packet.units(policy.scopes[scope].limits[*limit].unit);
                if units > 0 && policy.rate(verdict.plan, scope, *limit).is_some() {
                    charged.bucket.charge(units, true);
                    charged.log.push((now, units));
                }
            }
        }
        let scope = packet.scope;
        if verdict.shares == [None; 2] {
            return;
        }
        let shares = self.shares.get_mut(&scope).expect("they were asked");
        for (share, surely) in shares.iter_mut().zip(verdict.shares) {
            let Some(surely) = surely else { continue };
            for (limit, bucket) in &mut share.buckets {
                let units = packet.units(policy.scopes[scope].global[*limit].unit);
                if units > 0 {
                    bucket.charge(units, surely);
                }
            }
        }
        for (limit, global) in policy.scopes[scope].global.iter().enumerate() {
            let units = packet.units(global.unit);
            if units > 0 {
                let log = self.together.entry((scope, limit)).or_default();
                log.push((now, units));
            }
        }
    }

    /// Nanoseconds until such a packet conforms to the limit that refused it.
    pub(crate) fn waits(&self, packet: &Packet, outcome: Outcome) -> [Option<u64>; 2] {
        let policy = self.policy();
        let slot = |scope: usize, limit: &usize| {
            let charged = self
                .slots
                .get(&(packet.source, scope))?
                .buckets
                .get(limit)?;
            let unit = policy.scopes[scope].limits[*limit].unit;
            Some(charged.bucket.waits(packet.units(unit)))
        };
        let found = match &outcome {
            Outcome::Own(limit) => slot(packet.scope, limit),
            Outcome::Layer(limit) => policy.layer().and_then(|layer| slot(layer, limit)),
            Outcome::Global(limit) => self.shares.get(&packet.scope).and_then(|[common, _]| {
                let unit = policy.scopes[packet.scope].global[*limit].unit;
                Some(common.buckets.get(limit)?.waits(packet.units(unit)))
            }),
            _ => None,
        };
        found.unwrap_or([None; 2])
    }

    /// Nanoseconds until the buckets of all sources together are full.
    pub(crate) fn until_full(&mut self, now: u64) -> u64 {
        let mut longest = 0;
        for bucket in self
            .shares
            .values_mut()
            .flatten()
            .flat_map(|share| share.buckets.values_mut())
        {
            bucket.pass(now);
            longest = longest.max(bucket.until_full());
        }
        longest
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

/// A share of a `global` limit: of its rate and, rounded down but at least one unit, of its burst; the common one has the rest.
fn part(policy: &Policy, scope: usize, limit: usize, reserved: bool) -> Spec {
    let scope = &policy.scopes[scope];
    let limit = &scope.global[limit];
    let percent = if scope.protected.is_empty() {
        0
    } else {
        scope.reserved
    };
    let kept = match percent {
        0 => 0,
        _ => (limit.rate.burst * u64::from(percent) / 100).max(1),
    };
    let (percent, burst) = if reserved {
        (percent, kept)
    } else {
        (100 - percent, limit.rate.burst - kept)
    };
    Spec::new(&limit.rate, limit.unit, percent, burst)
}
