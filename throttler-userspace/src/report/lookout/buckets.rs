//! Buckets of long limits: who has nearly used one up, and how one stands.

use std::cell::OnceCell;

use ipnet::IpNet;
use throttler_common::abi::{Addr, MAX_LIMITS, WAYS, region};
use throttler_common::class::{Kind, Word};
use throttler_common::gcra::ticks;
use throttler_common::table::{Words as _, header, layout};

use super::super::bucket::{Bucket, Level};
use super::super::global;
use super::super::names::LimitText;
use super::super::reader::{Reader, bytes, ip};
use super::super::sweep::Spot;
use super::View;
use super::long::{is_long, is_near};
use crate::compile::{LimitDescription, ScopeDescription};
use crate::host::HostWords;
use crate::kernel::sys;

/// One bucket: a source's of a limit, or that of a `global` limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId {
    /// All sources together.
    pub global: bool,
    /// 0: IPv4, 1: IPv6.
    pub family: u8,
    /// The address in network order, masked; zero for all.
    pub addr: [u8; 16],
    /// The scope or layer.
    pub scope: u8,
    /// Index of the limit.
    pub limit: u8,
}

/// How far a bucket is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    /// Which.
    pub id: BucketId,
    /// The source's plan; 0: none.
    pub plan: u16,
    /// Whole units that are gone, as a share of the burst: 0 to 1.
    pub share: f64,
    /// Nanoseconds until one more unit conforms.
    pub retry: u64,
    /// Nanoseconds until the bucket is full.
    pub reset: u64,
}

/// How a bucket stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// Nothing of it is used.
    Full,
    /// Something is.
    Used(Used),
    /// There is no such limit for this source any more, or it is no longer a long one.
    Void,
}

impl View {
    /// Hands over every bucket of a long limit of which 80 % or more are used: one look at every place of the table.
    pub fn near(&self, mut each: impl FnMut(Used)) {
        for scope in &self.long.globals {
            if let Some(scope) = self.attachment.description.scope(*scope) {
                self.global_levels(scope)
                    .filter(|(used, near)| *near && used.reset > 0)
                    .for_each(|(used, _)| each(used));
            }
        }
        if self.long.is_empty() {
            return;
        }
        let reader = OnceCell::new();
        let sources = &self.attachment.tables.sources;
        for family in 0..2 {
            let region = sources.head.regions[region::SOURCES + family];
            for index in region.first..region.first + region.sets {
                let Some(set) = sources.set(index) else { break };
                for way in 0..WAYS {
                    if self.is_worth_reading(&set, way) {
                        let spot = Spot::at(index, way, &set);
                        let reader = reader.get_or_init(|| Reader::new(&self.attachment));
                        self.read(reader, spot, &mut each);
                    }
                }
            }
        }
    }

    /// Whether a place may hold a bucket that is nearly used up. Four words tell it of nearly all that do not.
    fn is_worth_reading(&self, set: &HostWords<'_>, way: usize) -> bool {
        let found = set.load(layout::header(way));
        if found & header::LIVE == 0 {
            return false;
        }
        let scope = header::scope(found);
        let mask = self.long.mask(scope);
        if mask == 0 {
            return false;
        }
        let now = ticks(self.now());
        let debt = |index: usize| set.load(layout::tat(way, index)).saturating_sub(now);
        // A bucket that is full stays full whatever a reload has changed since.
        if !(0..MAX_LIMITS).any(|index| mask & 1 << index != 0 && debt(index) > 0) {
            return false;
        }
        let generation = &self.attachment.generation;
        let word = Word(set.load(layout::class(way)));
        if !word.holds(generation.head.tag, self.now()) {
            // What it will be held to takes the datapath's own conversion.
            return true;
        }
        let row = self.long.row(generation.index(word.plan(), scope));
        matches!(word.kind(), Kind::Plan | Kind::Mixed)
            && row.iter().any(|limit| debt(limit.index) > limit.debt)
    }

    fn read(&self, reader: &Reader<'_>, spot: Spot, each: &mut impl FnMut(Used)) {
        let Some(mut bucket) = reader.bucket_at(spot) else {
            return;
        };
        // Packets came while the table was looked at. Against a time before them their bucket would seem to be used further
        // than it is: the time is that of after it was read.
        bucket.now = sys::monotonic_ns();
        for limit in bucket.limits {
            let level = bucket.level(limit);
            if level.reset > 0
                && is_near(level.remaining, limit.described.burst)
                && is_long(&limit.described)
            {
                each(used(&bucket, limit, level));
            }
        }
    }

    /// How buckets stand, in their order.
    #[must_use]
    pub fn standings(&self, ids: &[BucketId]) -> Vec<Standing> {
        let reader = Reader::new(&self.attachment);
        ids.iter().map(|id| self.standing(&reader, id)).collect()
    }

    fn standing(&self, reader: &Reader<'_>, id: &BucketId) -> Standing {
        let Some((scope, _)) = self.limit(id, 0) else {
            return Standing::Void;
        };
        let standing = |used: Used| match used.reset {
            0 => Standing::Full,
            _ => Standing::Used(used),
        };
        if id.global {
            let found = self.global_levels(scope).find(|(used, _)| used.id == *id);
            return found.map_or(Standing::Void, |(used, _)| standing(used));
        }
        let family = usize::from(id.family & 1);
        let sources = &self.attachment.tables.sources;
        let Some(record) = sources.get(family, &Addr::from_bytes(id.addr), id.scope) else {
            // Nobody loses a place with a bucket that is not full.
            return Standing::Full;
        };
        let word = reader.class(family, &record);
        let bucket = reader.bucket(family, false, record, word, true);
        let limit = bucket
            .limits
            .iter()
            .find(|limit| limit.described.index == id.limit);
        let limit = limit.filter(|limit| is_long(&limit.described));
        limit.map_or(Standing::Void, |limit| {
            standing(used(&bucket, limit, bucket.level(limit)))
        })
    }

    /// Scope and limit of a bucket for a plan (0: as for sources without one, or for any that has the limit).
    #[must_use]
    pub fn limit(
        &self,
        id: &BucketId,
        plan: u16,
    ) -> Option<(&ScopeDescription, &LimitDescription)> {
        let description = &self.attachment.description;
        let scope = description.scope(id.scope)?;
        let find = |limits: &'_ [LimitDescription]| {
            limits.iter().position(|limit| limit.index == id.limit)
        };
        if id.global {
            return Some((scope, &scope.global[find(&scope.global)?]));
        }
        let plans = description.plans.iter().map(|plan| plan.id);
        let mut plans = [plan, 0].into_iter().chain(plans);
        plans.find_map(|plan| {
            let limits = description.limits(scope, plan);
            Some((scope, &limits[find(limits)?]))
        })
    }

    /// Whether a limit that refused has a period of an hour or more.
    #[must_use]
    pub fn is_long(&self, id: &BucketId, plan: u16) -> bool {
        if id.global {
            return self.long.globals.contains(&id.scope)
                && self.limit(id, 0).is_some_and(|(_, limit)| is_long(limit));
        }
        let row = self.attachment.generation.index(plan, id.scope);
        self.long
            .row(row)
            .iter()
            .any(|limit| limit.index == usize::from(id.limit))
    }

    /// Whom a bucket is for; `None`: all sources together.
    #[must_use]
    pub fn bucket_net(&self, id: &BucketId) -> Option<IpNet> {
        let family = usize::from(id.family & 1);
        let bits = self.attachment.generation.head.source_prefix[family] as u8;
        let net = IpNet::new(ip(family, Addr::from_bytes(id.addr)), bits).ok();
        net.filter(|_| !id.global)
    }

    /// The bucket of a limit by names, as a file has them; `None` where the policy has no such limit.
    #[must_use]
    pub fn bucket_id(&self, source: Option<IpNet>, scope: &str, limit: &str) -> Option<BucketId> {
        let description = &self.attachment.description;
        let scope = description
            .scopes
            .iter()
            .find(|known| known.name == scope)?;
        let find = |limits: &[LimitDescription]| {
            limits
                .iter()
                .find(|known| known.name == limit)
                .map(|known| known.index)
        };
        let plans = description.plans.iter().map(|plan| plan.id);
        let index = match source {
            None => find(&scope.global),
            Some(_) => std::iter::once(0)
                .chain(plans)
                .find_map(|plan| find(description.limits(scope, plan))),
        }?;
        let (family, addr) = source.map_or((0, [0; 16]), |net| {
            let (family, addr) = bytes(net.addr());
            (family, addr.to_bytes())
        });
        let id = BucketId {
            global: source.is_none(),
            family: family as u8,
            addr,
            scope: scope.id,
            limit: index,
        };
        (self.bucket_net(&id) == source).then_some(id)
    }

    /// How a scope's long `global` limits stand, and whether each is nearly used up: of both shares together, where one is
    /// kept for protected plans.
    fn global_levels<'a>(
        &'a self,
        scope: &'a ScopeDescription,
    ) -> impl Iterator<Item = (Used, bool)> + 'a {
        let (levels, _) = global::levels(
            &self.attachment,
            scope,
            scope.reserved > 0,
            &sys::monotonic_ns,
        );
        levels
            .into_iter()
            .filter(|one| is_long(one.limit))
            .map(|one| {
                let id = BucketId {
                    global: true,
                    family: 0,
                    addr: [0; 16],
                    scope: scope.id,
                    limit: one.limit.index,
                };
                (
                    of(id, 0, one.burst, one.level),
                    is_near(one.level.remaining, one.burst),
                )
            })
    }
}

fn used(bucket: &Bucket<'_>, limit: &LimitText, level: Level) -> Used {
    let id = BucketId {
        global: false,
        family: bucket.family as u8,
        addr: bucket.record.addr.to_bytes(),
        scope: bucket.record.scope,
        limit: limit.described.index,
    };
    of(id, bucket.word.plan(), limit.described.burst, level)
}

fn of(id: BucketId, plan: u16, burst: u64, level: Level) -> Used {
    let used = burst.saturating_sub(level.remaining);
    Used {
        id,
        plan,
        share: used as f64 / burst.max(1) as f64,
        retry: level.retry,
        reset: level.reset,
    }
}
