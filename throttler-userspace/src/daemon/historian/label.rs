//! What a refusal is kept under, by name.

use std::collections::HashMap;
use std::sync::Arc;

use throttler_common::Reason;
use throttler_common::abi::{Event, GLOBAL_LIMIT, LAYER_LIMIT, NO_LIMIT};

use crate::compile::{Description, ScopeDescription};
use crate::daemon::abuse::{Names, found_limit};

/// The same by the datapath's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct What {
    pub(super) generation: u32,
    pub(super) plan: u16,
    pub(super) scope: u8,
    /// As [`Event::limit`].
    pub(super) limit: u8,
    pub(super) reason: Reason,
    pub(super) monitored: bool,
}

impl What {
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(Self {
            generation: event.generation,
            plan: event.plan,
            scope: event.scope,
            limit: event.limit,
            reason: Reason::from_index(event.reason)?,
            monitored: event.monitored != 0,
        })
    }

    /// What is known of refusals that no event has told of: where the scope has one limit, it was that.
    pub(super) fn guess(description: &Description, scope: u8, plan: u16) -> Self {
        let found = description.scope(scope);
        let limit = found.and_then(|scope| only_limit(description, scope, plan));
        let limit = limit.unwrap_or(NO_LIMIT);
        let of_all = limit != NO_LIMIT && limit & GLOBAL_LIMIT != 0;
        Self {
            generation: description.generation,
            plan,
            scope,
            limit,
            reason: match of_all {
                true => Reason::GlobalLimit,
                false => Reason::OverLimit,
            },
            monitored: found.is_some_and(|scope| scope.mode == "monitor"),
        }
    }
}

fn only_limit(description: &Description, scope: &ScopeDescription, plan: u16) -> Option<u8> {
    let layer = scope.layer.as_ref().and_then(|name| {
        let mut scopes = description.scopes.iter();
        scopes.find(|one| one.name == *name)
    });
    let own = description.limits(scope, plan).iter().map(|one| one.index);
    let of_layer = layer.map_or(&[][..], |layer| description.limits(layer, plan));
    let of_layer = of_layer.iter().map(|one| one.index | LAYER_LIMIT);
    let of_all = scope.global.iter().map(|one| one.index | GLOBAL_LIMIT);
    let mut limits = own.chain(of_layer).chain(of_all);
    let only = limits.next();
    only.filter(|_| limits.next().is_none())
}

/// The names of a row of the history.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label {
    pub(super) scope: String,
    pub(super) plan: Option<String>,
    pub(super) limit: Option<String>,
    pub(super) unit: Option<String>,
    pub(super) rate: Option<String>,
    pub(super) reason: String,
    pub(super) monitored: bool,
}

impl Label {
    fn of(what: What, description: &Description) -> Self {
        let found = found_limit(description, what.scope, what.plan, what.limit);
        let plan = description.plan(what.plan);
        Self {
            scope: description.scope_name(what.scope),
            plan: plan.map(|plan| plan.name.clone()),
            limit: found.map(|(holder, limit)| match holder {
                "" => limit.name.clone(),
                holder => format!("{holder}.{}", limit.name),
            }),
            unit: found.map(|(_, limit)| limit.unit.clone()),
            rate: found.map(|(_, limit)| limit.rate.clone()),
            reason: what.reason.as_str().to_owned(),
            monitored: what.monitored,
        }
    }
}

impl Label {
    /// Where no generation is known that could name it.
    pub(super) fn unknown(what: What) -> Self {
        Self {
            scope: format!("#{}", what.scope),
            plan: None,
            limit: None,
            unit: None,
            rate: None,
            reason: what.reason.as_str().to_owned(),
            monitored: what.monitored,
        }
    }
}

/// Labels that are in use, each once.
#[derive(Debug, Default)]
pub(super) struct Labels {
    known: HashMap<What, Arc<Label>>,
    all: HashMap<Arc<Label>, ()>,
}

impl Labels {
    /// Every generation has some of its own; those of long ago are in nobody's way.
    const MOST: usize = 4_096;

    pub(super) fn of(&mut self, what: What, names: &Names) -> Option<Arc<Label>> {
        if let Some(known) = self.known.get(&what) {
            return Some(Arc::clone(known));
        }
        let label = Label::of(what, names.of(what.generation)?);
        let label = self.one(label);
        self.known.insert(what, Arc::clone(&label));
        Some(label)
    }

    /// The one that says the same.
    pub(super) fn one(&mut self, label: Label) -> Arc<Label> {
        if self.known.len() >= Self::MOST || self.all.len() >= Self::MOST {
            self.known.clear();
            self.all.clear();
        }
        if let Some((known, ())) = self.all.get_key_value(&label) {
            return Arc::clone(known);
        }
        let label = Arc::new(label);
        self.all.insert(Arc::clone(&label), ());
        label
    }
}
