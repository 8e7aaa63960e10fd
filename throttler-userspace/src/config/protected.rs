//! `protected` and `reserved` of a scope: plans for which a share of every `global` limit is kept.

use toml::Spanned;

use super::bounds::{self, Culprit, FULL_SIZE};
use super::findings::Findings;
use super::grammar::GrammarError;
use super::model::Limit;
use super::raw_scopes::RawScope;
use super::share::split;
use super::suggest::quote;
use super::words::Unit;

/// Where `protected` is there and `reserved` is not.
const DEFAULT_PERCENT: u8 = 25;

/// The reserved share in per cent; 0 where no plan is protected. `global` are the scope's valid limits.
pub(crate) fn reserved(
    scope: &str,
    raw: &RawScope,
    plans: &[&str],
    global: &[Limit],
    findings: &mut Findings,
) -> u8 {
    for plan in &raw.protected {
        if !plans.contains(&plan.get_ref().as_str()) {
            findings.error(
                plan.span(),
                format!(
                    "`protected` names an unknown plan {}",
                    quote(plan.get_ref())
                ),
                findings.known("plans", plan.get_ref(), plans.iter().copied()),
            );
        }
    }
    needs(scope, raw, findings);
    let percent = match &raw.reserved {
        None => Some(DEFAULT_PERCENT),
        Some(found) => percent(found, findings),
    };
    let (Some(percent), false, false) = (percent, raw.protected.is_empty(), global.is_empty())
    else {
        return 0;
    };
    for limit in global {
        if let Err((culprit, error)) = fits(limit, percent) {
            let raw = raw
                .global
                .iter()
                .find(|raw| *raw.name.get_ref() == limit.name);
            let span = raw.and_then(|raw| {
                let burst = raw.burst.as_ref().map(Spanned::span);
                let burst = burst.filter(|_| culprit == Culprit::Burst);
                burst.or(raw.rate.as_ref().map(Spanned::span))
            });
            findings.error(span.unwrap_or_default(), error.message, error.help);
        }
        small(limit, percent, raw, findings);
    }
    percent
}

/// `reserved` is of use only with `protected`, and that only with `global`.
fn needs(scope: &str, raw: &RawScope, findings: &mut Findings) {
    if let (Some(key), None) = (&raw.reserved_key, &raw.protected_key) {
        findings.error(
            key.clone(),
            format!("`reserved` of scope {scope} is kept for nobody: it has no `protected`"),
            r#"add `protected = ["PLAN"]` with the names of plans, or remove `reserved`"#,
        );
    }
    if let (Some(key), true) = (&raw.protected_key, raw.without_global) {
        findings.error(
            key.clone(),
            format!("`protected` of scope {scope} has no `global` limit to keep a share of"),
            r#"add `global = { total = { rate = "1000/s" } }`, or remove `protected`"#,
        );
    }
}

fn percent(found: &Spanned<String>, findings: &mut Findings) -> Option<u8> {
    parse(found.get_ref())
        .map_err(|error| findings.error(found.span(), error.message, error.help))
        .ok()
}

fn parse(text: &str) -> Result<u8, GrammarError> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let value = number.parse::<u8>().ok().filter(|_| digits);
    match value {
        Some(value @ 1..=99) if text.ends_with('%') => Ok(value),
        Some(value @ 1..=99) => Err(GrammarError::new(
            format!("{} has no `%`", quote(text)),
            format!("write `reserved = \"{value}%\"`"),
        )),
        Some(0) => Err(GrammarError::new(
            format!("a share of {} keeps nothing", quote(text)),
            "write \"1%\" to \"99%\", or remove `protected` and `reserved`",
        )),
        Some(_) => Err(GrammarError::new(
            format!("a share of {} leaves nothing for the others", quote(text)),
            "write \"1%\" to \"99%\"",
        )),
        None if digits => Err(GrammarError::new(
            format!("a share of {} leaves nothing for the others", quote(text)),
            "write \"1%\" to \"99%\"",
        )),
        None => Err(GrammarError::new(
            format!("{} is not a share in whole per cent", quote(text)),
            "write \"1%\" to \"99%\", such as `reserved = \"25%\"`",
        )),
    }
}

/// Whether the datapath can keep both parts.
fn fits(limit: &Limit, percent: u8) -> Result<(), (Culprit, GrammarError)> {
    if limit.burst < 2 {
        let message = "a burst of 1 cannot be shared with `protected` plans";
        let help = "write `burst = 2` or more, or remove `protected`";
        return Err((Culprit::Burst, GrammarError::new(message, help)));
    }
    split(limit.burst, percent)
        .iter()
        .try_for_each(|part| bounds::check_part(&limit.rate, *part, limit.unit))
}

fn small(limit: &Limit, percent: u8, raw: &RawScope, findings: &mut Findings) {
    // What is too small as a whole was warned of as that.
    if limit.unit != Unit::Bytes || limit.burst < FULL_SIZE {
        return;
    }
    let least = split(limit.burst, percent).map(|part| part.burst);
    let (common, kept) = (least[0], least[1]);
    if common >= FULL_SIZE && kept >= FULL_SIZE {
        return;
    }
    let name = raw
        .global
        .iter()
        .find(|raw| *raw.name.get_ref() == limit.name);
    let (which, burst) = if kept < FULL_SIZE {
        ("reserved", kept)
    } else {
        ("common", common)
    };
    findings.warn(
        name.map(|raw| raw.name.span()).unwrap_or_default(),
        format!(
            "the {which} part of `{}` has a burst of {burst} bytes, below {FULL_SIZE}: a full-size packet would never conform to it",
            limit.name
        ),
    );
}
