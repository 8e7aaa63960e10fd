//! Identifiers by name: what keeps its name keeps its identifier, and with it counters and buckets.

use std::collections::{BTreeMap, BTreeSet};

use throttler_common::abi::{MAX_LIMITS, MAX_SCOPES};

use super::CompileError;
use super::description::{Description, LimitDescription, ScopeDescription, ScopeKind};
use crate::config::{Config, Limit};

/// The identifiers of one generation.
pub(super) struct Ids {
    /// Scope and layer names.
    pub(super) scopes: BTreeMap<String, u8>,
    /// Plan names, from 1.
    pub(super) plans: BTreeMap<String, u16>,
    /// Indices of limits, by scope or layer and limit name.
    pub(super) limits: BTreeMap<(String, String), u8>,
    /// Indices of `global` limits, by scope and limit name.
    pub(super) global: BTreeMap<(String, String), u8>,
    /// Scopes of earlier generations that this one has not.
    pub(super) retired: Vec<ScopeDescription>,
}

pub(super) fn identify(
    config: &Config,
    previous: Option<&Description>,
) -> Result<Ids, CompileError> {
    let earlier = previous.map_or(&[][..], |p| p.scopes.as_slice());
    let mut taken: BTreeSet<u8> = earlier.iter().map(|scope| scope.id).collect();
    taken.insert(0);
    let names = || {
        let scopes = config.scopes.iter().map(|scope| scope.name.as_str());
        scopes.chain(config.layers.iter().map(|layer| layer.name.as_str()))
    };

    let mut scopes = BTreeMap::new();
    for name in names() {
        let known = earlier.iter().find(|scope| scope.name == name);
        let id = match (name, known) {
            ("default", _) => 0,
            (_, Some(scope)) => scope.id,
            (_, None) => {
                let free = (0..=u8::MAX).find(|id| !taken.contains(id));
                free.ok_or(CompileError::TooManyScopes(MAX_SCOPES))?
            }
        };
        taken.insert(id);
        scopes.insert(name.to_owned(), id);
    }
    let retired = earlier
        .iter()
        .filter(|scope| !scopes.contains_key(&scope.name))
        .map(|scope| ScopeDescription {
            kind: ScopeKind::Retired,
            limits: Vec::new(),
            global: Vec::new(),
            protected: Vec::new(),
            reserved: 0,
            ..scope.clone()
        })
        .collect();

    let own = config
        .scopes
        .iter()
        .map(|scope| (&scope.name, scope.limits.as_slice()));
    let layers = config
        .layers
        .iter()
        .map(|layer| (&layer.name, layer.limits.as_slice()));
    let limits = all_indices(own.chain(layers), earlier, |scope| &scope.limits);
    let global = config
        .scopes
        .iter()
        .map(|scope| (&scope.name, scope.global.as_slice()));
    let global = all_indices(global, earlier, |scope| &scope.global);
    Ok(Ids {
        scopes,
        plans: plans(config, previous),
        limits,
        global,
        retired,
    })
}

/// The indices of the limits of scopes; `of` are the limits of their kind.
fn all_indices<'a>(
    limited: impl Iterator<Item = (&'a String, &'a [Limit])>,
    earlier: &[ScopeDescription],
    of: fn(&ScopeDescription) -> &[LimitDescription],
) -> BTreeMap<(String, String), u8> {
    limited
        .flat_map(|(name, set)| {
            let before = earlier.iter().find(|scope| scope.name == *name);
            indices(set, before.map_or(&[], of))
                .into_iter()
                .map(|(limit, index)| ((name.clone(), limit), index))
        })
        .collect()
}

/// A limit keeps its index by name; a new one takes an index that no limit had, before one that a
/// limit has left.
fn indices(limits: &[Limit], before: &[LimitDescription]) -> Vec<(String, u8)> {
    let old = |name: &str| before.iter().find(|l| l.name == name).map(|l| l.index);
    let kept: BTreeSet<u8> = limits.iter().filter_map(|l| old(&l.name)).collect();
    let used: BTreeSet<u8> = before.iter().map(|limit| limit.index).collect();
    let all = 0..MAX_LIMITS as u8;
    let mut fresh: Vec<u8> = all.clone().filter(|i| !used.contains(i)).collect();
    fresh.extend(all.filter(|i| used.contains(i) && !kept.contains(i)));
    let mut fresh = fresh.into_iter();
    limits
        .iter()
        .filter_map(|limit| {
            let index = old(&limit.name).or_else(|| fresh.next())?;
            Some((limit.name.clone(), index))
        })
        .collect()
}

fn plans(config: &Config, previous: Option<&Description>) -> BTreeMap<String, u16> {
    let earlier = previous.map_or(&[][..], |p| p.plans.as_slice());
    let known = |name: &str| earlier.iter().find(|plan| plan.name == name).map(|p| p.id);
    let mut taken: BTreeSet<u16> = config.plans.iter().filter_map(|p| known(&p.name)).collect();
    let mut ids = BTreeMap::new();
    for plan in &config.plans {
        let id = known(&plan.name)
            .unwrap_or_else(|| (1..).find(|id| !taken.contains(id)).unwrap_or(u16::MAX));
        taken.insert(id);
        ids.insert(plan.name.clone(), id);
    }
    ids
}
