//! Plans: what they override must exist.

use toml::Spanned;

use super::findings::Findings;
use super::limits::bucket;
use super::model::{Layer, Limit, Plan, PlanLimit, PlanScope, Scope};
use super::names;
use super::raw::{Named, RawConfig};
use super::raw_limits::{RawLimit, RawPlanLimit, RawPlanScope};
use super::suggest::{quote, shown};

const UNLIMITED: &str = "unlimited";

/// A scope or layer as a plan sees it.
struct Owner<'a> {
    name: &'a str,
    /// By name as written, so that a limit with an error of its own is not unknown too.
    written: &'a [RawLimit],
    valid: &'a [Limit],
    /// Limits that no plan can change.
    global: &'a [RawLimit],
}

pub(crate) fn plans(
    raw: &RawConfig,
    scopes: &[Scope],
    layers: &[Layer],
    findings: &mut Findings,
) -> Vec<Plan> {
    let owners = owners(raw, scopes, layers);
    raw.plans
        .iter()
        .map(|(name, overrides)| {
            names::check(name, "plan", findings);
            let scopes = overrides
                .iter()
                .filter_map(|(scope, content)| {
                    let owner = owner(name, scope, &owners, findings)?;
                    let content = plan_scope(owner, content, findings)?;
                    Some((scope.get_ref().clone(), content))
                })
                .collect();
            Plan {
                name: name.get_ref().clone(),
                scopes,
            }
        })
        .collect()
}

fn owners<'a>(raw: &'a RawConfig, scopes: &'a [Scope], layers: &'a [Layer]) -> Vec<Owner<'a>> {
    let scopes = scopes.iter().map(|scope| {
        let written = raw
            .scopes
            .iter()
            .find(|(name, _)| *name.get_ref() == scope.name);
        Owner {
            name: &scope.name,
            written: written.map_or(&[], |(_, raw)| raw.limits.as_slice()),
            valid: &scope.limits,
            global: written.map_or(&[], |(_, raw)| raw.global.as_slice()),
        }
    });
    let layers = raw
        .layers
        .iter()
        .zip(layers)
        .map(|((_, raw), layer)| Owner {
            name: &layer.name,
            written: &raw.limits,
            valid: &layer.limits,
            global: &[],
        });
    scopes.chain(layers).collect()
}

fn owner<'o, 'a>(
    plan: &Spanned<String>,
    scope: &Spanned<String>,
    owners: &'o [Owner<'a>],
    findings: &mut Findings,
) -> Option<&'o Owner<'a>> {
    let found = owners.iter().find(|owner| owner.name == scope.get_ref());
    if found.is_none() {
        findings.error(
            scope.span(),
            format!(
                "plan {} overrides an unknown scope {}",
                quote(plan.get_ref()),
                quote(scope.get_ref())
            ),
            findings.known(
                "scopes and layers",
                scope.get_ref(),
                owners.iter().map(|o| o.name),
            ),
        );
    }
    found
}

fn plan_scope(owner: &Owner<'_>, raw: &RawPlanScope, findings: &mut Findings) -> Option<PlanScope> {
    match raw {
        RawPlanScope::Word(word) if word.get_ref() == UNLIMITED => Some(PlanScope::Unlimited),
        RawPlanScope::Word(word) => {
            let limit = owner
                .written
                .first()
                .map_or("burst", |limit| limit.name.get_ref());
            findings.error(
                word.span(),
                format!(
                    "a plan's scope is `\"unlimited\"` or a table of limits, not {}",
                    quote(word.get_ref())
                ),
                format!(
                    "write `{} = {{ {} = \"100/min\" }}`, or `\"unlimited\"`",
                    shown(owner.name),
                    shown(limit)
                ),
            );
            None
        }
        RawPlanScope::Limits(limits) => Some(PlanScope::Limits(overrides(owner, limits, findings))),
    }
}

fn overrides(
    owner: &Owner<'_>,
    raw: &Named<RawPlanLimit>,
    findings: &mut Findings,
) -> Vec<(String, PlanLimit)> {
    let mut limits = Vec::new();
    for (name, content) in raw {
        let text = name.get_ref();
        if !owner
            .written
            .iter()
            .any(|limit| limit.name.get_ref() == text)
        {
            if owner
                .global
                .iter()
                .any(|limit| limit.name.get_ref() == text)
            {
                findings.error(
                    name.span(),
                    format!("{} is a `global` limit: no plan has one of its own", quote(text)),
                    "remove it; `protected` in the scope keeps a share of `global` limits for some plans",
                );
                continue;
            }
            findings.error(
                name.span(),
                format!("{} has no limit {}", quote(owner.name), quote(text)),
                findings.known(
                    "limits",
                    text,
                    owner.written.iter().map(|l| l.name.get_ref().as_str()),
                ),
            );
            continue;
        }
        let Some(limit) = owner.valid.iter().find(|limit| limit.name == *text) else {
            continue;
        };
        if let Some(content) = plan_limit(limit, content, findings) {
            limits.push((text.clone(), content));
        }
    }
    limits
}

fn plan_limit(limit: &Limit, raw: &RawPlanLimit, findings: &mut Findings) -> Option<PlanLimit> {
    let (rate, burst) = match raw {
        RawPlanLimit::Broken => return None,
        RawPlanLimit::Word(word) if word.get_ref() == UNLIMITED => {
            return Some(PlanLimit::Unlimited);
        }
        RawPlanLimit::Word(rate) => (rate, None),
        RawPlanLimit::Table { rate, burst } => (rate, burst.as_ref()),
    };
    let (rate, burst) = bucket(rate, burst, limit.unit, findings)?;
    Some(PlanLimit::Rate { rate, burst })
}
