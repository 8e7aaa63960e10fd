//! What packets that passed have cost, whether it was too little, and how long those that did not have to wait.

use super::{Outcome, Reference, Verdict};
use crate::interval::holds;
use crate::sources::Packet;

impl Reference {
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

    pub(super) fn settle_together(&mut self) -> Result<(), String> {
        for ((scope, limit), log) in std::mem::take(&mut self.together) {
            let limit = &self.policy().scopes[scope].global[limit];
            let rate = &limit.rate;
            holds(&log, (rate.count, rate.per), rate.burst)
                .map_err(|error| format!("global limit {}: {error}", limit.name))?;
        }
        Ok(())
    }

    pub(super) fn settle_slot(&mut self, key: (usize, usize)) -> Result<(), String> {
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

    pub(super) fn charge(&mut self, packet: &Packet, verdict: &Verdict, now: u64) {
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
