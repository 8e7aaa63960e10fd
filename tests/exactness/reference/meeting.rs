//! A source, or a share of a `global` limit, under the policy in force: its class, and what reloads have made of its buckets.

use super::Reference;
use crate::bucket::Spec;
use crate::policy::{Class, Policy, Rule};

/// Ends of rules are kept in steps of 2^28 ns (0.27 s), rounded up: never early.
const END_STEP: u64 = 1 << 28;

impl Reference {
    /// The class of a source: that of its longest prefix whose rule has not ended.
    pub(super) fn class(&self, source: usize, now: u64) -> Option<Class> {
        let holds = |wide| {
            move |rule: &&Rule| {
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

    /// Nanoseconds until something ends for the source in the scope: a window of refusals, a ban, a rule.
    pub(crate) fn edges(&self, key: (usize, usize), now: u64) -> Vec<u64> {
        let policy = self.policy();
        let conduct = self
            .slots
            .get(&key)
            .map(|slot| slot.conduct.edges(policy.abuse, now));
        let ends = policy.rules.iter().filter(|rule| rule.source == key.0);
        let ends =
            ends.filter_map(|rule| (rule.until?.div_ceil(END_STEP) * END_STEP).checked_sub(now));
        conduct
            .into_iter()
            .flatten()
            .flatten()
            .chain(ends)
            .collect()
    }

    /// A packet of the source is seen in the scope or layer: what has changed since is made good.
    pub(super) fn meet(
        &mut self,
        key: (usize, usize),
        plan: Option<usize>,
        now: u64,
    ) -> Result<(), String> {
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
            // As numbers: `60/min` and `1/s` with one burst are no change.
            let unit = charged.bucket.spec.unit();
            let spec = |at: usize, plan| {
                let rate = generations[at].rate(plan, key.1, *limit)?;
                Some(Spec::new(rate, unit, 100, rate.burst))
            };
            let changes = (generation..current)
                .filter(|at| spec(*at, old_plan) != spec(at + 1, old_plan))
                .count();
            charged.bucket.pass(now);
            let Some(spec) = spec(current, plan) else {
                charged.lifted = true;
                continue;
            };
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
    pub(super) fn meet_share(&mut self, scope: usize, reserved: bool, now: u64) {
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
}

/// A share of a `global` limit: of its rate and, rounded down but at least one unit, of its burst; the common one has the rest.
pub(super) fn part(policy: &Policy, scope: usize, limit: usize, reserved: bool) -> Spec {
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
