//! The overrides of an interface, and the rules that they are.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

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

/// What an entry says of its source. An application gives a hundred thousand bans in the same words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Terms {
    plan: Option<String>,
    until: Option<Timestamp>,
    reason: Option<String>,
    since: Timestamp,
}

impl Terms {
    fn class(&self, kind: Kind) -> Class {
        match (kind, &self.plan) {
            (Kind::Ban, _) => Class::Block,
            (Kind::Exempt, _) => Class::Exempt,
            (Kind::Bind, plan) => Class::Plan(plan.clone().unwrap_or_default()),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    fn entry(&self, kind: Kind, source: IpNet) -> Entry {
        let Self {
            plan,
            until,
            reason,
            since,
        } = self.clone();
        Entry {
            kind,
            source,
            plan,
            until,
            reason,
            since,
        }
    }
}

/// What rules have in common that are compiled as one: class, end and reason.
type Alike<'a> = (Class, Option<Timestamp>, Option<&'a String>);

/// All overrides: at most one of each kind a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    entries: BTreeMap<(Kind, IpNet), Rc<Terms>>,
    /// Those that entries have, once each.
    terms: BTreeSet<Rc<Terms>>,
}

impl Book {
    /// Gives what is said, in the place of what was said of the same kind and prefix before. Whether anything changes.
    pub fn give(&mut self, entry: Entry) -> bool {
        let key = (entry.kind, entry.source);
        let terms = Terms {
            plan: entry.plan,
            until: entry.until,
            reason: entry.reason,
            since: entry.since,
        };
        // The same once more is not given anew.
        let same = self.entries.get(&key).is_some_and(|old| {
            (&old.plan, old.until, &old.reason) == (&terms.plan, terms.until, &terms.reason)
        });
        if !same {
            let known = self.terms.get(&terms).cloned();
            let terms = known.unwrap_or_else(|| {
                let terms = Rc::new(terms);
                self.terms.insert(Rc::clone(&terms));
                terms
            });
            self.entries.insert(key, terms);
        }
        !same
    }

    /// Takes back what was said of the prefix; what it was.
    pub fn take(&mut self, kind: Kind, source: IpNet) -> Option<Entry> {
        let terms = self.entries.remove(&(kind, source))?;
        Some(terms.entry(kind, source))
    }

    /// Drops what is over. Whether anything was.
    pub fn prune(&mut self, now: Timestamp) -> bool {
        let before = self.entries.len();
        self.entries.retain(|_, terms| !terms.is_over(now));
        let used: BTreeSet<Rc<Terms>> = self.entries.values().cloned().collect();
        self.terms = used;
        self.entries.len() != before
    }

    /// What is said of the prefix.
    #[must_use]
    pub fn get(&self, kind: Kind, source: IpNet) -> Option<Entry> {
        let terms = self.entries.get(&(kind, source))?;
        Some(terms.entry(kind, source))
    }

    /// All of them, by kind and prefix.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        let all = self.entries.iter();
        all.map(|((kind, source), terms)| terms.entry(*kind, *source))
    }

    /// The rules that these are beside a policy of such plans; those for a plan that it does not have are left out, and
    /// the plan named.
    #[must_use]
    pub fn rules(&self, plans: &[Plan], now: Timestamp) -> (Vec<SourceRule>, BTreeSet<String>) {
        let mut missing = BTreeSet::new();
        // Alike but for the prefix: one rule.
        let mut alike: BTreeMap<Alike<'_>, Vec<IpNet>> = BTreeMap::new();
        for ((kind, source), terms) in self.entries.iter().filter(|(_, one)| !one.is_over(now)) {
            let class = terms.class(*kind);
            if let Class::Plan(plan) = &class
                && !plans.iter().any(|known| known.name == *plan)
            {
                missing.insert(plan.clone());
                continue;
            }
            let rule = alike.entry((class, terms.until, terms.reason.as_ref()));
            rule.or_default().push(*source);
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
        assert_eq!(book.get(Kind::Ban, ban.source).as_ref(), Some(&ban));
        assert!(book.give(entry(Kind::Ban, "192.0.2.0/24", Some(10))));
        assert!(book.give(entry(Kind::Exempt, "192.0.2.0/24", None)));
        assert_eq!(book.entries().count(), 2);
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
