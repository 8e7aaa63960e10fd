//! The rules of source prefixes as people read them. An application may have given a hundred thousand bans: those that
//! differ by their ends alone are one rule here, and the trie has the ends.

use std::collections::BTreeMap;

use super::description::RuleDescription;
use crate::config::{By, Class, SourceRule};

/// Different reasons of operators that are kept; beyond, a rule is described without one.
const REASONS: usize = 1_000;

/// Descriptions, and which is which rule's.
pub(super) struct Rules {
    pub(super) described: Vec<RuleDescription>,
    /// By the rule's place among all.
    pub(super) index: Vec<u32>,
}

pub(super) fn rules(sources: &[&SourceRule]) -> Rules {
    let mut described = Vec::new();
    let mut given = BTreeMap::new();
    let index = sources.iter().map(|rule| {
        if rule.by == By::Policy {
            described.push(describe(rule));
            return described.len() as u32 - 1;
        }
        let reason = rule.reason.as_ref().filter(|reason| {
            given.len() < REASONS || given.contains_key(&(&rule.class, Some(*reason)))
        });
        *given.entry((&rule.class, reason)).or_insert_with(|| {
            described.push(RuleDescription {
                until: None,
                reason: reason.cloned(),
                ..describe(rule)
            });
            described.len() as u32 - 1
        })
    });
    let index = index.collect();
    Rules { described, index }
}

fn describe(rule: &SourceRule) -> RuleDescription {
    let (class, plan) = match &rule.class {
        Class::Plan(name) => ("plan", Some(name.clone())),
        Class::Exempt => ("exempt", None),
        Class::Block => ("block", None),
    };
    RuleDescription {
        class: class.to_owned(),
        plan,
        until: rule.until.map(|until| until.to_string()),
        reason: rule.reason.clone(),
        origin: rule.origin.clone(),
        by_operator: rule.by == By::Operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(second: i64, reason: Option<&str>) -> SourceRule {
        SourceRule {
            prefixes: Vec::new(),
            class: Class::Block,
            until: Some(jiff::Timestamp::from_second(second).expect("a time")),
            reason: reason.map(str::to_owned),
            origin: "operator".to_owned(),
            by: By::Operator,
        }
    }

    fn of(sources: &[SourceRule]) -> Rules {
        rules(&sources.iter().collect::<Vec<_>>())
    }

    #[test]
    fn bans_that_differ_by_their_ends_are_one_rule() {
        let rules = of(&[
            ban(1, None),
            ban(2, Some("a")),
            ban(3, Some("a")),
            ban(4, None),
        ]);
        assert_eq!(rules.index, [0, 1, 1, 0]);
        assert_eq!(rules.described[1].reason.as_deref(), Some("a"));
        assert_eq!(rules.described[1].until, None);
    }

    #[test]
    fn reasons_beyond_what_is_kept_are_left_out() {
        let many = (0..3 * REASONS).map(|n| ban(1, Some(&n.to_string())));
        let rules = of(&many.collect::<Vec<_>>());
        assert_eq!(rules.described.len(), REASONS + 1);
        let last = *rules.index.last().expect("rules") as usize;
        assert_eq!(rules.described[last].reason, None);
    }
}
