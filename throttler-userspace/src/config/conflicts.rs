//! Source rules that contradict one another. Sorted once, so that a million prefixes take a moment.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::cidr::Listed;
use super::diagnostic::{Diagnostic, Place};
use super::findings::Findings;
use super::model::SourceRule;

/// What the datapath falls back to when a temporary rule ends is fixed when it is compiled, so many deep.
const MOST_TEMPORARY: usize = 3;

type Rules = [(SourceRule, Listed)];

/// One prefix of one rule; sorts by prefix, a containing one before what it contains.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    prefix: IpNet,
    rule: usize,
    index: usize,
}

impl Entry {
    fn place(&self, rules: &Rules) -> Option<Place> {
        let (_, list) = rules.get(self.rule)?;
        Some(Place {
            file: list.file.clone(),
            span: list.spans.get(self.index)?.clone(),
        })
    }

    fn rule<'r>(&self, rules: &'r Rules) -> Option<&'r SourceRule> {
        rules.get(self.rule).map(|(rule, _)| rule)
    }

    fn is_temporary(&self, rules: &Rules) -> bool {
        self.rule(rules).is_some_and(|rule| rule.until.is_some())
    }
}

/// Reports prefixes with two classes (once per pair of rules), with two ends, and nested temporaries beyond three.
pub(crate) fn check(rules: &Rules, findings: &mut Findings) {
    let mut entries: Vec<Entry> = Vec::new();
    for (rule, (_, list)) in rules.iter().enumerate() {
        let indexed = list.prefixes.iter().enumerate();
        entries.extend(indexed.map(|(index, prefix)| Entry {
            prefix: *prefix,
            rule,
            index,
        }));
    }
    entries.sort_unstable();
    same_prefix(&entries, rules, findings);
    nested(&entries, rules, findings);
}

fn same_prefix(entries: &[Entry], rules: &Rules, findings: &mut Findings) {
    let mut reported = BTreeSet::new();
    for same in entries.chunk_by(|a, b| a.prefix == b.prefix) {
        let (mut lasting, mut temporary): (Option<&Entry>, Option<&Entry>) = (None, None);
        for entry in same {
            let seen = if entry.is_temporary(rules) {
                &mut temporary
            } else {
                &mut lasting
            };
            let Some(first) = *seen else {
                *seen = Some(entry);
                continue;
            };
            // The same twice in one list is untidy, not contradictory.
            if first.rule != entry.rule
                && contradict(first, entry, rules)
                && reported.insert((first.rule, entry.rule))
            {
                report(first, entry, rules, findings);
            }
        }
    }
}

fn contradict(first: &Entry, second: &Entry, rules: &Rules) -> bool {
    match (first.rule(rules), second.rule(rules)) {
        (Some(a), Some(b)) => a.class != b.class || a.until.is_some(),
        _ => false,
    }
}

fn report(first: &Entry, second: &Entry, rules: &Rules, findings: &mut Findings) {
    let (Some(earlier), Some(place)) = (first.place(rules), second.place(rules)) else {
        return;
    };
    let at = earlier.describe(&place.file);
    let prefix = second.prefix;
    let (message, help) = if second.is_temporary(rules) {
        (
            format!("{prefix} is in two temporary rules, here and at {at}"),
            "keep one: a prefix has at most one temporary and one permanent rule",
        )
    } else {
        (
            format!("{prefix} is in two rules of different classes, here and at {at}"),
            "remove it from one, or give one of the two an `until`",
        )
    };
    let diagnostic = Diagnostic::at(place, message, help.to_owned());
    findings.push(diagnostic.contradicting(earlier, "the other rule"));
}

fn nested(entries: &[Entry], rules: &Rules, findings: &mut Findings) {
    let mut around: Vec<&Entry> = Vec::new();
    let mut reported = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.is_temporary(rules)) {
        while around
            .last()
            .is_some_and(|outer| !outer.prefix.contains(&entry.prefix))
        {
            around.pop();
        }
        if around
            .last()
            .is_some_and(|outer| outer.prefix == entry.prefix)
        {
            continue;
        }
        if around.len() >= MOST_TEMPORARY
            && reported.insert(entry.rule)
            && let (Some(place), Some(outer)) = (entry.place(rules), around.first())
            && let Some(outermost) = outer.place(rules)
        {
            let message = format!(
                "at most {MOST_TEMPORARY} temporary rules may cover one address, and {} lies within {} more",
                entry.prefix,
                around.len()
            );
            let help = "remove a temporary rule that contains this one, or its `until`";
            let diagnostic = Diagnostic::at(place, message, help.to_owned());
            findings.push(diagnostic.contradicting(outermost, "the outermost"));
        }
        around.push(entry);
    }
}
