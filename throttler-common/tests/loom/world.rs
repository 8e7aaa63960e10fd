//! Sources, limits and CPUs of the scenarios.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use loom::thread::JoinHandle;
use throttler_common::abi::{Addr, Row};
use throttler_common::charge;
use throttler_common::class::{Kind, Word};
use throttler_common::gcra;
use throttler_common::table::{
    Found, Newcomer, Place, Unavailable, Way, answer, claim, found, header, search,
};

use crate::policy::{limit, row};
use crate::set::Set;
use crate::source::packet;

/// Monotonic nanoseconds of most that happens.
pub(crate) const NOW: u64 = 1_000_000_000_000;
/// Nanoseconds that a unit costs.
pub(crate) const UNIT: u64 = 6_000_000_000;

/// Ticks of [`NOW`] and some nanoseconds.
pub(crate) const fn after(nanos: u64) -> u64 {
    gcra::ticks(NOW + nanos)
}

/// Somebody who sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) addr: Addr,
    pub(crate) class: Word,
    pub(crate) place: Place,
}

impl Source {
    /// Both of its sets are set 0, its first way is `home`.
    pub(crate) fn new(name: u64, home: u64) -> Self {
        Self {
            addr: Addr {
                words: [name, name + 100],
            },
            class: Word::new(1, Kind::Plan, name as u16, 0),
            place: Place {
                sets: [0, 0],
                wanted: header::wanted(1, home),
            },
        }
    }

    pub(crate) fn newcomer(&self, now: u64) -> Newcomer {
        Newcomer {
            addr: self.addr,
            class: self.class,
            now,
        }
    }
}

/// The sets of a scenario: one, or the first and the second of everybody.
#[derive(Clone)]
pub(crate) struct Table(pub(crate) Vec<Set>);

impl Table {
    fn way(&self, source: &Source, handle: u64) -> Way<Set> {
        let set = source.place.sets[usize::from(handle & answer::SECOND != 0)];
        Way {
            words: self.0[set as usize].clone(),
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
        let handle = search(first, || Some(second.clone()), &source.place, &source.addr);
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
            || Some(second.clone()),
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

/// Whether a packet is admitted.
pub(crate) fn admit(way: &Way<Set>, row: &Row, now: u64) -> bool {
    charge::admit(row, way, &packet(Addr::default()), &now).is_ok()
}

/// So many packets, and one more every [`UNIT`].
pub(crate) fn burst(packets: u64) -> Row {
    row(limit(packets, UNIT))
}

/// Tries every interleaving.
pub(crate) fn every_order(scenario: impl Fn() + Send + Sync + 'static) {
    explore(None, scenario);
}

/// Tries every interleaving with so many changes from one CPU to another between their steps. Their
/// number grows with that as a power; what is known of faults in protocols needs two.
pub(crate) fn most_orders(changes: usize, scenario: impl Fn() + Send + Sync + 'static) {
    explore(Some(changes), scenario);
}

fn explore(changes: Option<usize>, scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = changes;
    builder.max_branches = 10_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let counted = orders.clone();
    builder.check(move || {
        counted.fetch_add(1, Relaxed);
        scenario();
    });
    println!("{} orders", orders.load(Relaxed));
}

/// Another CPU.
pub(crate) fn cpu<T: 'static>(work: impl FnOnce() -> T + 'static) -> JoinHandle<T> {
    loom::thread::spawn(work)
}

/// What it found.
pub(crate) fn done<T>(cpu: JoinHandle<T>) -> T {
    cpu.join().expect("the CPU's work does not panic")
}
