//! Names and texts of one generation, made ready to be copied into a million entries.

use throttler_common::abi::{LimitParams, MAX_SCOPES};
use throttler_common::gcra::nanos_ceil;

use super::digits;
use super::generation::Generation;
use super::headers::Quota;
use crate::compile::{Description, LimitDescription, ScopeDescription, ScopeKind};
use crate::config::{Rate, Unit};

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
pub(super) struct LimitText {
    pub(super) described: LimitDescription,
    /// Its numbers.
    pub(super) params: LimitParams,
    /// Its entry in JSON up to the first number that changes.
    pub(super) json: String,
    /// As headers name it; one of a layer with the layer's name before its own.
    pub(super) quota: Quota,
}

/// Everything that has a name.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) iface: Name,
    /// By identifier.
    scopes: Vec<Name>,
    /// By identifier; 0 is nobody's.
    plans: Vec<Option<Name>>,
    /// By index of the row.
    limits: Vec<Vec<LimitText>>,
}

impl Names {
    pub(super) fn of(iface: &str, description: &Description, generation: &Generation) -> Self {
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
                    .filter_map(|limit| LimitText::of(limit, scope, generation, index));
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
    pub(super) fn limits(&self, row: Option<u32>) -> &[LimitText] {
        let found = row.and_then(|row| self.limits.get(row as usize));
        found.map_or(&[], Vec::as_slice)
    }
}

impl LimitText {
    fn of(
        described: &LimitDescription,
        scope: &ScopeDescription,
        generation: &Generation,
        row: u32,
    ) -> Option<Self> {
        let row = generation.row_at(row)?;
        let params = *row.limits.get(usize::from(described.index))?;
        let window = window(described, &params);
        let name = match scope.kind {
            ScopeKind::Layer => format!("{}.{}", scope.name, described.name),
            ScopeKind::Scope | ScopeKind::Retired => described.name.clone(),
        };
        Some(Self {
            json: limit_json(&described.name, described, described.burst, window),
            quota: Quota::of(&name, &described.unit, described.burst, window),
            described: described.clone(),
            params,
        })
    }
}

/// Nanoseconds in which the whole bucket refills, rounded up: what was written is exact, the datapath's increments are
/// rounded. `params` answers where the text of a damaged description is none.
pub(super) fn window(limit: &LimitDescription, params: &LimitParams) -> u64 {
    let exact = || {
        let unit = Unit::ALL
            .into_iter()
            .find(|unit| unit.as_str() == limit.unit)?;
        let rate = Rate::parse(&limit.rate, unit).ok()?;
        let whole = u128::from(limit.burst) * u128::from(rate.period_ns());
        let scaled = whole.checked_mul(10u128.pow(rate.scale()))?;
        u64::try_from(scaled.div_ceil(u128::from(rate.mantissa()))).ok()
    };
    exact().unwrap_or_else(|| nanos_ceil(params.depth))
}

/// A limit's entry up to what is left of it; its window is in nanoseconds.
pub(super) fn limit_json(name: &str, limit: &LimitDescription, burst: u64, window: u64) -> String {
    let mut window_s = Vec::new();
    digits::seconds(&mut window_s, window);
    format!(
        "{{\"limit\":{},\"unit\":{},\"rate\":{},\"burst\":{burst},\"window_s\":{},\"remaining\":",
        json(name),
        json(&limit.unit),
        json(&limit.rate),
        String::from_utf8_lossy(&window_s),
    )
}

/// A string in JSON.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
