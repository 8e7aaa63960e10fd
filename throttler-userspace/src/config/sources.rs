//! `[[sources]]`: what source prefixes resolve to, from the policy file and from list files.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use toml::Spanned;

use super::cidr::{Listed, parse_cidr, read_list};
use super::conflicts;
use super::findings::Findings;
use super::model::{By, Class, SourceRule};
use super::raw::Named;
use super::raw_sources::{RawSource, RawTime};
use super::settings::Settings;
use super::suggest::quote;

/// What the rules are checked against.
pub(crate) struct Context<'a> {
    pub(crate) base_dir: &'a Path,
    pub(crate) now: Timestamp,
    pub(crate) settings: &'a Settings,
}

/// The rules that still hold; one that names both prefixes and a list file becomes two.
pub(crate) fn sources<T>(
    raw: &[RawSource],
    plans: &Named<T>,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Vec<SourceRule> {
    let plans: Vec<&str> = plans
        .iter()
        .map(|(name, _)| name.get_ref().as_str())
        .collect();
    let mut rules = Vec::new();
    for raw in raw {
        let class = class(raw, &plans, findings);
        let until = raw.until.as_ref().map(|time| parse_time(time, findings));
        let lists = prefixes(raw, context, findings);
        let (Some(class), Some(until)) = (class, until.map_or(Some(None), |time| time.map(Some)))
        else {
            continue;
        };
        if let (Some(end), Some(written)) = (until, &raw.until)
            && end <= context.now
        {
            findings.warn(
                written.span(),
                format!("this rule ended at {end} and is left out"),
            );
            continue;
        }
        rules.extend(lists.into_iter().map(|(origin, list)| {
            let rule = SourceRule {
                prefixes: Vec::new(),
                class: class.clone(),
                until,
                reason: raw.reason.as_ref().map(|reason| reason.get_ref().clone()),
                origin,
                by: By::Policy,
            };
            (rule, list)
        }));
    }
    narrower_than_sources(&rules, context.settings, findings);
    conflicts::check(&rules, findings);
    rules
        .into_iter()
        .map(|(rule, mut list)| {
            list.prefixes.shrink_to_fit();
            SourceRule {
                prefixes: list.prefixes,
                ..rule
            }
        })
        .collect()
}

fn class(raw: &RawSource, plans: &[&str], findings: &mut Findings) -> Option<Class> {
    let mut denied = false;
    for (key, found) in [("exempt", &raw.exempt), ("block", &raw.block)] {
        if let Some(found) = found
            && !found.get_ref()
        {
            denied = true;
            findings.error(
                found.span(),
                format!("`{key} = false` says nothing"),
                format!("remove it, or write `{key} = true`"),
            );
        }
    }
    if let Some(plan) = &raw.plan
        && !plans.contains(&plan.get_ref().as_str())
    {
        findings.error(
            plan.span(),
            format!("unknown plan {}", quote(plan.get_ref())),
            findings.known("plans", plan.get_ref(), plans.iter().copied()),
        );
    }
    let plan = raw
        .plan
        .as_ref()
        .map(|plan| (plan.span(), Class::Plan(plan.get_ref().clone())));
    let exempt = raw
        .exempt
        .as_ref()
        .map(|exempt| (exempt.span(), Class::Exempt));
    let block = raw.block.as_ref().map(|block| (block.span(), Class::Block));
    let mut given = [plan, exempt, block].into_iter().flatten();
    match (given.next(), given.next()) {
        _ if denied => None,
        (Some((_, class)), None) => Some(class),
        (_, Some((second, _))) => {
            findings.error(
                second,
                "a source rule has only one of `plan`, `exempt` and `block`",
                "keep one, and write another [[sources]] for the other",
            );
            None
        }
        (None, None) if raw.broken => None,
        (None, None) => {
            findings.error(
                raw.span.clone(),
                "this source rule says what sources, but not what becomes of them",
                r#"add `plan = "NAME"`, `exempt = true` or `block = true`"#,
            );
            None
        }
    }
}

fn prefixes(
    raw: &RawSource,
    context: &Context<'_>,
    findings: &mut Findings,
) -> Vec<(String, Listed)> {
    if raw.from.is_none() && raw.file.is_none() && !raw.broken {
        findings.error(
            raw.span.clone(),
            "this source rule names no sources",
            r#"add `from = ["198.51.100.0/24"]` or `file = "partners.txt"`"#,
        );
    }
    let mut lists = Vec::new();
    if let Some(from) = &raw.from {
        let file = Arc::clone(findings.file());
        let origin = format!("{}:{}", file.name, file.line(raw.span.start));
        let (prefixes, spans) = from
            .iter()
            .filter_map(|text| Some((inline(text, findings)?, text.span())))
            .unzip();
        let list = Listed {
            file,
            prefixes,
            spans,
        };
        lists.push((origin, list));
    }
    if let Some(name) = &raw.file {
        let list = read_list(context.base_dir, name.get_ref(), name.span(), findings);
        lists.extend(list.map(|list| (name.get_ref().clone(), list)));
    }
    lists
}

fn inline(text: &Spanned<String>, findings: &mut Findings) -> Option<ipnet::IpNet> {
    parse_cidr(text.get_ref())
        .map_err(|error| findings.error(text.span(), error.message, error.help))
        .ok()
}

fn parse_time(time: &Spanned<RawTime>, findings: &mut Findings) -> Option<Timestamp> {
    let text = match time.get_ref() {
        RawTime::Text(text) => text.clone(),
        RawTime::Toml(time) => time.to_string(),
    };
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    let civil: Option<jiff::civil::DateTime> = text.parse().ok();
    let (message, help) = match civil {
        Some(civil) => (
            format!("time {} has no offset from UTC", quote(&text)),
            format!("write `{civil}Z` for UTC, or `{civil}+02:00`"),
        ),
        None => (
            format!("{} is not a time", quote(&text)),
            "write RFC 3339, such as `2027-01-01T00:00:00Z`".to_owned(),
        ),
    };
    findings.error(time.span(), message, help);
    None
}

// The datapath resolves a class once per source, so a longer prefix cannot single out part of one.
fn narrower_than_sources(
    rules: &[(SourceRule, Listed)],
    settings: &Settings,
    findings: &mut Findings,
) {
    for (rule, list) in rules {
        let narrow = list.prefixes.iter().zip(&list.spans).find(|(prefix, _)| {
            let (most, _) = granularity(prefix, settings);
            prefix.prefix_len() > most
        });
        let Some((prefix, span)) = narrow else {
            continue;
        };
        let (most, key) = granularity(prefix, settings);
        let text = format!(
            "{prefix} of {} is longer than `{key}` ({most}): the class holds for it alone, but it shares its buckets with the rest of its /{most}",
            rule.origin
        );
        // A warning has no excerpt, so a place in a list file is given by the rule's origin alone.
        let here = list.file.name == findings.file().name;
        findings.warn(if here { span.clone() } else { 0..0 }, text);
    }
}

fn granularity(prefix: &ipnet::IpNet, settings: &Settings) -> (u8, &'static str) {
    match prefix {
        ipnet::IpNet::V4(_) => (settings.ipv4_prefix, "ipv4_prefix"),
        ipnet::IpNet::V6(_) => (settings.ipv6_prefix, "ipv6_prefix"),
    }
}
