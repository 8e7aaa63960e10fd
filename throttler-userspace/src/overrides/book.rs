//! The overrides of an interface, and the rules that they are.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::{By, Class, Plan, SourceRule};

/// Where such rules stand, for people.
const ORIGIN: &str = "operator";

/// What is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nothing of the source passes, unless it is exempt.
    Ban,
    /// No limit and no ban holds for the source.
    Exempt,
    /// The source has a plan.
    Bind,
}

/// One override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What is given.
    pub kind: Kind,
    /// Whom it is for, without host bits.
    pub source: IpNet,
    /// The plan of a [`Kind::Bind`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// When it ends; `None`: when it is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was given.
    pub since: Timestamp,
}

impl Entry {
    fn class(&self) -> Class {
        match (self.kind, &self.plan) {
            (Kind::Ban, _) => Class::Block,
            (Kind::Exempt, _) => Class::Exempt,
            (Kind::Bind, plan) => Class::Plan(plan.clone().unwrap_or_default()),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// What rules have in common that are compiled as one: class, end and reason.
type Alike<'a> = (Class, Option<Timestamp>, Option<&'a String>);

/// All overrides: at most one of each kind a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book(BTreeMap<(Kind, IpNet), Entry>);

impl Book {
    /// Gives what is said, in the place of what was said of the same kind and prefix before. Whether anything changes.
    pub fn give(&mut self, entry: Entry) -> bool {
        let key = (entry.kind, entry.source);
        // The same once more is not given anew.
        let same = self.0.get(&key).is_some_and(|old| {
            Entry {
                since: entry.since,
                ..old.clone()
            } == entry
        });
        if !same {
            self.0.insert(key, entry);
        }
        !same
    }

    /// Takes back what was said of the prefix; what it was.
    pub fn take(&mut self, kind: Kind, source: IpNet) -> Option<Entry> {
        self.0.remove(&(kind, source))
    }

    /// Drops what is over. Whether anything was.
    pub fn prune(&mut self, now: Timestamp) -> bool {
        let before = self.0.len();
        self.0.retain(|_, entry| !entry.is_over(now));
        self.0.len() != before
    }

    /// What is said of the prefix.
    #[must_use]
    pub fn get(&self, kind: Kind, source: IpNet) -> Option<&Entry> {
        self.0.get(&(kind, source))
    }

    /// All of a kind, by prefix.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Entry> {
        self.0.values().filter(move |entry| entry.kind == kind)
    }

    /// All of them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.values()
    }

    /// The rules that these are beside a policy of such plans; those for a plan that it does not have are left out, and
    /// the plan named.
    #[must_use]
    pub fn rules(&self, plans: &[Plan], now: Timestamp) -> (Vec<SourceRule>, BTreeSet<String>) {
        let mut missing = BTreeSet::new();
        // Alike but for the prefix: one rule.
        let mut alike: BTreeMap<Alike<'_>, Vec<IpNet>> = BTreeMap::new();
        for entry in self.0.values().filter(|entry| !entry.is_over(now)) {
            let class = entry.class();
            if let Class::Plan(plan) = &class
                && !plans.iter().any(|known| known.name == *plan)
            {
                missing.insert(plan.clone());
                continue;
            }
            let rule = alike.entry((class, entry.until, entry.reason.as_ref()));
            rule.or_default().push(entry.source);
        }
        let rules = alike
            .into_iter()
            .map(|((class, until, reason), prefixes)| SourceRule {
                prefixes,
                class,
                until,
                reason: reason.cloned(),
                origin: ORIGIN.to_owned(),
                by: By::Operator,
            });
        (rules.collect(), missing)
    }
}

impl FromIterator<Entry> for Book {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut book = Self::default();
        for entry in entries {
            book.give(entry);
        }
        book
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: Kind, source: &str, until: Option<i64>) -> Entry {
        Entry {
            kind,
            source: source.parse().expect("a prefix"),
            plan: (kind == Kind::Bind).then(|| "pro".to_owned()),
            until: until.map(|second| Timestamp::from_second(second).expect("a time")),
            reason: None,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_same_twice_is_said_once() {
        let mut book = Book::default();
        let ban = entry(Kind::Ban, "192.0.2.0/24", Some(9));
        assert!(book.give(ban.clone()));
        let again = Entry {
            since: Timestamp::from_second(5).expect("a time"),
            ..ban.clone()
        };
        assert!(!book.give(again));
        assert_eq!(book.of(Kind::Ban).next(), Some(&ban));
        assert!(book.give(entry(Kind::Ban, "192.0.2.0/24", Some(10))));
        assert!(book.give(entry(Kind::Exempt, "192.0.2.0/24", None)));
        assert_eq!(book.of(Kind::Ban).count(), 1);
        assert!(book.take(Kind::Ban, ban.source).is_some());
        assert_eq!(book.take(Kind::Ban, ban.source), None);
    }

    #[test]
    fn what_is_over_goes_and_what_has_no_plan_is_named() {
        let mut book: Book = [
            entry(Kind::Ban, "192.0.2.1/32", Some(9)),
            entry(Kind::Ban, "192.0.2.2/32", Some(10)),
            entry(Kind::Ban, "192.0.2.3/32", Some(10)),
            entry(Kind::Bind, "192.0.2.4/32", None),
        ]
        .into_iter()
        .collect();
        let now = Timestamp::from_second(9).expect("a time");
        let (rules, missing) = book.rules(&[], now);
        // Two bans with one end are one rule.
        let prefixes: Vec<usize> = rules.iter().map(|rule| rule.prefixes.len()).collect();
        assert_eq!(prefixes, [2]);
        assert_eq!(missing.into_iter().collect::<Vec<_>>(), ["pro"]);
        assert!(book.prune(now));
        assert!(!book.prune(now));
        assert_eq!(book.entries().count(), 3);
    }
}
