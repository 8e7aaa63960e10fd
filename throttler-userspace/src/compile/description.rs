//! What people read of a generation: names, rates as written, origins. It lies beside the tables in a
//! map of its own, so that `dump`, `status` and `explain` work with the daemon down.

use serde::{Deserialize, Serialize};

use super::abuse::AbuseDescription;

/// One generation, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The generation, counted from 1.
    pub generation: u32,
    /// When it was compiled, RFC 3339.
    pub published: String,
    /// The policy file, or `embedded default`.
    pub policy: String,
    /// The file's mode: `enforce` or `monitor`.
    pub mode: String,
    /// Length of an IPv4 source's prefix, bits.
    pub ipv4_prefix: u8,
    /// Length of an IPv6 source's prefix, bits.
    pub ipv6_prefix: u8,
    /// `detach` or `keep`.
    pub on_exit: String,
    /// Scopes and layers by identifier, those of earlier generations included.
    pub scopes: Vec<ScopeDescription>,
    /// Plans by identifier.
    pub plans: Vec<PlanDescription>,
    /// `[[sources]]` entries in file order.
    pub rules: Vec<RuleDescription>,
    /// Prefixes that the rules name in all.
    pub prefixes: usize,
    /// When refusals ban; `None`: never.
    #[serde(default)]
    pub abuse: Option<AbuseDescription>,
}

/// Scope or layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScopeKind {
    /// A class of traffic.
    Scope,
    /// Limits that span several scopes.
    Layer,
    /// Not in this generation; its identifier stays with its counters.
    Retired,
}

/// A scope or layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeDescription {
    /// Identifier, 0 to 255.
    pub id: u8,
    /// Name.
    pub name: String,
    /// What it is.
    pub kind: ScopeKind,
    /// `enforce` or `monitor`.
    pub mode: String,
    /// What it matches, a line each; a layer's scopes.
    pub matches: Vec<String>,
    /// Its layer's name.
    pub layer: Option<String>,
    /// Its limits.
    pub limits: Vec<LimitDescription>,
    /// Its `global` limits: for all sources together, the reserved share included.
    #[serde(default)]
    pub global: Vec<LimitDescription>,
    /// Plans that are served from the reserved share of those first.
    #[serde(default)]
    pub protected: Vec<String>,
    /// That share of rates and bursts, in per cent; 0 where no plan is protected.
    #[serde(default)]
    pub reserved: u8,
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitDescription {
    /// Index of its bucket, 0 to 3.
    pub index: u8,
    /// Name.
    pub name: String,
    /// `packets`, `bytes` or `connections`.
    pub unit: String,
    /// Rate as written.
    pub rate: String,
    /// Whole units.
    pub burst: u64,
}

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDescription {
    /// Identifier, 1 to 1023.
    pub id: u16,
    /// Name.
    pub name: String,
    /// What it sets.
    pub overrides: Vec<OverrideDescription>,
}

/// What a plan sets for one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideDescription {
    /// The scope's (or layer's) name.
    pub scope: String,
    /// No limit holds, `global` ones included.
    pub unlimited: bool,
    /// The limits that hold instead, all of them; unlimited ones left out.
    pub limits: Vec<LimitDescription>,
}

/// A `[[sources]]` entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleDescription {
    /// `plan`, `exempt` or `block`.
    pub class: String,
    /// The plan.
    pub plan: Option<String>,
    /// End, RFC 3339.
    pub until: Option<String>,
    /// Reason as written.
    pub reason: Option<String>,
    /// File and line, or list file.
    pub origin: String,
    /// An operator, or an application, gave it; its ends are in the trie.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_operator: bool,
}

impl Description {
    /// The scope or layer with this identifier.
    #[must_use]
    pub fn scope(&self, id: u8) -> Option<&ScopeDescription> {
        self.scopes.iter().find(|scope| scope.id == id)
    }

    /// Its name; `#id` where the description does not know it.
    #[must_use]
    pub fn scope_name(&self, id: u8) -> String {
        self.scope(id)
            .map_or_else(|| format!("#{id}"), |scope| scope.name.clone())
    }

    /// The plan with this identifier.
    #[must_use]
    pub fn plan(&self, id: u16) -> Option<&PlanDescription> {
        self.plans.iter().find(|plan| plan.id == id)
    }

    /// The limits that hold in a scope for a plan (0: none), in their order.
    #[must_use]
    pub fn limits<'a>(&'a self, scope: &'a ScopeDescription, plan: u16) -> &'a [LimitDescription] {
        let set = self
            .plan(plan)
            .and_then(|plan| plan.overrides.iter().find(|set| set.scope == scope.name));
        match (set, scope.kind) {
            (_, ScopeKind::Retired) => &[],
            (Some(set), _) => &set.limits,
            (None, _) => &scope.limits,
        }
    }
}
