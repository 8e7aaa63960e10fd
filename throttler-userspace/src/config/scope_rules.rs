//! Validates scopes: names, matches, destinations, and what the datapath has no room for.

use std::collections::BTreeSet;
use std::ops::Range;

use ipnet::IpNet;
use toml::Spanned;

use super::cidr::parse_cidr;
use super::findings::Findings;
use super::grammar::GrammarError;
use super::limits::limits;
use super::model::{Match, PortRange, Scope};
use super::names;
use super::overlap::{self, Placed};
use super::protected;
use super::protocol;
use super::raw::Named;
use super::raw_scopes::{RawMatch, RawScope, Word};
use super::settings::mode;
use super::suggest::quote;

const DEFAULT: &str = "default";
/// The destination tables have a bit for each, per address family.
const MOST_DESTINATIONS: usize = 64;

/// The scopes, `default` first. `plans` are the names that `protected` may use.
pub(crate) fn scopes(raw: &Named<RawScope>, plans: &[&str], findings: &mut Findings) -> Vec<Scope> {
    let mut scopes = vec![empty_default()];
    let mut placed = Vec::new();
    let mut destinations = Destinations::default();
    for (name, raw) in raw {
        let is_default = name.get_ref() == DEFAULT;
        names::check(name, "scope", findings);
        match (&raw.match_key, is_default) {
            (Some(key), true) => findings.error(
                key.clone(),
                "scope `default` cannot have a `match`",
                "remove it (`default` takes what no other scope matches), or rename the scope",
            ),
            (None, false) if !raw.broken => findings.error(
                name.span(),
                format!("scope {} has no `match`", quote(name.get_ref())),
                r#"add `match = [{ protocol = "tcp", ports = ["443"] }]`"#,
            ),
            _ => {}
        }
        let matches: Vec<(Match, Placed)> = raw
            .matches
            .iter()
            .filter_map(|raw| matching(raw, &mut destinations, findings))
            .collect();
        let scope = scope(name, raw, plans, findings);
        if is_default {
            scopes[0] = scope;
            continue;
        }
        let (matches, spans): (Vec<Match>, Vec<Placed>) = matches.into_iter().unzip();
        let spans = spans.into_iter().map(|span| span.of(scopes.len()));
        placed.extend(matches.iter().cloned().zip(spans));
        scopes.push(Scope { matches, ..scope });
    }
    overlap::check(&scopes, &placed, findings);
    scopes
}

fn empty_default() -> Scope {
    Scope {
        name: DEFAULT.to_owned(),
        matches: Vec::new(),
        mode: None,
        limits: Vec::new(),
        global: Vec::new(),
        protected: Vec::new(),
        reserved: 0,
    }
}

fn scope(name: &Spanned<String>, raw: &RawScope, plans: &[&str], findings: &mut Findings) -> Scope {
    let shown = quote(name.get_ref());
    let global = limits(&raw.global, &format!("`global` of scope {shown}"), findings);
    let reserved = protected::reserved(&shown, raw, plans, &global, findings);
    Scope {
        name: name.get_ref().clone(),
        matches: Vec::new(),
        mode: mode(raw.mode.as_ref(), findings),
        limits: limits(&raw.limits, &format!("scope {shown}"), findings),
        global,
        protected: raw
            .protected
            .iter()
            .map(|plan| plan.get_ref().clone())
            .collect(),
        reserved,
    }
}

// `None` if any part was bad: a half of a match would overlap where the whole does not.
fn matching(
    raw: &Spanned<RawMatch>,
    destinations: &mut Destinations,
    findings: &mut Findings,
) -> Option<(Match, Placed)> {
    let entry = raw.span();
    let raw = raw.get_ref();
    if raw.protocol.is_none() && raw.ports.is_none() && raw.to.is_none() {
        findings.error(
            entry,
            "this `match` entry matches everything",
            "give it `protocol`, `ports` or `to`; what no scope matches goes to `default`",
        );
        return None;
    }
    let mut bad = false;
    let protocol = raw.protocol.as_ref().and_then(|word| {
        let parsed = match word.get_ref() {
            Word::Text(text) => protocol::parse(text),
            Word::Integer(number) => protocol::from_integer(*number),
        };
        take(parsed, word.span(), &mut bad, findings).flatten()
    });
    if let (Some(protocol), Some(key)) = (protocol, &raw.ports_key)
        && !protocol.has_ports()
    {
        let message = format!("protocol `{protocol}` has no ports here");
        let help = "remove `ports`, or use protocol `tcp`, `udp` or none (both)";
        let refused = Err(GrammarError::new(message, help));
        take::<()>(refused, key.clone(), &mut bad, findings);
    }
    let mut ports: Vec<PortRange> = Vec::new();
    for word in raw.ports.iter().flatten() {
        let parsed = match word.get_ref() {
            Word::Text(text) => protocol::parse_ports(text),
            Word::Integer(number) => protocol::port_from_integer(*number),
        };
        ports.extend(take(parsed, word.span(), &mut bad, findings));
    }
    let mut to = Vec::new();
    for word in raw.to.iter().flatten() {
        if let Some(prefix) = take(parse_cidr(word.get_ref()), word.span(), &mut bad, findings) {
            destinations.add(prefix, word.span(), findings);
            to.push(prefix);
        }
    }
    // A list that is there but empty was reported, and would read as "any".
    bad |= ports.is_empty() && raw.ports.is_some() || to.is_empty() && raw.to.is_some();
    let port_spans = raw.ports.iter().flatten().map(Spanned::span).collect();
    let matching = Match {
        protocol,
        ports,
        to,
    };
    (!bad).then(|| (matching, Placed::new(entry, port_spans)))
}

fn take<T>(
    parsed: Result<T, GrammarError>,
    span: Range<usize>,
    bad: &mut bool,
    findings: &mut Findings,
) -> Option<T> {
    parsed
        .map_err(|error| {
            *bad = true;
            findings.error(span, error.message, error.help);
        })
        .ok()
}

#[derive(Default)]
struct Destinations {
    ipv4: BTreeSet<IpNet>,
    ipv6: BTreeSet<IpNet>,
}

impl Destinations {
    fn add(&mut self, prefix: IpNet, span: Range<usize>, findings: &mut Findings) {
        let (set, family) = match prefix {
            IpNet::V4(_) => (&mut self.ipv4, "IPv4"),
            IpNet::V6(_) => (&mut self.ipv6, "IPv6"),
        };
        // Once, at the first that is too many.
        if set.insert(prefix) && set.len() == MOST_DESTINATIONS + 1 {
            findings.error(
                span,
                format!("more than {MOST_DESTINATIONS} different {family} prefixes in the `to` of all scopes"),
                "merge neighbouring prefixes, or match by port",
            );
        }
    }
}
