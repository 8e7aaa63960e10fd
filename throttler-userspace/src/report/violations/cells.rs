//! Cells: what one source was refused for one reason. Everything else is a sum of them.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;

use ipnet::IpNet;

use super::bins::{Bins, Fate};
use super::bound::Replay;
use super::ladder::{Ladder, Step};
use super::sum::Sum;
use super::texts::{NONE, Texts};
use super::{Next, Row};
use crate::history::Violation;

/// Whose cell it is; names by number. Sources come first, so that a sorted list has the cells of each together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) source: IpNet,
    pub(super) iface: u32,
    pub(super) scope: u32,
    pub(super) plan: u32,
    pub(super) limit: u32,
    pub(super) reason: u32,
    pub(super) monitored: bool,
}

impl Key {
    /// In the order of names.
    pub(super) fn names<'a>(&self, texts: &'a Texts) -> impl Ord + use<'a> {
        let names = [self.scope, self.plan, self.limit, self.reason].map(|name| texts.text(name));
        (self.source, names, self.monitored, self.iface)
    }
}

/// What is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) sum: Sum,
    /// Sources that it stands for: one, unless the history has summed several up.
    pub(super) sources: u64,
    /// The limit's unit, and its rate at the latest refusal.
    pub(super) unit: u32,
    pub(super) rate: u32,
    /// What the next plan up would have admitted.
    replay: Replay,
}

impl Cell {
    fn add(&mut self, one: &Violation, unit: u32, rate: u32, step: Option<Step>) {
        if one.last >= self.sum.last {
            (self.unit, self.rate) = (unit, rate);
        }
        self.sum.add(&Sum::of(one));
        self.sources = self.sources.max(one.sources);
        // What another rate refused says nothing of this one.
        let Some(step) = step.filter(|step| step.from == rate) else {
            return;
        };
        let (packets, bytes) = (one.refused.packets, one.refused.bytes);
        let begin = one.begin.saturating_mul(1000);
        let end = begin.saturating_add(i64::from(one.width) * 1000);
        match step.gain {
            Some(gain) => {
                let sure = gain.sure(packets, bytes, one.estimated);
                self.replay.add(&gain, begin, end, sure);
            }
            // No limit there: all packets of it.
            None if step.rate == NONE => {
                self.replay.units = self.replay.units.saturating_add(packets);
            }
            None => {}
        }
    }
}

/// The cells of some of the sources, and their bars.
pub(super) struct Cells {
    most: usize,
    cells: HashMap<Key, Cell>,
    pub(super) bins: Bins,
    /// There are more than fit.
    pub(super) is_full: bool,
}

impl Cells {
    pub(super) fn new(most: usize, bins: Bins) -> Self {
        Self {
            most,
            cells: HashMap::new(),
            bins,
            is_full: false,
        }
    }

    /// Adds what one slice says of a source on an interface.
    pub(super) fn add(
        &mut self,
        iface: u32,
        one: &Violation,
        texts: &mut Texts,
        ladder: &mut Ladder<'_>,
    ) {
        let mut number = |text: &Option<String>| texts.number(text.as_deref().unwrap_or_default());
        let (plan, limit) = (number(&one.plan), number(&one.limit));
        let (unit, rate) = (number(&one.unit), number(&one.rate));
        let key = Key {
            source: one.source,
            iface,
            scope: texts.number(&one.scope),
            plan,
            limit,
            reason: texts.number(&one.reason),
            monitored: one.monitored,
        };
        let known = self.cells.len();
        let cell = self.cells.entry(key).or_insert(Cell {
            sum: Sum::default(),
            sources: 0,
            unit,
            rate,
            replay: Replay::NEW,
        });
        // A source that is summed up is nobody's plan.
        let step = (limit != NONE && one.sources == 1)
            .then(|| ladder.step((key.scope, plan, limit), texts))
            .flatten();
        cell.add(one, unit, rate, step);
        self.is_full = known >= self.most;
        let fate = match key.monitored {
            true => Fate::Spared,
            false => Fate::Refused,
        };
        let mut bar = |series, packets| self.bins.add(one.begin, one.width, series, packets);
        bar((fate, key.reason), one.refused.packets);
        bar((Fate::Banned, NONE), one.banned.packets);
    }

    /// All of them, by source.
    pub(super) fn sorted(self) -> (Vec<(Key, Cell)>, Bins) {
        let mut cells: Vec<_> = self.cells.into_iter().collect();
        cells.sort_unstable_by_key(|(key, _)| *key);
        (cells, self.bins)
    }
}

/// As a row of the report.
pub(super) fn row(key: Key, cell: &Cell) -> Row {
    Row {
        key,
        cell: Shown {
            sources: cell.sources,
            unit: cell.unit,
            rate: cell.rate,
        },
        sum: cell.sum,
    }
}

/// What a row shows beside its sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) sources: u64,
    pub(super) unit: u32,
    pub(super) rate: u32,
}

/// What the next plan up would have admitted of it, where that is known.
pub(super) fn next(row: &Row, cell: &Cell, step: Option<Step>) -> Option<Next> {
    let step = step.filter(|step| step.from == cell.rate && cell.sources == 1)?;
    Some(Next {
        row: row.clone(),
        plan: step.plan,
        rate: step.rate,
        units: cell.replay.units,
    })
}

impl Ord for Row {
    /// The worst first.
    fn cmp(&self, other: &Self) -> Ordering {
        let order = |row: &Self| (Reverse(row.sum.badness()), row.key);
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next {
    /// First those whom it would have helped most.
    fn cmp(&self, other: &Self) -> Ordering {
        let order = |next: &Self| (Reverse(next.units), Reverse(next.row.sum.badness()));
        let same = || self.row.key.cmp(&other.row.key);
        order(self).cmp(&order(other)).then_with(same)
    }
}

impl PartialOrd for Next {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
