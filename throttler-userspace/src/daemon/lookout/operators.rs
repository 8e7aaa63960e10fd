//! Bans that operators and applications give: what an order says that is new, and when each ends.
//!
//! A list of a hundred thousand is given in one order and ends at one time: of such, only the first hundred are kept by
//! name, and the others as a number.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ipnet::IpNet;
use jiff::Timestamp;

use super::cap::MOST;
use crate::daemon::desired::Change;
use crate::overrides::{Book, Kind};

/// Distinct ends that are kept.
const ENDS: usize = 65_536;

/// What an order has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::daemon) struct News {
    /// Bans that there were none before, with their ends.
    pub(super) given: Vec<(IpNet, Option<Timestamp>)>,
    /// Bans that end at another time than before: that one, and the new one.
    pub(super) moved: Vec<(IpNet, Option<Timestamp>, Option<Timestamp>)>,
    /// Bans that were taken back.
    pub(super) taken: Vec<(IpNet, Option<Timestamp>)>,
}

impl News {
    /// What changes say that a book did not.
    pub(in crate::daemon) fn of(before: &Book, changes: &[Change], now: Timestamp) -> Self {
        let mut news = Self::default();
        let mut seen = HashSet::new();
        let on = |source: IpNet| {
            let entry = before.get(Kind::Ban, source)?;
            entry
                .until
                .is_none_or(|until| until > now)
                .then_some(entry.until)
        };
        // Of a prefix that is named twice, the last counts.
        for change in changes.iter().rev() {
            match change {
                Change::Give(entry) if entry.kind == Kind::Ban && seen.insert(entry.source) => {
                    match on(entry.source) {
                        None => news.given.push((entry.source, entry.until)),
                        Some(until) if until != entry.until => {
                            news.moved.push((entry.source, until, entry.until));
                        }
                        Some(_) => {}
                    }
                }
                Change::Take(Kind::Ban, source) if seen.insert(*source) => {
                    news.taken.extend(on(*source).map(|until| (*source, until)));
                }
                _ => {}
            }
        }
        news.given.reverse();
        news
    }

    /// The bans that a book has, as if they were given now.
    pub(in crate::daemon) fn all(book: &Book) -> Vec<(IpNet, Timestamp)> {
        let bans = book.entries().filter(|entry| entry.kind == Kind::Ban);
        bans.filter_map(|entry| Some((entry.source, entry.until?)))
            .collect()
    }

    pub(in crate::daemon) fn is_empty(&self) -> bool {
        self.given.is_empty() && self.moved.is_empty() && self.taken.is_empty()
    }
}

/// Bans that end at one time.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    /// Those that are known by name.
    pub(super) named: BTreeSet<IpNet>,
    /// The others.
    pub(super) more: u64,
}

/// All ends.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_end: BTreeMap<Timestamp, Group>,
    /// Bans whose end there was no room for.
    pub(super) beyond: u64,
}

impl Groups {
    /// Notes the end of a ban.
    pub(super) fn put(&mut self, source: IpNet, until: Timestamp) {
        if self.by_end.len() >= ENDS && !self.by_end.contains_key(&until) {
            self.beyond += 1;
            return;
        }
        let group = self.by_end.entry(until).or_default();
        if group.named.contains(&source) {
            return;
        }
        if group.more == 0 && (group.named.len() as u64) < MOST {
            group.named.insert(source);
        } else {
            group.more += 1;
        }
    }

    /// Forgets the end of one.
    pub(super) fn remove(&mut self, source: IpNet, until: Timestamp) {
        let Some(group) = self.by_end.get_mut(&until) else {
            return;
        };
        if !group.named.remove(&source) {
            group.more = group.more.saturating_sub(1);
        }
        if group.named.is_empty() && group.more == 0 {
            self.by_end.remove(&until);
        }
    }

    /// When the next ends.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.by_end.keys().next().copied()
    }

    /// Takes those that have ended first.
    pub(super) fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Group)> {
        let (until, _) = self.by_end.first_key_value()?;
        if *until > now {
            return None;
        }
        self.by_end.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::Entry;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn net(text: &str) -> IpNet {
        text.parse().expect("a prefix")
    }

    fn ban(source: &str, until: Option<i64>) -> Entry {
        Entry {
            kind: Kind::Ban,
            source: net(source),
            plan: None,
            until: until.map(at),
            reason: None,
            since: at(0),
        }
    }

    #[test]
    fn an_order_is_news_as_far_as_it_changes_something() {
        let before: Book = [
            ban("192.0.2.1/32", Some(100)),
            ban("192.0.2.2/32", None),
            ban("192.0.2.3/32", Some(5)),
        ]
        .into_iter()
        .collect();
        let changes = [
            Change::Give(ban("192.0.2.1/32", Some(200))),
            Change::Give(ban("192.0.2.2/32", None)),
            Change::Give(ban("192.0.2.3/32", Some(50))),
            Change::Give(ban("192.0.2.4/32", None)),
            Change::Give(ban("192.0.2.4/32", None)),
            Change::Give(Entry {
                kind: Kind::Exempt,
                ..ban("192.0.2.5/32", None)
            }),
        ];
        let news = News::of(&before, &changes, at(10));
        // The third was over.
        let given = [
            (net("192.0.2.3/32"), Some(at(50))),
            (net("192.0.2.4/32"), None),
        ];
        assert_eq!(news.given, given);
        assert_eq!(
            news.moved,
            [(net("192.0.2.1/32"), Some(at(100)), Some(at(200)))]
        );
        let taken = [
            Change::Take(Kind::Ban, net("192.0.2.2/32")),
            Change::Take(Kind::Ban, net("192.0.2.9/32")),
            Change::Take(Kind::Exempt, net("192.0.2.1/32")),
        ];
        let news = News::of(&before, &taken, at(10));
        assert_eq!(news.taken, [(net("192.0.2.2/32"), None)]);
        assert!(news.given.is_empty() && news.moved.is_empty());
    }

    #[test]
    fn a_long_list_ends_as_a_number() {
        let mut groups = Groups::default();
        let source = |n: u32| IpNet::from(std::net::IpAddr::from(n.to_be_bytes()));
        for n in 0..1_000 {
            groups.put(source(n), at(60));
        }
        groups.put(net("2001:db8::/48"), at(30));
        // One of those by name, and one of the others, are taken back.
        groups.remove(source(0), at(60));
        groups.remove(source(999), at(60));
        assert_eq!(groups.next(), Some(at(30)));
        assert_eq!(groups.take(at(29)), None);
        let (_, first) = groups.take(at(60)).expect("an end");
        assert_eq!((first.named.len(), first.more), (1, 0));
        let (until, group) = groups.take(at(60)).expect("an end");
        assert_eq!((until, group.named.len(), group.more), (at(60), 99, 899));
        assert_eq!(groups.take(at(60)), None);
    }
}
