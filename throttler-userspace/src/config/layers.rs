//! Layers, and how many of everything the datapath's tables hold.

use std::collections::BTreeMap;

use toml::Spanned;

use super::findings::Findings;
use super::limits::limits;
use super::model::{Layer, Scope};
use super::names;
use super::raw::{Named, RawConfig};
use super::raw_scopes::RawLayer;
use super::suggest::quote;

const MOST_OWNERS: usize = 255;
const MOST_PLANS: usize = 1023;
/// Plans (and "no plan") times scopes and layers; where there are `global` limits, two more for them.
const MOST_ROWS: usize = 4096;

/// The layers; `scopes` are the validated ones, `raw_scopes` know their places.
pub(crate) fn layers(raw: &RawConfig, scopes: &[Scope], findings: &mut Findings) -> Vec<Layer> {
    let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
    raw.layers
        .iter()
        .map(|(name, layer)| {
            names::check(name, "layer", findings);
            clash(name, &raw.scopes, findings);
            members(name, layer, scopes, &mut taken, findings);
            let owner = format!("layer {}", quote(name.get_ref()));
            Layer {
                name: name.get_ref().clone(),
                scopes: layer.scopes.iter().map(|s| s.get_ref().clone()).collect(),
                limits: limits(&layer.limits, &owner, findings),
            }
        })
        .collect()
}

fn clash<T>(name: &Spanned<String>, scopes: &Named<T>, findings: &mut Findings) {
    let scope = scopes
        .iter()
        .find(|(scope, _)| scope.get_ref() == name.get_ref());
    let place = match scope {
        Some((scope, _)) => format!("line {}", findings.file().line(scope.span().start)),
        None if name.get_ref() == "default" => "always there".to_owned(),
        None => return,
    };
    findings.error(
        name.span(),
        format!("{} is a scope ({place}) and a layer", quote(name.get_ref())),
        "rename one: plans name scopes and layers alike",
    );
}

fn members<'r>(
    name: &'r Spanned<String>,
    layer: &'r RawLayer,
    scopes: &[Scope],
    taken: &mut BTreeMap<&'r str, &'r str>,
    findings: &mut Findings,
) {
    for scope in &layer.scopes {
        let text = scope.get_ref().as_str();
        if !scopes.iter().any(|known| known.name == text) {
            findings.error(
                scope.span(),
                format!(
                    "layer {} spans an unknown scope {}",
                    quote(name.get_ref()),
                    quote(text)
                ),
                findings.known("scopes", text, scopes.iter().map(|s| s.name.as_str())),
            );
        } else if let Some(other) = taken.insert(text, name.get_ref()) {
            findings.error(
                scope.span(),
                format!("scope {} is already in layer {}", quote(text), quote(other)),
                "a scope is in at most one layer, once: remove it from one",
            );
        }
    }
}

/// Reports what is too many, at the first that is. False where there are so many scopes, layers or plans that to look at
/// each of them, and at what each says of the others, would take long.
pub(crate) fn counts(raw: &RawConfig, findings: &mut Findings) -> bool {
    let has_default = raw
        .scopes
        .iter()
        .any(|(name, _)| name.get_ref() == "default");
    let implied = usize::from(!has_default);
    let scopes = raw.scopes.iter().map(|(name, _)| name);
    let owners: Vec<_> = scopes
        .chain(raw.layers.iter().map(|(name, _)| name))
        .collect();
    let total = owners.len() + implied;
    if let Some(excess) = owners.get(MOST_OWNERS - implied) {
        findings.error(
            excess.span(),
            format!("{total} scopes and layers, and {MOST_OWNERS} is the most (`default` counts)"),
            "merge scopes that have the same limits: one scope may have many `match` entries",
        );
    }
    if let Some((excess, _)) = raw.plans.get(MOST_PLANS) {
        findings.error(
            excess.span(),
            format!("{} plans, and {MOST_PLANS} is the most", raw.plans.len()),
            "merge plans with the same rates",
        );
    }
    let global = raw.scopes.iter().any(|(_, scope)| !scope.global.is_empty());
    let (beside, why) = match global {
        true => (3, " and `global` limits"),
        false => (1, ""),
    };
    let most_plans = (MOST_ROWS / total.max(1)).saturating_sub(beside);
    let rows = (raw.plans.len() + beside).saturating_mul(total);
    if rows > MOST_ROWS
        && let Some((excess, _)) = raw.plans.get(most_plans)
    {
        findings.error(
            excess.span(),
            format!(
                "(plans + {beside}) × (scopes + layers) is {rows}, and {MOST_ROWS} is the most"
            ),
            format!("with {total} scopes and layers{why}, {most_plans} plans fit: merge some"),
        );
    }
    total <= MOST_OWNERS && raw.plans.len() <= MOST_PLANS
}
