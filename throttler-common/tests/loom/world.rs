//! Sources, limits and CPUs of the scenarios.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::thread::JoinHandle;
use throttler_common::abi::{AbuseParams, Addr, Row};
use throttler_common::charge;
use throttler_common::gcra;
use throttler_common::table::{Found, Unavailable, Way, answer, claim, found, search};

pub(crate) use crate::NOW;
use crate::policy::{limit, row};
pub(crate) use crate::seat::Source;
use crate::set::{FILLER, Set, filler_place, forget};
use crate::setting::setting;
use crate::source::packet;
use crate::valid::{Account, Rules, Use, is_valid};

/// Nanoseconds that a unit costs.
pub(crate) const UNIT: u64 = 6_000_000_000;

/// Ticks of [`NOW`] and some nanoseconds.
pub(crate) const fn after(nanos: u64) -> u64 {
    gcra::ticks(NOW + nanos)
}

/// The sets of a scenario: one, or the first and the second of everybody.
#[derive(Clone)]
pub(crate) struct Table(pub(crate) Vec<Set>);

impl Table {
    /// [`is_valid`] after packets of these sources, at most at `now`, under these limits.
    pub(crate) fn is_valid(&self, known: &Known<'_>, accounts: &[Account]) -> bool {
        let sets: Vec<_> = (0..)
            .zip(&self.0)
            .map(|(index, set)| (Use::Sources(0), index, *set))
            .collect();
        let place = |_: Use, addr: &Addr, scope: u8| match scope {
            FILLER => Some(filler_place(addr.words[0] as u32)),
            _ => {
                let mut sources = known.sources.iter();
                sources.find(|s| s.addr == *addr).map(|s| s.place)
            }
        };
        let rules = Rules {
            now: known.now,
            tag: known.tag,
            age: known.tag - 1,
            abuse: known.abuse,
            astray: known.astray,
            place: &place,
            row: &|_, _, _, _| Some(known.row),
        };
        is_valid(&sets, &rules, accounts)
    }

    fn way(&self, source: &Source, handle: u64) -> Way<Set> {
        let set = source.place.sets[usize::from(handle & answer::SECOND != 0)];
        Way {
            words: self.0[set as usize],
            handle,
        }
    }

    /// As [`throttler_common::lookup::known`].
    pub(crate) fn find(&self, source: &Source, now: u64) -> Option<Way<Set>> {
        self.look(source, now).map(|found| found.way)
    }

    /// The same with what was read.
    pub(crate) fn look(&self, source: &Source, now: u64) -> Option<Found<Set>> {
        let [first, second] = source.place.sets.map(|i| &self.0[i as usize]);
        let handle = search(first, || Some(*second), &source.place, &source.addr);
        if handle == 0 {
            return None;
        }
        let found = found(self.way(source, handle), now);
        found.is_known().then_some(found)
    }

    pub(crate) fn claim(&self, source: &Source, now: u64) -> Result<Way<Set>, Unavailable> {
        let [first, second] = source.place.sets.map(|i| &self.0[i as usize]);
        claim(
            first,
            || Some(*second),
            &source.place,
            &source.newcomer(now),
        )
        .map(|handle| self.way(source, handle))
    }

    /// As [`throttler_common::lookup::meet`].
    pub(crate) fn meet(&self, source: &Source, now: u64) -> Result<Way<Set>, Unavailable> {
        match self.find(source, now) {
            Some(way) => Ok(way),
            None => self.claim(source, now),
        }
    }

    /// Packets of the source that were admitted out of so many, each met anew.
    pub(crate) fn send(&self, source: &Source, packets: usize, row: &Row, now: u64) -> u64 {
        let sent = (0..packets).filter(|_| {
            self.meet(source, now)
                .is_ok_and(|way| admit(&way, row, now))
        });
        sent.count() as u64
    }

    /// Ways that the source has anywhere.
    pub(crate) fn ways_of(&self, source: &Source) -> usize {
        self.0.iter().map(|set| set.ways_of(source)).sum()
    }
}

/// What a scenario knows of its table.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) sources: &'a [Source],
    pub(crate) row: Row,
    pub(crate) abuse: AbuseParams,
    /// The latest time of any packet.
    pub(crate) now: u64,
    /// The tag of the latest generation.
    pub(crate) tag: u32,
    /// [`Rules::astray`].
    pub(crate) astray: u64,
}

/// Nothing but sources, and what they are held to.
pub(crate) fn known<'a>(sources: &'a [Source], row: &Row) -> Known<'a> {
    Known {
        sources,
        row: *row,
        abuse: AbuseParams::default(),
        now: NOW,
        tag: 1,
        astray: 0,
    }
}

/// What a source was admitted, and how many packets of others it may have paid for.
pub(crate) fn account(source: &Source, admitted: u64, strays: u64) -> Account {
    Account {
        addr: source.addr,
        scope: 1,
        admitted,
        strays,
    }
}

/// Whether a packet is admitted.
pub(crate) fn admit(way: &Way<Set>, row: &Row, now: u64) -> bool {
    charge::admit(row, way, &packet(Addr::default()), &now).is_ok()
}

/// So many packets, and one more every [`UNIT`].
pub(crate) fn burst(packets: u64) -> Row {
    // Of the generation that the sources' classes are of.
    Row {
        tag: 1,
        ..row(limit(packets, UNIT))
    }
}

/// Tries every interleaving.
pub(crate) fn every_order(scenario: impl Fn() + Send + Sync + 'static) {
    explore(None, scenario);
}

/// Tries every interleaving with so many changes from one CPU to another between their steps, and as many
/// more as `THROTTLER_CHANGES` says. Their number grows with that as a power; what is known of faults in
/// protocols needs two.
pub(crate) fn most_orders(changes: usize, scenario: impl Fn() + Send + Sync + 'static) {
    explore(Some(changes + more()), scenario);
}

fn more() -> usize {
    setting("THROTTLER_CHANGES", 0) as usize
}

/// Orders of one scenario that are tried at most, where `THROTTLER_CHANGES` asks for more of them than
/// anybody can wait for.
fn most() -> Option<usize> {
    (more() > 0).then(|| setting("THROTTLER_ORDERS", 50_000_000) as usize)
}

fn explore(changes: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = changes;
    builder.max_branches = 10_000;
    builder.max_permutations = most();
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = orders.clone();
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        forget();
        scenario();
    });
    let orders = orders.load(Relaxed);
    let bound = changes.map_or_else(String::new, |changes| format!(" of {changes} changes"));
    println!("{orders} orders{bound}");
    assert!(orders > 1, "the CPUs did not meet");
}

/// Another CPU.
pub(crate) fn cpu<T: 'static>(work: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    loom::thread::spawn(work)
}

/// What it found.
pub(crate) fn done<T>(cpu: JoinHandle<T>) -> T {
    cpu.join().expect("the CPU's work does not panic")
}
