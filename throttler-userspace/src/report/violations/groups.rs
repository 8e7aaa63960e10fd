//! Sums of cells by what they have in common, with how many sources each has.

use std::cmp::Reverse;
use std::collections::HashMap;

use ipnet::IpNet;

use super::ask::{By, network};
use super::cells::{Cell, Key};
use super::sum::Sum;
use super::texts::Texts;

/// What the cells of a group have in common; what they need not is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct GroupKey {
    pub(super) source: Option<IpNet>,
    pub(super) network: Option<IpNet>,
    pub(super) scope: Option<u32>,
    pub(super) plan: Option<u32>,
    pub(super) limit: Option<u32>,
    pub(super) reason: Option<u32>,
    pub(super) monitored: Option<bool>,
}

impl GroupKey {
    /// What `by` has cells in common. A limit is one of its scope.
    pub(super) fn by(by: &[By], key: &Key) -> Self {
        let has = |one| by.contains(&one);
        Self {
            source: has(By::Source).then_some(key.source),
            network: has(By::Network).then(|| network(&key.source)),
            scope: (has(By::Scope) || has(By::Limit)).then_some(key.scope),
            plan: has(By::Plan).then_some(key.plan),
            limit: has(By::Limit).then_some(key.limit),
            ..Self::default()
        }
    }

    /// Reasons, those of monitor mode apart.
    pub(super) fn reason(key: &Key) -> Self {
        Self {
            reason: Some(key.reason),
            monitored: Some(key.monitored),
            ..Self::default()
        }
    }
}

/// A group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) key: GroupKey,
    pub(super) sum: Sum,
    /// Sources that were refused.
    pub(super) sources: u64,
    /// The source of the latest cell, and how many it counts as.
    latest: Option<(IpNet, u64)>,
}

impl Group {
    pub(super) fn new(key: GroupKey) -> Self {
        Self {
            key,
            sum: Sum::default(),
            sources: 0,
            latest: None,
        }
    }

    /// The worst first; of those as bad by name.
    pub(super) fn order<'a>(&self, texts: &'a Texts) -> impl Ord + use<'a> {
        let key = &self.key;
        let text = |number: Option<u32>| number.map(|number| texts.text(number));
        let names = [key.scope, key.plan, key.limit, key.reason].map(text);
        let badness = Reverse(self.sum.badness());
        (badness, key.source, key.network, names, key.monitored)
    }

    /// Adds a cell. Those of a source come one after the other.
    pub(super) fn add(&mut self, key: &Key, cell: &Cell) {
        self.sum.add(&cell.sum);
        let counted = match self.latest {
            Some((source, counted)) if source == key.source => counted,
            _ => 0,
        };
        self.sources += cell.sources.saturating_sub(counted);
        self.latest = Some((key.source, counted.max(cell.sources)));
    }
}

/// Groups by key.
#[derive(Default)]
pub(super) struct Groups(HashMap<GroupKey, Group>);

impl Groups {
    pub(super) fn add(&mut self, group: GroupKey, key: &Key, cell: &Cell) {
        let known = self.0.entry(group).or_insert_with(|| Group::new(group));
        known.add(key, cell);
    }

    /// All of them, in no order.
    pub(super) fn all(self) -> impl Iterator<Item = Group> {
        self.0.into_values()
    }
}

impl Ord for Group {
    /// The worst first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let order = |group: &Self| (Reverse(group.sum.badness()), group.key);
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for Group {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Whether the groups of a share of the sources are complete with it: shares are made of networks.
pub(super) fn are_local(by: &[By]) -> bool {
    by.contains(&By::Source) || by.contains(&By::Network)
}

/// Names of what `by` groups have in common.
pub(super) fn names(by: &[By]) -> Vec<&'static str> {
    let mut names: Vec<&str> = by.iter().map(|by| by.as_str()).collect();
    if by.contains(&By::Limit) {
        names.push(By::Scope.as_str());
    }
    names
}
