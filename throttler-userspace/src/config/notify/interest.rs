//! Of what somebody is told: the filters, and what they may name.

use toml::Spanned;

use crate::alert::Kind;
use crate::config::findings::Findings;
use crate::config::model::{Config, Interest};
use crate::config::parse_cidr;
use crate::config::raw_notify::RawNotify;
use crate::config::suggest::quote;

/// Longest names of interfaces: IFNAMSIZ without the end.
const LONGEST_IFACE: usize = 15;

/// What alerts may name.
pub(super) struct Known<'a> {
    scopes: Vec<&'a str>,
    plans: Vec<&'a str>,
    /// As in the abuse log.
    limits: Vec<String>,
}

impl<'a> Known<'a> {
    pub(super) fn of(config: &'a Config) -> Self {
        let scopes = config.scopes.iter();
        let layers = config.layers.iter();
        let mut limits: Vec<String> = Vec::new();
        for scope in scopes.clone() {
            limits.extend(scope.limits.iter().map(|limit| limit.name.clone()));
            limits.extend(
                scope
                    .global
                    .iter()
                    .map(|limit| format!("global.{}", limit.name)),
            );
        }
        for layer in layers.clone() {
            let all = layer.limits.iter();
            limits.extend(all.map(|limit| format!("{}.{}", layer.name, limit.name)));
        }
        limits.sort();
        limits.dedup();
        Self {
            scopes: scopes
                .map(|scope| &*scope.name)
                .chain(layers.map(|layer| &*layer.name))
                .collect(),
            plans: config.plans.iter().map(|plan| &*plan.name).collect(),
            limits,
        }
    }
}

pub(super) fn interest(raw: &RawNotify, known: &Known<'_>, findings: &mut Findings) -> Interest {
    let limits: Vec<&str> = known.limits.iter().map(String::as_str).collect();
    let all = Kind::ALL.map(Kind::as_str);
    let events = of("events", raw.events.as_ref(), &all, findings);
    let named = |kind: &Kind| raw.events.is_none() || events.iter().any(|one| one == kind.as_str());
    let mut ifaces = Vec::new();
    for iface in raw.ifaces.iter().flatten() {
        let text = iface.get_ref();
        let is_name = !text.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control());
        if is_name && (1..=LONGEST_IFACE).contains(&text.len()) {
            ifaces.push(text.clone());
            continue;
        }
        findings.error(
            iface.span(),
            format!("{} is no name of an interface", quote(text)),
            "`ip link` lists them",
        );
    }
    let mut sources = Vec::new();
    for source in raw.sources.iter().flatten() {
        match parse_cidr(source.get_ref()) {
            Ok(prefix) => sources.push(prefix),
            Err(error) => findings.error(source.span(), error.message, error.help),
        }
    }
    Interest {
        events: Kind::ALL.into_iter().filter(named).collect(),
        scopes: of("scopes", raw.scopes.as_ref(), &known.scopes, findings),
        plans: of("plans", raw.plans.as_ref(), &known.plans, findings),
        limits: of("limits", raw.limits.as_ref(), &limits, findings),
        sources,
        ifaces,
    }
}

/// Those that are known; the others are errors.
fn of(
    what: &str,
    found: Option<&Vec<Spanned<String>>>,
    known: &[&str],
    findings: &mut Findings,
) -> Vec<String> {
    let mut names = Vec::new();
    for one in found.into_iter().flatten() {
        let text = one.get_ref();
        if known.contains(&text.as_str()) {
            names.push(text.clone());
            continue;
        }
        let singular = what.trim_end_matches('s');
        let help = findings.known(what, text, known.iter().copied());
        findings.error(
            one.span(),
            format!("unknown {singular} {}", quote(text)),
            help,
        );
    }
    names
}
