//! Refuses scopes between which a packet could not choose.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use ipnet::IpNet;

use super::diagnostic::Diagnostic;
use super::findings::Findings;
use super::model::{Match, Scope};
use super::scopes::{Atom, Specificity, more_specific};
use super::suggest::quote;

/// Every pair with one destination is compared: this many take half a second, and no datapath table has room for more.
const MOST_ATOMS: usize = 16_384;

/// Pairs of scopes that are reported: with each of a thousand scopes like all the others, half a million.
const MOST_REPORTED: usize = 1_000;

/// Where a match stands in the file.
#[derive(Clone, Default)]
pub(crate) struct Placed {
    scope: usize,
    entry: Range<usize>,
    ports: Vec<Range<usize>>,
}

impl Placed {
    pub(crate) fn new(entry: Range<usize>, ports: Vec<Range<usize>>) -> Self {
        Self {
            entry,
            ports,
            ..Self::default()
        }
    }

    pub(crate) fn of(self, scope: usize) -> Self {
        Self { scope, ..self }
    }
}

struct Located<'a> {
    atom: Atom,
    placed: &'a Placed,
    /// The port range, or the whole entry if it names none.
    span: Range<usize>,
}

/// Reports the first conflict of each pair of scopes, of a thousand pairs at most.
pub(crate) fn check(scopes: &[Scope], matches: &[(Match, Placed)], findings: &mut Findings) {
    let Some(groups) = by_destination(matches, findings) else {
        return;
    };
    let mut reported = BTreeSet::new();
    for group in groups.values() {
        for (i, first) in group.iter().enumerate() {
            for second in &group[i + 1..] {
                let (a, b) = (first.placed.scope, second.placed.scope);
                if a == b {
                    continue;
                }
                let verdict = more_specific(&first.atom, &second.atom);
                let conflict = matches!(verdict, Specificity::Equal | Specificity::Partial);
                if conflict && reported.insert((a.min(b), a.max(b))) {
                    report(scopes, first, second, verdict, findings);
                    if reported.len() == MOST_REPORTED {
                        return;
                    }
                }
            }
        }
    }
}

// Different destinations never conflict: they are apart, or one contains the other and so decides.
fn by_destination<'a>(
    matches: &'a [(Match, Placed)],
    findings: &mut Findings,
) -> Option<BTreeMap<Option<IpNet>, Vec<Located<'a>>>> {
    let mut groups: BTreeMap<_, Vec<Located<'a>>> = BTreeMap::new();
    let mut total = 0_usize;
    for (matching, placed) in matches {
        let per_port = matching.to.len().max(1);
        total = total.saturating_add(per_port.saturating_mul(matching.ports.len().max(1)));
        if total > MOST_ATOMS {
            findings.error(
                placed.entry.clone(),
                format!("the scopes' ports times destinations come to more than {MOST_ATOMS}"),
                "merge neighbouring ports into ranges, or destinations into prefixes",
            );
            return None;
        }
        for (index, atom) in matching.atoms().enumerate() {
            let span = placed.ports.get(index / per_port).unwrap_or(&placed.entry);
            let located = Located {
                span: span.clone(),
                atom,
                placed,
            };
            groups.entry(located.atom.to).or_default().push(located);
        }
    }
    Some(groups)
}

fn report(
    scopes: &[Scope],
    a: &Located<'_>,
    b: &Located<'_>,
    verdict: Specificity,
    findings: &mut Findings,
) {
    let (earlier, later) = if a.span.start <= b.span.start {
        (a, b)
    } else {
        (b, a)
    };
    let name = |located: &Located<'_>| {
        let scope = scopes.get(located.placed.scope);
        quote(scope.map_or("?", |scope| scope.name.as_str()))
    };
    let line = findings.file().line(earlier.span.start);
    let both = format!(
        "scope {} and scope {} (line {line})",
        name(later),
        name(earlier)
    );
    let (message, help) = match (verdict, earlier.atom.ports, later.atom.ports) {
        (Specificity::Partial, Some(first), Some(second)) => (
            format!("partial overlap of ports: {both} share only a part of {second} and {first}"),
            format!(
                "split them so that the ranges are apart, or one contains the other; they share {}-{}",
                first.first.max(second.first),
                first.last.min(second.last)
            ),
        ),
        _ => (
            format!("equally specific overlap: {both} match the same packets"),
            "make one the narrower, by destination, then ports, then protocol".to_owned(),
        ),
    };
    let later = Diagnostic::at(findings.place(later.span.clone()), message, help);
    let label = format!("scope {}", name(earlier));
    let earlier = findings.place(earlier.span.clone());
    findings.push(later.contradicting(earlier, &label));
}
