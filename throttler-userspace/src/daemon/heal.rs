//! Compares what the maps hold with what was published, and puts the policy into force again where they differ.
//!
//! Of what was published, hashes are kept: one a row, one a table, and of the class entries, of which there may be
//! millions, their number and the sum of their hashes. The tables are compared whole. The class trie is walked in slices
//! of [`SLICE`] entries, so that nobody waits for the daemon's loop longer than for some milliseconds, and of a long one
//! [`SLICES`] between two comparisons: with one every ten seconds a loss is found within ten seconds for each 65,536
//! entries, two and a half minutes for a million, and within one round more where it was behind the walk.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::rc::Rc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result};
use throttler_common::abi::{
    ClassChain, ClassKey, History, MAX_DESTINATIONS, MAX_ROWS, PolicyHead, Row, active,
};
use throttler_common::class::ended;

use super::attachment::Attached;
use super::desired::Desired;
use crate::compile::PolicyTables;
use crate::kernel::canary::Expected;
use crate::kernel::map::Walked;
use crate::kernel::tables::Tables;
use crate::kernel::{publish, sys};

/// Class entries that are read at a time.
const SLICE: usize = 4_096;
/// Slices from one comparison to the next.
pub(super) const SLICES: u32 = 16;

/// Entries and the sum of their hashes, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Census {
    entries: u64,
    sum: u64,
}

impl Census {
    fn add(&mut self, key: &ClassKey, chain: &ClassChain) {
        let key = ClassKey { bank: 0, ..*key };
        let mut hasher = DefaultHasher::new();
        sys::as_bytes(&key).hash(&mut hasher);
        sys::as_bytes(chain).hash(&mut hasher);
        self.entries += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }
}

/// What the maps have to hold of the generation in force, and how far the class trie was walked.
#[derive(Clone, Debug)]
pub(super) struct Enforced {
    generation: u32,
    /// As in [`PolicyTables`].
    cut: u32,
    expected: Expected,
    head: u64,
    port_classes: u64,
    cells: u64,
    destinations: [Vec<u64>; 2],
    rows: Vec<u64>,
    classes: Census,
    walked: Walked,
    /// Of the walk under way.
    met: Census,
    /// What the latest walk has found, where that is something else.
    differs: Option<Census>,
}

fn hash<T: sys::Record>(record: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    sys::as_bytes(record).hash(&mut hasher);
    hasher.finish()
}

fn hash_both(row: &Row, history: &History) -> u64 {
    hash(row).rotate_left(1) ^ hash(history)
}

impl Enforced {
    pub(super) fn of(policy: &PolicyTables, expected: Expected) -> Self {
        let mut classes = Census::default();
        for (key, chain) in &policy.classes {
            classes.add(key, chain);
        }
        Self {
            generation: policy.head.generation,
            cut: policy.cut,
            expected,
            head: hash::<PolicyHead>(&policy.head),
            port_classes: hash(&*policy.port_table()),
            cells: hash(&*policy.cell_table()),
            destinations: [0, 1]
                .map(|family| policy.destinations[family].iter().map(hash).collect()),
            rows: policy
                .rows
                .iter()
                .zip(&policy.histories)
                .map(|(row, history)| hash_both(row, history))
                .collect(),
            classes,
            walked: Walked::default(),
            met: Census::default(),
            differs: None,
        }
    }

    /// Whether a rule that had no room in a chain has it now.
    fn has_room(&self) -> bool {
        ended(self.cut, sys::monotonic_ns())
    }

    /// Whether the classes are too many to be walked by comparisons alone.
    pub(super) fn is_long(&self) -> bool {
        self.classes.entries > SLICE as u64
    }

    /// What the canary has to answer.
    pub(super) fn expected(&self) -> Expected {
        self.expected
    }

    /// Entries that are to be there.
    fn desired(&self) -> u64 {
        let tables = 3 + self.rows.len() + self.destinations.iter().map(Vec::len).sum::<usize>();
        tables as u64 + self.classes.entries
    }

    /// What differs, in words, and how many entries are as they should be.
    fn compare(&mut self, tables: &Tables) -> Result<(Vec<String>, u64)> {
        let mut differ = Vec::new();
        let bank = self.generation % 2;
        let mut held = 0;
        let mut same = |what: &str, wanted: u64, found: Option<u64>| {
            let is = found == Some(wanted);
            held += u64::from(is);
            if !is {
                differ.push(what.to_owned());
            }
        };
        let head = tables.heads.get(&bank)?;
        same("the head", self.head, head.as_ref().map(hash));
        let ports = tables.port_classes.get(&bank)?;
        same(
            "the port table",
            self.port_classes,
            ports.as_ref().map(hash),
        );
        let cells = tables.cells.get(&bank)?;
        same("the scopes' table", self.cells, cells.as_ref().map(hash));
        for (family, wanted) in self.destinations.iter().enumerate() {
            let run = (bank * 2 + family as u32) * MAX_DESTINATIONS as u32;
            for (index, wanted) in (run..).zip(wanted) {
                let found = tables.destinations.get(&index)?;
                same("a destination", *wanted, found.as_ref().map(hash));
            }
        }
        for (index, wanted) in (bank * MAX_ROWS as u32..).zip(&self.rows) {
            let row = tables.rows.get(&index)?;
            let history = tables.histories.get(&index)?;
            let found = row.as_ref().zip(history.as_ref());
            let found = found.map(|(row, history)| hash_both(row, history));
            same("a limit", *wanted, found);
        }
        let classes = match self.differs.take() {
            None => self.walk(tables)?,
            found => found,
        };
        if let Some(found) = classes {
            differ.push(format!(
                "the source classes ({} of {} entries)",
                found.entries, self.classes.entries
            ));
        }
        let classes = classes.map_or(self.classes.entries, |found| {
            found.entries.min(self.classes.entries)
        });
        differ.dedup();
        Ok((differ, held + classes))
    }

    /// One slice; the census where a whole round found another than the published one.
    fn walk(&mut self, tables: &Tables) -> Result<Option<Census>> {
        let bank = self.generation % 2;
        let mut met = self.met;
        let count = |met: &mut Census, key: &ClassKey, chain: &ClassChain| {
            if u32::from(key.bank) == bank {
                met.add(key, chain);
            }
        };
        let done = tables
            .classes
            .for_some(&mut self.walked, SLICE, |key, chain| {
                count(&mut met, key, chain);
            })
            .context("reading the source classes")?;
        self.met = met;
        if !done {
            return Ok(None);
        }
        self.walked = Walked::default();
        let met = std::mem::take(&mut self.met);
        if met == self.classes {
            return Ok(None);
        }
        // The walk may have begun again in between: once more, in one piece.
        let mut all = Census::default();
        tables
            .classes
            .for_each(|key, chain| count(&mut all, key, chain))
            .context("reading the source classes")?;
        Ok((all != self.classes).then_some(all))
    }
}

impl Attached {
    /// Compares and notes the numbers. Whether the policy has to be published anew; a generation word alone is put back
    /// here.
    pub(super) fn is_to_be_healed(&mut self) -> Result<bool> {
        let iface = &self.pins.iface;
        let found = publish::generation(&self.tables)?;
        let wanted = self.enforced.generation;
        let (differ, held) = self.enforced.compare(&self.tables)?;
        let store = |to: &std::sync::atomic::AtomicU64, value| to.store(value, Ordering::Relaxed);
        store(&self.vitals.desired, self.enforced.desired());
        store(&self.vitals.enforced, held);
        if !differ.is_empty() {
            log::error!(
                "{iface}: the maps do not hold what was published as generation {wanted}: {} differ; publishing anew",
                differ.join(", ")
            );
        }
        if found != wanted {
            log::error!(
                "{iface}: generation {found} was in force instead of {wanted}: putting it back"
            );
            let active = &self.tables.active;
            active
                .set(&active::GENERATION, &u64::from(wanted))
                .context("putting the generation in force")?;
            self.vitals.heals.fetch_add(1, Ordering::Relaxed);
        }
        Ok(!differ.is_empty())
    }

    /// Compares what was just attached, and checks it. Whether it enforces the policy; what differs is healed by the next
    /// comparison.
    pub(super) fn prove(&mut self) -> Result<bool> {
        let differs = self.is_to_be_healed().context("comparing the maps")?;
        Ok(self.check() && !differs)
    }
}

impl Desired<'_> {
    /// Whether there is anything to walk between comparisons.
    pub(super) fn is_walking(&self) -> bool {
        self.attached.iter().any(|one| one.enforced.is_long())
    }

    /// Walks long class tries by a slice; what differs is healed by the next comparison.
    pub(super) fn walk(&mut self) {
        for one in &mut self.attached {
            let enforced = &mut one.enforced;
            if !enforced.is_long() || enforced.differs.is_some() {
                continue;
            }
            match enforced.walk(&one.tables) {
                Ok(differs) => enforced.differs = differs,
                Err(error) => log::error!("{}: comparing the maps: {error:#}", one.iface()),
            }
        }
    }

    /// Heals what differs, then sees whether the policy is enforced.
    pub(super) fn check(&mut self) {
        for one in &mut self.attached {
            let again = |one: &mut Attached| {
                let (policy, book) = (Rc::clone(&one.policy), Rc::clone(&one.book));
                one.put(self.args, &policy, &book)
            };
            if one.enforced.has_room() {
                log::info!(
                    "{}: rules have ended that others waited for: publishing anew",
                    one.iface()
                );
                if let Err(error) = again(one) {
                    log::error!("{}: publishing anew: {error:#}", one.iface());
                }
            }
            match one.is_to_be_healed() {
                Ok(false) => {
                    one.check();
                }
                Ok(true) => {
                    one.vitals.heals.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = again(one) {
                        log::error!("{}: healing: {error:#}", one.iface());
                    }
                }
                Err(error) => log::error!("{}: comparing the maps: {error:#}", one.iface()),
            }
        }
    }
}
