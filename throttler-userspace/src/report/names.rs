//! Names and texts of one generation, made ready to be copied into a million entries.

use throttler_common::abi::{LimitParams, MAX_SCOPES};

use super::generation::Generation;
use crate::compile::{Description, LimitDescription};

/// A name, as text and as JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    pub(super) text: String,
    pub(super) json: String,
}

impl Name {
    pub(super) fn of(text: &str) -> Self {
        Self {
            json: json(text),
            text: text.to_owned(),
        }
    }
}

/// A limit of a scope or layer for a plan.
#[derive(Debug)]
pub(super) struct LimitText<'a> {
    pub(super) described: &'a LimitDescription,
    /// Its numbers.
    pub(super) params: LimitParams,
    /// Its entry in JSON up to the first number that changes.
    pub(super) json: String,
}

/// Everything that has a name.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) iface: Name,
    /// By identifier.
    scopes: Vec<Name>,
    /// By identifier; 0 is nobody's.
    plans: Vec<Option<Name>>,
    /// By index of the row.
    limits: Vec<Vec<LimitText<'a>>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(iface: &str, description: &'a Description, generation: &Generation) -> Self {
        let last = description.plans.iter().map(|plan| plan.id).max();
        let mut plans = vec![None; usize::from(last.unwrap_or(0)) + 1];
        for plan in &description.plans {
            plans[usize::from(plan.id)] = Some(Name::of(&plan.name));
        }
        let mut limits = Vec::new();
        for plan in 0..plans.len() as u16 {
            for scope in &description.scopes {
                let Some(index) = generation.index(plan, scope.id) else {
                    continue;
                };
                let texts = description
                    .limits(scope, plan)
                    .iter()
                    .filter_map(|limit| LimitText::of(limit, generation, index));
                let texts: Vec<_> = texts.collect();
                let index = index as usize;
                if limits.len() <= index {
                    limits.resize_with(index + 1, Vec::new);
                }
                limits[index] = texts;
            }
        }
        Self {
            iface: Name::of(iface),
            scopes: (0..MAX_SCOPES)
                .map(|id| Name::of(&description.scope_name(id as u8)))
                .collect(),
            plans,
            limits,
        }
    }

    pub(super) fn scope(&self, id: u8) -> &Name {
        &self.scopes[usize::from(id)]
    }

    pub(super) fn plan(&self, id: u16) -> Option<&Name> {
        self.plans.get(usize::from(id))?.as_ref()
    }

    /// The limits of the row with this index, in the policy's order.
    pub(super) fn limits(&self, row: Option<u32>) -> &[LimitText<'a>] {
        let found = row.and_then(|row| self.limits.get(row as usize));
        found.map_or(&[], Vec::as_slice)
    }
}

impl<'a> LimitText<'a> {
    fn of(described: &'a LimitDescription, generation: &Generation, row: u32) -> Option<Self> {
        let row = generation.row_at(row)?;
        Some(Self {
            described,
            params: *row.limits.get(usize::from(described.index))?,
            json: limit_json(&described.name, described, described.burst),
        })
    }
}

/// A limit's entry up to what is left of it.
pub(super) fn limit_json(name: &str, limit: &LimitDescription, burst: u64) -> String {
    format!(
        "{{\"limit\":{},\"unit\":{},\"rate\":{},\"burst\":{burst},\"remaining\":",
        json(name),
        json(&limit.unit),
        json(&limit.rate),
    )
}

/// A string in JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
