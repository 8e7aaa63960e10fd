//! The shape of limits, in scopes and layers and as plans override them.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::fields::{Fields, Value, as_string, wrong_type};
use super::findings::Findings;
use super::raw::Named;
use super::raw_scopes::{Word, word};
use super::suggest;

const LIMIT: &str = r#"{ rate = "10/min", unit = "connections" }"#;
const RATE: &str = r#"rate = "10/min""#;

/// `name = { rate, burst, unit }`. Without a rate it was broken, and that is reported.
pub(crate) struct RawLimit {
    pub(crate) name: Spanned<String>,
    pub(crate) rate: Option<Spanned<String>>,
    pub(crate) burst: Option<Spanned<Word>>,
    pub(crate) unit: Option<Spanned<String>>,
    /// A value of the wrong type was left out above, so that no default may stand in for it.
    pub(crate) broken: bool,
}

pub(crate) enum RawPlanScope {
    Word(Spanned<String>),
    Limits(Named<RawPlanLimit>),
}

pub(crate) enum RawPlanLimit {
    /// A rate, or `unlimited`.
    Word(Spanned<String>),
    Table {
        rate: Spanned<String>,
        burst: Option<Spanned<Word>>,
    },
    Broken,
}

/// The table `key` of a scope or layer.
pub(crate) fn limits(
    parent: &Fields<'_>,
    title: &str,
    key: &str,
    findings: &mut Findings,
) -> Vec<RawLimit> {
    let example = format!("burst = {LIMIT}");
    let Some(table) = parent
        .get(key)
        .and_then(|value| Fields::open(value, format!("`{key}` in {title}"), &example, findings))
    else {
        return Vec::new();
    };
    table
        .entries()
        .map(|(name, value)| limit(name, value, findings))
        .collect()
}

fn limit<'d>(name: Spanned<String>, value: &'d Value<'d>, findings: &mut Findings) -> RawLimit {
    let mut raw = RawLimit {
        name,
        rate: None,
        burst: None,
        unit: None,
        broken: true,
    };
    let shown = suggest::shown(raw.name.get_ref());
    let example = match value.get_ref() {
        DeValue::String(rate) => format!("{shown} = {{ rate = \"{}\" }}", suggest::shown(rate)),
        _ => format!("{shown} = {LIMIT}"),
    };
    let Some(table) = Fields::open(value, format!("limit `{shown}`"), &example, findings) else {
        return raw;
    };
    table.only(&["rate", "burst", "unit"], findings);
    raw.rate = rate(&table, findings);
    raw.burst = burst(&table, findings);
    raw.unit = table.string("unit", r#"unit = "packets""#, findings);
    raw.broken = raw.burst.is_none() && table.get("burst").is_some()
        || raw.unit.is_none() && table.get("unit").is_some();
    raw
}

fn rate(table: &Fields<'_>, findings: &mut Findings) -> Option<Spanned<String>> {
    let value = table.required("rate", RATE, findings)?;
    as_string("`rate`", value, RATE, findings)
}

fn burst(table: &Fields<'_>, findings: &mut Findings) -> Option<Spanned<Word>> {
    word("`burst`", table.get("burst")?, "burst = 20", findings)
}

/// `api = "unlimited"`, or `[plans.pro.api]`.
pub(crate) fn plan_scope<'d>(
    plan: &str,
    name: &Spanned<String>,
    value: &'d Value<'d>,
    findings: &mut Findings,
) -> RawPlanScope {
    let shown = suggest::shown(name.get_ref());
    match value.get_ref() {
        DeValue::String(text) => RawPlanScope::Word(Spanned::new(value.span(), text.to_string())),
        DeValue::Table(_) => {
            let table = Fields::open(value, plan, plan, findings);
            let entries = table.iter().flat_map(Fields::entries);
            let limits = entries.map(|(limit, value)| {
                let content = plan_limit(limit.get_ref(), value, findings);
                (limit, content)
            });
            RawPlanScope::Limits(limits.collect())
        }
        _ => {
            let example = format!(r#"{shown} = "unlimited""#);
            let what = format!("`{shown}` in {plan}");
            wrong_type(
                &what,
                "a table of limits or \"unlimited\"",
                value,
                &example,
                findings,
            );
            RawPlanScope::Limits(Vec::new())
        }
    }
}

fn plan_limit<'d>(name: &str, value: &'d Value<'d>, findings: &mut Findings) -> RawPlanLimit {
    let shown = suggest::shown(name);
    if let DeValue::String(text) = value.get_ref() {
        return RawPlanLimit::Word(Spanned::new(value.span(), text.to_string()));
    }
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        let what = format!("plan limit `{shown}`");
        let example = format!(r#"{shown} = "100/min""#);
        wrong_type(&what, "a rate or a table", value, &example, findings);
        return RawPlanLimit::Broken;
    }
    let Some(table) = Fields::open(value, format!("plan limit `{shown}`"), "", findings) else {
        return RawPlanLimit::Broken;
    };
    if let Some(unit) = table.key_span("unit") {
        unit_in_plan(unit, findings);
    } else {
        table.only(&["rate", "burst"], findings);
    }
    let burst = burst(&table, findings);
    match rate(&table, findings) {
        Some(rate) if burst.is_some() || table.get("burst").is_none() => {
            RawPlanLimit::Table { rate, burst }
        }
        _ => RawPlanLimit::Broken,
    }
}

fn unit_in_plan(span: Range<usize>, findings: &mut Findings) {
    findings.error(
        span,
        "a plan cannot change a limit's unit",
        "leave `unit` out: the scope's limit has it",
    );
}
