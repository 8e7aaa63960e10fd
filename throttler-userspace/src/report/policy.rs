//! `dump scopes` and `dump plans`.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::attached::Attachment;
use super::output::{Format, Table, json};
use crate::compile::{LimitDescription, ScopeKind};

#[derive(Debug, Serialize)]
struct LimitEntry<'a> {
    limit: &'a str,
    unit: &'a str,
    rate: &'a str,
    burst: u64,
}

fn entries(limits: &[LimitDescription]) -> Vec<LimitEntry<'_>> {
    limits
        .iter()
        .map(|limit| LimitEntry {
            limit: &limit.name,
            unit: &limit.unit,
            rate: &limit.rate,
            burst: limit.burst,
        })
        .collect()
}

fn text(limits: &[LimitEntry<'_>]) -> String {
    if limits.is_empty() {
        return "unlimited".to_owned();
    }
    let one = |limit: &LimitEntry<'_>| {
        format!(
            "{} {} {} (burst {})",
            limit.limit, limit.rate, limit.unit, limit.burst
        )
    };
    limits.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[derive(Debug, Serialize)]
struct ScopeEntry<'a> {
    iface: &'a str,
    scope: &'a str,
    kind: ScopeKind,
    mode: &'a str,
    #[serde(rename = "match")]
    matches: &'a [String],
    layer: Option<&'a str>,
    limits: Vec<LimitEntry<'a>>,
    /// For all sources together, what is reserved included.
    global: Vec<LimitEntry<'a>>,
    /// Plans that a share of those is reserved for.
    protected: &'a [String],
    reserved_percent: u8,
}

/// Prints the scopes and layers.
///
/// # Errors
/// The writer's.
pub fn scopes(out: &mut impl Write, attached: &[Attachment], format: Format) -> Result<()> {
    let mut all = Vec::new();
    for attachment in attached {
        let live = attachment.description.scopes.iter();
        all.extend(
            live.filter(|scope| scope.kind != ScopeKind::Retired)
                .map(|scope| ScopeEntry {
                    iface: attachment.iface(),
                    scope: &scope.name,
                    kind: scope.kind,
                    mode: &scope.mode,
                    matches: &scope.matches,
                    layer: scope.layer.as_deref(),
                    limits: entries(&scope.limits),
                    global: entries(&scope.global),
                    protected: &scope.protected,
                    reserved_percent: scope.reserved,
                }),
        );
    }
    if format != Format::Table {
        return json(out, format, "scopes", &all);
    }
    let mut table = Table::new(&["iface", "scope", "mode", "match", "limits", "global"]);
    for scope in &all {
        let matches = match (scope.kind, scope.matches) {
            (ScopeKind::Layer, scopes) => format!("layer over {}", scopes.join(", ")),
            (_, []) => "everything else".to_owned(),
            (_, matches) => matches.join("; "),
        };
        table.row(vec![
            scope.iface.to_owned(),
            scope.scope.to_owned(),
            scope.mode.to_owned(),
            matches,
            text(&scope.limits),
            global(scope),
        ]);
    }
    table.print(out)?;
    Ok(())
}

fn global(scope: &ScopeEntry<'_>) -> String {
    if scope.global.is_empty() {
        return "-".to_owned();
    }
    let mut said = text(&scope.global);
    if scope.reserved_percent > 0 {
        let plans = scope.protected.join(", ");
        said.push_str(&format!("; {} % kept for {plans}", scope.reserved_percent));
    }
    said
}

#[derive(Debug, Serialize)]
struct OverrideEntry<'a> {
    scope: &'a str,
    unlimited: bool,
    limits: Vec<LimitEntry<'a>>,
}

#[derive(Debug, Serialize)]
struct PlanEntry<'a> {
    iface: &'a str,
    plan: &'a str,
    scopes: Vec<OverrideEntry<'a>>,
}

/// Prints the plans.
///
/// # Errors
/// The writer's.
pub fn plans(out: &mut impl Write, attached: &[Attachment], format: Format) -> Result<()> {
    let mut all = Vec::new();
    for attachment in attached {
        all.extend(attachment.description.plans.iter().map(|plan| {
            PlanEntry {
                iface: attachment.iface(),
                plan: &plan.name,
                scopes: plan
                    .overrides
                    .iter()
                    .map(|set| OverrideEntry {
                        scope: &set.scope,
                        unlimited: set.unlimited,
                        limits: entries(&set.limits),
                    })
                    .collect(),
            }
        }));
    }
    if format != Format::Table {
        return json(out, format, "plans", &all);
    }
    let mut table = Table::new(&["iface", "plan", "scope", "limits"]);
    for plan in &all {
        for set in &plan.scopes {
            table.row(vec![
                plan.iface.to_owned(),
                plan.plan.to_owned(),
                set.scope.to_owned(),
                text(&set.limits),
            ]);
        }
    }
    table.print(out)?;
    Ok(())
}
