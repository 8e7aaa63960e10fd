//! The rows of each view, in order.

use std::collections::BTreeMap;

use throttler_common::{Reason, Verdict};

use super::app::{App, View};
use super::rates::Flow;
use crate::report::{LiveSource, Sort};

/// A scope with what passed and what was dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ScopeRow {
    pub(super) iface: String,
    pub(super) scope: String,
    pub(super) passed: Flow,
    pub(super) dropped: Flow,
}

impl App {
    /// The sources. The worker has chosen and sorted them, but perhaps for what was asked before.
    pub(super) fn sources(&self) -> Vec<&LiveSource> {
        let query = &self.query;
        let wanted = |one: &&LiveSource| query.wants(&one.source) && query.wants_scope(&one.scope);
        let mut rows: Vec<_> = self.snapshot.sources.iter().filter(wanted).collect();
        rows.sort_by_key(|one| std::cmp::Reverse(query.sort.key(&one.tallies)));
        rows
    }

    /// The scopes in the policy's order, or the most dropped first where that is asked for.
    pub(super) fn scopes(&self) -> Vec<ScopeRow> {
        let mut rows = Vec::new();
        for interface in &self.snapshot.interfaces {
            let names = interface.scopes.iter();
            for scope in names.filter(|name| self.query.wants_scope(name)) {
                let mut row = ScopeRow {
                    iface: interface.name.clone(),
                    scope: scope.clone(),
                    ..ScopeRow::default()
                };
                for reason in Reason::ALL {
                    let key = (row.iface.clone(), row.scope.clone(), reason);
                    let flow = self.rates.flows.get(&key).copied().unwrap_or_default();
                    let side = match reason.verdict() {
                        Verdict::Pass => &mut row.passed,
                        Verdict::Drop => &mut row.dropped,
                    };
                    *side = side.and(flow);
                }
                rows.push(row);
            }
        }
        rows.sort_by(|a, b| self.order(&b.passed, &b.dropped, &a.passed, &a.dropped));
        rows
    }

    /// Reasons over all the scopes that are asked for.
    pub(super) fn reasons(&self) -> Vec<(Reason, Flow)> {
        let mut sums = BTreeMap::<Reason, Flow>::new();
        for ((_, scope, reason), flow) in &self.rates.flows {
            if self.query.wants_scope(scope) {
                let sum = sums.entry(*reason).or_default();
                *sum = sum.and(*flow);
            }
        }
        let mut rows: Vec<_> = sums.into_iter().collect();
        let split = |(reason, flow): &(Reason, Flow)| match reason.verdict() {
            Verdict::Pass => (*flow, Flow::default()),
            Verdict::Drop => (Flow::default(), *flow),
        };
        rows.sort_by(|a, b| {
            let (a, b) = (split(a), split(b));
            self.order(&b.0, &b.1, &a.0, &a.1)
        });
        rows
    }

    /// The order of two rows by what passed and was dropped of each.
    fn order(
        &self,
        passed: &Flow,
        dropped: &Flow,
        other: &Flow,
        refused: &Flow,
    ) -> std::cmp::Ordering {
        let rate = |a: &Flow, b: &Flow| a.packet_rate.total_cmp(&b.packet_rate);
        let total = |a: &Flow, b: &Flow| a.packets.cmp(&b.packets);
        let (by_pass, by_drop) = (rate(passed, other), rate(dropped, refused));
        match self.query.sort {
            Sort::PassRate => by_pass.then(by_drop),
            Sort::Dropped => total(dropped, refused),
            // When a scope was last seen nobody knows.
            Sort::DropRate | Sort::LastSeen => by_drop.then(by_pass),
        }
        .then(total(dropped, refused))
        .then(total(passed, other))
    }

    /// What tells the rows of the view apart.
    pub(super) fn names(&self) -> Vec<String> {
        match self.view {
            View::Sources => {
                let name =
                    |one: &&LiveSource| format!("{} {} {}", one.iface, one.source, one.scope);
                self.sources().iter().map(name).collect()
            }
            View::Scopes => {
                let rows = self.scopes().into_iter();
                rows.map(|row| format!("{} {}", row.iface, row.scope))
                    .collect()
            }
            View::Reasons => {
                let rows = self.reasons().into_iter();
                rows.map(|(reason, _)| reason.as_str().to_owned()).collect()
            }
        }
    }
}
