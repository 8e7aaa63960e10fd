//! What holds of a source table at rest, whatever was done to it: one [`is_valid`] for the models of memory
//! (`tests/loom`, `tests/shuttle`), the host's (`tests/table`) and the kernel's own table (`tests/datapath`).

use std::collections::BTreeMap;

use throttler_common::abi::{AbuseParams, Addr, LimitParams, Row, TableHead, WAYS, region, unit};
use throttler_common::ban::{Ban, Strikes, moment};
use throttler_common::class::{Kind, Word};
use throttler_common::gcra;
use throttler_common::table::{Place, Words, header, layout};

/// What a set is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// Sources of a family (0: IPv4, 1: IPv6).
    Sources(usize),
    /// Parent prefixes of a family.
    Parents(usize),
    /// All newcomers of a family.
    Newcomers(usize),
    /// The `global` limits of a scope.
    Globals(u8),
}

impl Use {
    /// The sets of a table, and what each is there for.
    pub(crate) fn of(head: &TableHead) -> Vec<(u32, Use)> {
        let regions = head.regions.iter().enumerate().flat_map(|(index, region)| {
            (0..region.sets).map(move |nth| {
                let used = match index {
                    region::NEWCOMERS => Self::Newcomers(nth as usize),
                    region::GLOBALS => Self::Globals(nth as u8),
                    _ if index < region::PARENTS => Self::Sources(index - region::SOURCES),
                    _ => Self::Parents(index - region::PARENTS),
                };
                (region.first + nth, used)
            })
        });
        regions.collect()
    }

    /// Where an address belongs in a table.
    pub(crate) fn place(self, head: &TableHead, addr: &Addr, scope: u8) -> Option<Place> {
        let region = match self {
            Self::Sources(family) => region::SOURCES + family,
            Self::Parents(family) => region::PARENTS + family,
            Self::Newcomers(_) | Self::Globals(_) => return None,
        };
        Some(Place::of(head, &head.regions[region], addr, scope))
    }
}

/// What the table was used by.
pub(crate) struct Rules<'a> {
    /// The latest time that any packet had, in monotonic nanoseconds.
    pub(crate) now: u64,
    /// The tag of the generation in force.
    pub(crate) tag: u32,
    /// Generations that any class of the table may be old.
    pub(crate) age: u32,
    /// When sources were banned.
    pub(crate) abuse: AbuseParams,
    /// Strikes more than make a ban: of packets that were under way when it was given, or when the source lost
    /// its way or missed the lock.
    pub(crate) astray: u64,
    /// Where somebody belongs.
    pub(crate) place: &'a dyn Fn(Use, &Addr, u8) -> Option<Place>,
    /// What somebody was held to: of `global` limits, way 0 and 1 of the scope's set.
    pub(crate) row: &'a dyn Fn(Use, u8, usize, Word) -> Option<Row>,
}

/// What a source was admitted at [`Rules::now`], since when its buckets were full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    pub(crate) addr: Addr,
    pub(crate) scope: u8,
    /// Packets.
    pub(crate) admitted: u64,
    /// Packets more that it may have been charged for: those of another source whose way it took.
    pub(crate) strays: u64,
}

/// Whether the table is as it must be when nobody uses it. Says what is not.
pub(crate) fn is_valid<W: Words>(
    sets: &[(Use, u32, W)],
    rules: &Rules<'_>,
    accounts: &[Account],
) -> bool {
    let mut check = Check {
        rules,
        sets: sets.iter().map(|(_, index, set)| (*index, set)).collect(),
        holders: BTreeMap::new(),
        wider: [0; 2],
        faults: Vec::new(),
    };
    for (used, index, set) in sets {
        check.set(*used, *index, set);
    }
    for (used, _, set) in sets {
        if let Use::Newcomers(family) = used {
            check.mark(*family, set);
        }
    }
    for account in accounts {
        check.account(account);
    }
    for fault in &check.faults {
        println!("{fault}");
    }
    check.faults.is_empty()
}

struct Check<'a, W> {
    rules: &'a Rules<'a>,
    sets: BTreeMap<u32, &'a W>,
    /// Who has which way.
    holders: BTreeMap<(Use, [u64; 2], u8), (u32, usize)>,
    /// The latest end of a ban of a prefix, by family.
    wider: [u64; 2],
    faults: Vec<String>,
}

impl<W: Words> Check<'_, W> {
    fn holds(&mut self, what: impl FnOnce() -> String, holds: bool) {
        if !holds {
            self.faults.push(what());
        }
    }

    fn set(&mut self, used: Use, index: u32, set: &W) {
        for way in 0..WAYS {
            let found = set.load(layout::header(way));
            let at = || format!("{used:?}, set {index}, way {way}, header {found:#x}");
            let of_set = if way == 0 { header::OVERFLOW } else { 0 };
            self.holds(
                || format!("{}: locked, or with a set's bits", at()),
                found & header::OF_SET & !of_set == 0,
            );
            match used {
                Use::Newcomers(_) | Use::Globals(_) => {
                    self.holds(|| format!("{}: claimed", at()), found == 0);
                    self.buckets(used, set, way, 0);
                }
                Use::Sources(_) | Use::Parents(_) if found & header::LIVE == 0 => {
                    self.holds(
                        || format!("{}: half given", at()),
                        found & !header::OVERFLOW == 0,
                    );
                    let empty = layout::address(way, 0)..=layout::tat(way, 3);
                    self.holds(
                        || format!("{}: nobody's, and not empty", at()),
                        empty.clone().all(|word| set.load(word) == 0),
                    );
                }
                Use::Sources(_) | Use::Parents(_) => self.holder(used, index, set, way, found),
            }
        }
    }

    /// A way that is somebody's is where its source's packets look for it, once.
    fn holder(&mut self, used: Use, index: u32, set: &W, way: usize, found: u64) {
        let words = [0, 1].map(|word| set.load(layout::address(way, word)));
        let (addr, scope) = (Addr { words }, header::scope(found));
        let at = || format!("{used:?}, {words:x?}, scope {scope}, set {index}, way {way}");
        let other = self.holders.insert((used, words, scope), (index, way));
        self.holds(|| format!("{}: also at {other:?}", at()), other.is_none());
        match (self.rules.place)(used, &addr, scope) {
            Some(place) => {
                let fits = (found ^ place.wanted) & header::MATCH == 0;
                self.holds(|| format!("{}: header {found:#x} is another's", at()), fits);
                let reached = index == place.sets[0]
                    || index == place.sets[1] && {
                        let first = self.sets.get(&place.sets[0]);
                        first.is_some_and(|set| set.load(layout::header(0)) & header::OVERFLOW != 0)
                    };
                self.holds(|| format!("{}: out of reach of {place:?}", at()), reached);
            }
            None => self.faults.push(format!("{}: nobody's address", at())),
        }
        let seen = header::seen_units(self.rules.now);
        self.holds(
            || format!("{}: seen after now", at()),
            header::seen(found) <= seen,
        );
        self.buckets(used, set, way, scope);
        self.conduct(used, set, way, &at());
    }

    /// No bucket owes more than it holds, and no class is of a generation that was not.
    fn buckets(&mut self, used: Use, set: &W, way: usize, scope: u8) {
        let class = Word(set.load(layout::class(way)));
        let known = match class.tag() {
            // Never resolved: a bucket of nobody in particular.
            0 => matches!(used, Use::Newcomers(_) | Use::Globals(_)),
            _ => class.age(self.rules.tag) <= self.rules.age,
        };
        self.holds(|| format!("{used:?}, way {way}: {class:?}"), known);
        if !matches!(class.kind(), Kind::Plan | Kind::Mixed) {
            return;
        }
        let Some(row) = (self.rules.row)(used, scope, way, class) else {
            return;
        };
        let now = gcra::ticks(self.rules.now);
        for (index, limit) in row.limits.iter().enumerate() {
            let tat = set.load(layout::tat(way, index));
            // A tick more where a claim has moved it on.
            let most = now + limit.depth + 1;
            self.holds(
                || format!("{used:?}, scope {scope}, way {way}, limit {index}: {tat} above {most}"),
                limit.unit == unit::NONE || tat <= most,
            );
        }
    }

    /// Refusals and bans are what refusals can have made of them.
    fn conduct(&mut self, used: Use, set: &W, way: usize, at: &str) {
        let now = moment(self.rules.now);
        let abuse = &self.rules.abuse;
        let word = set.load(layout::ban(way));
        let ban = Ban(word);
        let plain = Ban::new(ban.until(), ban.times()).0;
        let parts = word == plain || word == Ban(plain).told().0;
        self.holds(|| format!("{at}: {word:#x} is no ban"), parts);
        let times = word == 0 || ban.times() > 0 && ban.until() <= now + abuse.ban_max + 1;
        self.holds(|| format!("{at}: {ban:?} at {now}"), times);
        if let Use::Parents(family) = used {
            self.wider[family] = self.wider[family].max(ban.until());
        }
        let most = match used {
            Use::Parents(_) => abuse.wider_sources,
            _ => abuse.refusals,
        };
        let strikes = Strikes(set.load(layout::strikes(way)));
        let counted = if most == 0 {
            strikes.count() == 0
        } else {
            strikes.count() < u64::from(most) + self.rules.astray
        };
        self.holds(
            || format!("{at}: {strikes:?} of {most}"),
            counted && strikes.since() <= now,
        );
        let told = Strikes(set.load(layout::event(way)));
        let refused = set.load(layout::refused(way));
        self.holds(
            || format!("{at}: {told:?} of {refused} refusals"),
            told.since() <= now && (told.count() <= refused || self.rules.astray > 0),
        );
    }

    /// While a prefix is banned, its family's packets know that one is.
    fn mark(&mut self, family: usize, set: &W) {
        let wider = self.wider[family];
        let until = Ban(set.load(layout::ban(0))).until();
        self.holds(
            || format!("family {family}: banned until {wider}, told {until}"),
            wider <= until,
        );
    }

    /// What was admitted was paid for, and nothing else was.
    fn account(&mut self, account: &Account) {
        let sources = (0..2).find_map(|family| {
            let key = (Use::Sources(family), account.addr.words, account.scope);
            self.holders.get(&key).copied()
        });
        let Some((index, way)) = sources else {
            let lost = || format!("{account:?}: lost its way in debt");
            self.holds(lost, account.admitted == 0);
            return;
        };
        let set = self.sets[&index];
        let class = Word(set.load(layout::class(way)));
        let row = (self.rules.row)(Use::Sources(0), account.scope, way, class);
        for (limit, params) in row.iter().flat_map(|row| row.limits.iter().enumerate()) {
            if params.unit == unit::PACKETS {
                let tat = set.load(layout::tat(way, limit));
                self.paid(account, limit, params, tat);
            }
        }
    }

    fn paid(&mut self, account: &Account, limit: usize, params: &LimitParams, tat: u64) {
        let debt = tat.saturating_sub(gcra::ticks(self.rules.now));
        let cost = gcra::cost(params, 1);
        let least = account.admitted * cost;
        let most = least + account.strays * cost + account.strays.min(1);
        self.holds(
            || format!("{account:?}: limit {limit} owes {debt}, not {least} to {most}"),
            (least..=most).contains(&debt) && least <= params.depth,
        );
    }
}
