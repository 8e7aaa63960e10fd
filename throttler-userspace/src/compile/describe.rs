//! `Config -> Description`.

use std::collections::BTreeMap;

use super::abuse;
use super::description::{
    Description, LimitDescription, OverrideDescription, PlanDescription, RuleDescription,
    ScopeDescription, ScopeKind,
};
use super::identify::Ids;
use super::tables::Clock;
use crate::config::{Config, Limit, Match, Mode, Plan, PlanLimit, PlanScope};

pub(super) fn describe(
    config: &Config,
    ids: &Ids,
    generation: u32,
    clock: Clock,
    rules: Vec<RuleDescription>,
    prefixes: usize,
) -> Description {
    let mut scopes: Vec<ScopeDescription> = config
        .scopes
        .iter()
        .map(|scope| ScopeDescription {
            id: ids.scopes[&scope.name],
            name: scope.name.clone(),
            kind: ScopeKind::Scope,
            mode: scope.mode.unwrap_or(config.mode).as_str().to_owned(),
            matches: scope.matches.iter().map(match_text).collect(),
            layer: layer_of(config, &scope.name),
            limits: limits(&scope.name, &scope.limits, &ids.limits),
            global: limits(&scope.name, &scope.global, &ids.global),
            protected: scope.protected.clone(),
            reserved: scope.reserved,
        })
        .chain(config.layers.iter().map(|layer| ScopeDescription {
            id: ids.scopes[&layer.name],
            name: layer.name.clone(),
            kind: ScopeKind::Layer,
            mode: config.mode.as_str().to_owned(),
            matches: layer.scopes.clone(),
            layer: None,
            limits: limits(&layer.name, &layer.limits, &ids.limits),
            global: Vec::new(),
            protected: Vec::new(),
            reserved: 0,
        }))
        .chain(ids.retired.iter().cloned())
        .collect();
    scopes.sort_by_key(|scope| scope.id);
    let mut plans: Vec<PlanDescription> = config
        .plans
        .iter()
        .map(|plan| PlanDescription {
            id: ids.plans[&plan.name],
            name: plan.name.clone(),
            overrides: overrides(config, plan, ids),
        })
        .collect();
    plans.sort_by_key(|plan| plan.id);
    Description {
        generation,
        published: clock.wall.to_string(),
        policy: String::new(),
        mode: match config.mode {
            Mode::Enforce => "enforce".to_owned(),
            Mode::Monitor => "monitor".to_owned(),
        },
        ipv4_prefix: config.ipv4_prefix,
        ipv6_prefix: config.ipv6_prefix,
        on_exit: config.on_exit.as_str().to_owned(),
        scopes,
        plans,
        rules,
        prefixes,
        abuse: abuse::describe(config.abuse.as_ref()),
    }
}

fn layer_of(config: &Config, scope: &str) -> Option<String> {
    let layer = config
        .layers
        .iter()
        .find(|l| l.scopes.iter().any(|s| s == scope));
    layer.map(|layer| layer.name.clone())
}

fn limits(
    scope: &str,
    limits: &[Limit],
    indices: &BTreeMap<(String, String), u8>,
) -> Vec<LimitDescription> {
    limits
        .iter()
        .map(|limit| LimitDescription {
            index: indices[&(scope.to_owned(), limit.name.clone())],
            name: limit.name.clone(),
            unit: limit.unit.as_str().to_owned(),
            rate: limit.rate.text().to_owned(),
            burst: limit.burst,
        })
        .collect()
}

fn overrides(config: &Config, plan: &Plan, ids: &Ids) -> Vec<OverrideDescription> {
    let own = |name: &str| {
        let scope = config
            .scopes
            .iter()
            .find(|s| s.name == name)
            .map(|s| &s.limits);
        let layer = config
            .layers
            .iter()
            .find(|l| l.name == name)
            .map(|l| &l.limits);
        let set = scope.or(layer).map_or(&[][..], Vec::as_slice);
        limits(name, set, &ids.limits)
    };
    plan.scopes
        .iter()
        .map(|(name, set)| OverrideDescription {
            scope: name.clone(),
            unlimited: *set == PlanScope::Unlimited,
            limits: match set {
                PlanScope::Unlimited => Vec::new(),
                PlanScope::Limits(set) => own(name)
                    .into_iter()
                    .filter_map(|limit| changed(limit, set))
                    .collect(),
            },
        })
        .collect()
}

fn changed(limit: LimitDescription, set: &[(String, PlanLimit)]) -> Option<LimitDescription> {
    match set.iter().find(|(name, _)| *name == limit.name) {
        None => Some(limit),
        Some((_, PlanLimit::Unlimited)) => None,
        Some((_, PlanLimit::Rate { rate, burst })) => Some(LimitDescription {
            rate: rate.text().to_owned(),
            burst: *burst,
            ..limit
        }),
    }
}

fn match_text(entry: &Match) -> String {
    let mut parts = Vec::new();
    if let Some(protocol) = entry.protocol {
        parts.push(protocol.as_str().into_owned());
    }
    if !entry.ports.is_empty() {
        let ports: Vec<String> = entry.ports.iter().map(ToString::to_string).collect();
        parts.push(format!("port {}", ports.join(",")));
    }
    if !entry.to.is_empty() {
        let to: Vec<String> = entry.to.iter().map(ToString::to_string).collect();
        parts.push(format!("to {}", to.join(",")));
    }
    parts.join(" ")
}
