//! Reads the histories, in as many shares of the sources as memory asks for.

use std::cmp::Reverse;
use std::hash::{BuildHasher as _, RandomState};

use anyhow::Result;

use super::ask::{Ask, By, SHOWN, network};
use super::bins::Bins;
use super::cells::{self, Cells};
use super::groups::{self, Group, GroupKey, Groups};
use super::ladder::Ladder;
use super::near;
use super::texts::{NONE, Texts};
use super::top::Top;
use super::{Found, Kept, Next, Row, unreadable};
use crate::compile::Description;
use crate::history::Violation;
use crate::report::attached::Attachment;

/// Cells that a command holds at once: about 250 MB with what is made of them.
pub const CELLS: usize = 1 << 18;
/// The same of a daemon, whose memory is limited: about 60 MB.
pub const FEW_CELLS: usize = 1 << 16;
/// Shares are halved so often at most: a network of more cells is held whole.
const HALVINGS: u32 = 16;

/// Hands over what a history says, each with the index of its interface.
type Each<'a> = &'a mut dyn FnMut(usize, &Violation);

/// Reads everything that is asked. `attached` are the interfaces whose maps can be read: who is near a limit, and what the
/// plans are, is theirs to say. `most` cells are held at once ([`CELLS`]).
///
/// # Errors
/// A history cannot be read.
pub fn gather(ask: Ask, kept: &[Kept], attached: &[Attachment], most: usize) -> Result<Found> {
    let mut oldest: Option<i64> = None;
    for one in kept {
        let found = one
            .archive
            .oldest()
            .map_err(|error| unreadable(&one.path, &error))?;
        let found = found.map(|seconds| seconds.saturating_mul(1000));
        oldest = oldest.into_iter().chain(found).min();
    }
    let policies = kept.iter().map(|one| {
        let of = attached.iter().find(|other| other.iface() == one.iface);
        (one.iface.as_str(), of.map(|other| &other.description))
    });
    let policies: Vec<_> = policies.collect();
    let period = ask.period;
    let near = near::near(attached, &ask);
    let mut found = read(ask, &policies, oldest, most, &|each| {
        for (index, one) in kept.iter().enumerate() {
            one.archive
                .between(period.since, period.until, |violation| {
                    each(index, &violation);
                })
                .map_err(|error| unreadable(&one.path, &error))?;
        }
        Ok(())
    })?;
    found.near = near;
    found.live = !attached.is_empty();
    Ok(found)
}

/// The same of anything that can be read several times; at most so many cells are held at once.
pub(super) fn read(
    ask: Ask,
    policies: &[(&str, Option<&Description>)],
    oldest: Option<i64>,
    most: usize,
    scan: &dyn Fn(Each<'_>) -> Result<()>,
) -> Result<Found> {
    let period = ask.period;
    let from = oldest
        .unwrap_or(i64::MIN)
        .clamp(period.since, period.until - 1);
    let until = period.until.saturating_add(999).div_euclid(1000);
    let mut gathering = Gathering {
        ladders: policies
            .iter()
            .map(|(_, policy)| Ladder::new(*policy))
            .collect(),
        bins: Bins::of(from.div_euclid(1000), until),
        most,
        hasher: RandomState::new(),
        texts: Texts::default(),
        rows: Top::new(ask.top),
        groups: Top::new(ask.top),
        count: 0,
        by: Groups::default(),
        sources: Top::new(Some(SHOWN)),
        plans: Groups::default(),
        reasons: Groups::default(),
        spared: Groups::default(),
        totals: Group::new(GroupKey::default()),
        next: Top::new(ask.top),
        ask,
    };
    gathering.share(0, 0, scan)?;
    let ifaces = policies.iter().map(|(iface, _)| (*iface).to_owned());
    Ok(gathering.found(ifaces.collect(), oldest))
}

struct Gathering<'a> {
    ask: Ask,
    ladders: Vec<Ladder<'a>>,
    most: usize,
    hasher: RandomState,
    texts: Texts,
    bins: Bins,
    rows: Top<Row>,
    groups: Top<Group>,
    count: u64,
    by: Groups,
    sources: Top<Group>,
    plans: Groups,
    reasons: Groups,
    spared: Groups,
    totals: Group,
    next: Top<Next>,
}

impl Gathering<'_> {
    /// Reads a share of the sources: those whose network's hash has `which` as its last `bits` bits. What is too much for
    /// one share is as many as it will probably fill.
    fn share(
        &mut self,
        bits: u32,
        which: u64,
        scan: &dyn Fn(Each<'_>) -> Result<()>,
    ) -> Result<()> {
        let most = if bits < HALVINGS {
            self.most
        } else {
            usize::MAX
        };
        let bars = Bins::of(self.bins.from, self.bins.to);
        let mut cells = Cells::new(most, bars);
        let mask = (1 << bits) - 1;
        // Slices in all, and until there was no more room.
        let (mut slices, mut room) = (0_u64, 0_u64);
        scan(&mut |iface, one| {
            slices += 1;
            let plan = one.plan.as_deref();
            if cells.is_full
                || !self.ask.wants(&one.source, &one.scope, plan)
                || bits > 0 && self.hasher.hash_one(network(&one.source)) & mask != which
            {
                return;
            }
            room = slices;
            if let Some(ladder) = self.ladders.get_mut(iface) {
                cells.add(iface as u32, one, &mut self.texts, ladder);
            }
        })?;
        if !cells.is_full {
            self.add(cells);
            return Ok(());
        }
        drop(cells);
        // If the rest is as what was read, with a quarter to spare.
        let shares = (slices.saturating_mul(5) / room.saturating_mul(4).max(1)).max(2);
        let more = shares
            .next_power_of_two()
            .trailing_zeros()
            .min(HALVINGS - bits)
            .max(1);
        for part in 0..1_u64 << more {
            self.share(bits + more, which | part << bits, scan)?;
        }
        Ok(())
    }

    fn add(&mut self, cells: Cells) {
        let (cells, bins) = cells.sorted();
        self.bins.merge(bins);
        // Cells come by source.
        let mut source: Option<Group> = None;
        for (key, cell) in &cells {
            let row = cells::row(*key, cell);
            if key.limit != NONE {
                let place = (key.scope, key.plan, key.limit);
                let ladder = self.ladders.get_mut(key.iface as usize);
                let step = ladder.and_then(|ladder| ladder.step(place, &mut self.texts));
                let next = cells::next(&row, cell, step);
                next.into_iter().for_each(|next| self.next.push(next));
            }
            if self.ask.by.is_empty() {
                self.rows.push(row);
                self.count += 1;
            } else {
                self.by.add(GroupKey::by(&self.ask.by, key), key, cell);
            }
            self.plans.add(GroupKey::by(&[By::Plan], key), key, cell);
            self.reasons.add(GroupKey::reason(key), key, cell);
            if key.monitored {
                let by = GroupKey::by(&[By::Scope, By::Plan], key);
                self.spared.add(by, key, cell);
            }
            self.totals.add(key, cell);
            let by = GroupKey::by(&[By::Source], key);
            let group = match source.take() {
                Some(group) if group.key == by => source.insert(group),
                before => {
                    before
                        .into_iter()
                        .for_each(|before| self.sources.push(before));
                    source.insert(Group::new(by))
                }
            };
            group.add(key, cell);
        }
        source.into_iter().for_each(|last| self.sources.push(last));
        if groups::are_local(&self.ask.by) {
            self.rank();
        }
    }

    /// Ranks the groups that are complete.
    fn rank(&mut self) {
        for group in std::mem::take(&mut self.by).all() {
            self.count += 1;
            self.groups.push(group);
        }
    }

    fn found(mut self, ifaces: Vec<String>, oldest: Option<i64>) -> Found {
        self.rank();
        let texts = &self.texts;
        let row = |row: &Row| (Reverse(row.sum.badness()), row.key.names(texts));
        self.rows.settle(row);
        self.next
            .settle(|next| (Reverse(next.units), row(&next.row)));
        self.groups.settle(|group| group.order(texts));
        self.sources.settle(|group| group.order(texts));
        self.bins.settle();
        let sorted = |groups: Groups| {
            let mut all = Top::new(None);
            groups.all().for_each(|group| all.push(group));
            all.settle(|group: &Group| group.order(texts));
            all
        };
        let [plans, reasons, spared] = [self.plans, self.reasons, self.spared].map(sorted);
        Found {
            ask: self.ask,
            ifaces,
            texts: self.texts,
            rows: self.rows,
            groups: self.groups,
            count: self.count,
            sources: self.sources,
            plans,
            reasons,
            spared,
            totals: self.totals,
            next: self.next,
            near: Vec::new(),
            bins: self.bins,
            oldest,
            live: false,
        }
    }
}
