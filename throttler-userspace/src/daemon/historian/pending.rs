//! Rows that are not written yet. Bounded whatever happens: however many sources are refused, and however long nothing can
//! be written.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher as _};

use ipnet::IpNet;

use super::label::Label;
use crate::history::bounds::{NETWORKS, SOURCES, absorb, fold_beyond, is_single};
use crate::history::{HOUR, Violation};

/// Rows that wait at most: some megabytes.
const MOST: usize = 6_144;
/// When they are too many, so many are left: a slice within its bounds, and some.
const ENOUGH: usize = SOURCES + NETWORKS + 512;
/// While the minute has no more rows of sources than this, they are written as they come. Beyond it, those that are worth
/// a row are chosen when the minute is over.
const AT_ONCE: usize = SOURCES / 2;

/// A row's key.
type Key = (i64, u32, IpNet, u64);

/// The rows.
#[derive(Debug, Default)]
pub(super) struct Pending {
    rows: HashMap<Key, Violation>,
    /// What was written of the minute under way.
    written: Written,
    /// Packets of rows that were given up, for nothing could be written for long.
    pub(super) lost: u64,
}

#[derive(Debug, Default)]
struct Written {
    begin: i64,
    sources: HashSet<u64>,
    networks: HashSet<u64>,
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn key(row: &Violation) -> Key {
    let label = (
        (&row.scope, &row.plan, &row.limit),
        (&row.unit, &row.rate, &row.reason, row.monitored),
    );
    (row.begin, row.width, row.source, hash(label))
}

/// A row of a source with nothing in it, to be [`Pending::add`]ed to.
pub(super) fn row(begin: i64, source: IpNet, label: &Label) -> Violation {
    Violation {
        plan: label.plan.clone(),
        limit: label.limit.clone(),
        unit: label.unit.clone(),
        rate: label.rate.clone(),
        monitored: label.monitored,
        ..Violation::none(begin, source, &label.scope, &label.reason)
    }
}

impl Pending {
    /// Adds a row of one source: in its slice it is counted once.
    pub(super) fn add(&mut self, row: Violation) {
        if self.rows.len() >= MOST {
            self.make_room();
        }
        self.put(row);
    }

    fn put(&mut self, row: Violation) {
        match self.rows.entry(key(&row)) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(row);
            }
            std::collections::hash_map::Entry::Occupied(mut taken) => {
                let sum = taken.get_mut();
                let sources = sum.sources.max(row.sources);
                absorb(sum, &row);
                sum.sources = sources;
            }
        }
    }

    /// Whether the minute's rows are so many that they are best chosen from when it is over.
    pub(super) fn is_crowded(&self, minute: i64) -> bool {
        let written = match self.written.begin == minute {
            true => self.written.sources.len(),
            false => 0,
        };
        self.rows.len() + written > AT_ONCE
    }

    /// Takes all rows, each slice within the bounds on it.
    pub(super) fn take(&mut self, minute: i64) -> Vec<Violation> {
        if self.written.begin != minute {
            self.written = Written {
                begin: minute,
                ..Written::default()
            };
        }
        let rows = std::mem::take(&mut self.rows);
        let mut all = Vec::with_capacity(rows.len());
        for (begin, rows) in by_slice(rows.into_values()) {
            if begin.0 != minute {
                all.extend(fold_beyond(rows, SOURCES, NETWORKS).kept);
                continue;
            }
            let written = &mut self.written;
            let known = |row: &Violation| {
                let key = hash(key(row));
                written.sources.contains(&key) || written.networks.contains(&key)
            };
            let (known, new): (Vec<_>, Vec<_>) = rows.into_iter().partition(known);
            let sources = SOURCES.saturating_sub(written.sources.len());
            let networks = NETWORKS.saturating_sub(written.networks.len());
            let kept = fold_beyond(new, sources, networks).kept;
            for row in &kept {
                let key = hash(key(row));
                if is_single(row) {
                    written.sources.insert(key);
                } else if row.source.prefix_len() > 0 {
                    written.networks.insert(key);
                }
            }
            all.extend(known);
            all.extend(kept);
        }
        all
    }

    /// Takes rows back that could not be written.
    pub(super) fn put_back(&mut self, rows: Vec<Violation>) {
        rows.into_iter().for_each(|row| self.put(row));
        if self.rows.len() > MOST {
            self.make_room();
        }
    }

    /// Sums up: within each slice first, then minutes to hours; then the oldest are given up.
    fn make_room(&mut self) {
        self.regroup(|row| row);
        if self.rows.len() > ENOUGH {
            self.regroup(|mut row| {
                row.begin -= row.begin.rem_euclid(HOUR);
                row.width = HOUR as u32;
                row
            });
        }
        while self.rows.len() > ENOUGH {
            let Some(oldest) = self.rows.keys().map(|key| key.0).min() else {
                break;
            };
            let lost = &mut self.lost;
            self.rows.retain(|key, row| {
                let stays = key.0 != oldest;
                if !stays {
                    *lost += row.refused.packets + row.banned.packets;
                }
                stays
            });
        }
    }

    fn regroup(&mut self, slice: impl Fn(Violation) -> Violation) {
        let rows = std::mem::take(&mut self.rows);
        let rows = merged_sources(rows.into_values().map(slice).collect());
        for (_, rows) in by_slice(rows) {
            for row in fold_beyond(rows, SOURCES, NETWORKS).kept {
                self.put(row);
            }
        }
    }
}

/// Sums up rows of the same sources.
fn merged_sources(rows: Vec<Violation>) -> Vec<Violation> {
    let mut pending = Pending::default();
    rows.into_iter().for_each(|row| pending.put(row));
    pending.rows.into_values().collect()
}

fn by_slice(rows: impl IntoIterator<Item = Violation>) -> BTreeMap<(i64, u32), Vec<Violation>> {
    let mut slices: BTreeMap<_, Vec<Violation>> = BTreeMap::new();
    for row in rows {
        slices.entry((row.begin, row.width)).or_default().push(row);
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(begin: i64, number: u32, packets: u64) -> Violation {
        let label = Label {
            scope: "api".to_owned(),
            plan: None,
            limit: Some("burst".to_owned()),
            unit: None,
            rate: None,
            reason: "over_limit".to_owned(),
            monitored: false,
        };
        let addr = std::net::Ipv4Addr::from(number);
        let mut row = row(begin, IpNet::from(std::net::IpAddr::from(addr)), &label);
        row.refused.packets = packets;
        (row.first, row.last) = (begin * 1_000, begin * 1_000);
        row
    }

    fn packets(rows: &[Violation]) -> u64 {
        rows.iter().map(|row| row.refused.packets).sum()
    }

    #[test]
    fn the_worst_of_a_minute_have_rows_of_their_own() {
        let mut pending = Pending::default();
        for number in 0..10_000 {
            pending.add(numbered(0, number, u64::from(number)));
        }
        assert!(pending.is_crowded(0));
        let rows = pending.take(0);
        assert_eq!(packets(&rows), (0..10_000).sum::<u64>());
        let singles = || rows.iter().filter(|row| is_single(row));
        assert_eq!(singles().count(), SOURCES);
        assert!(singles().all(|row| row.refused.packets >= 10_000 - SOURCES as u64));
        // The minute has no more room; who has a row goes on with it.
        pending.add(numbered(0, 9_999, 5));
        pending.add(numbered(0, 20_000, 50_000));
        let again = pending.take(0);
        let own: Vec<_> = again.iter().filter(|row| is_single(row)).collect();
        assert_eq!((own.len(), own[0].refused.packets), (1, 5));
        assert_eq!(packets(&again), 50_005);
        // The next one has.
        pending.add(numbered(60, 20_000, 1));
        assert!(pending.take(60).iter().all(is_single));
    }

    #[test]
    fn a_disk_that_is_gone_for_a_day_costs_little_memory() {
        let mut pending = Pending::default();
        let mut sum = 0;
        for minute in (0..24 * 60_i64).step_by(30) {
            for number in 0..3_000 {
                let packets = u64::from(number) + 1;
                pending.add(numbered(minute * 60, number * 97, packets));
                sum += packets;
            }
            assert!(pending.rows.len() <= MOST);
        }
        let lost = pending.lost;
        let rows = pending.take(0);
        assert_eq!(packets(&rows) + lost, sum);
        pending.put_back(rows);
        assert!(pending.rows.len() <= MOST);
    }
}
