//! Gives an interface a source table of another size without forgetting a bucket.
//!
//! The new table is filled from the old one before the program that uses it takes over. What the old one
//! is charged from then until the last packet has left the old program is added afterwards: for those
//! milliseconds a source may use again what it used in them, and owes it then. Its packets of those
//! milliseconds are in the counters of its scope, not in its own.

use std::collections::HashMap;

use anyhow::Result;
use throttler_common::abi::{Addr, MAX_LIMITS, SET_WORDS, SlotRecord, TICK_SHIFT, WAYS, region};
use throttler_common::ban::COUNT_MASK;
use throttler_common::class::Word;
use throttler_common::table::{self, Newcomer, Place, Unavailable, Words as _, answer, layout};

use super::pins::Pins;
use super::sources::Sources;
use super::sys;
use super::tables::Tables;
use super::takeover;
use crate::host::HostWords;

/// Region, address, scope.
type Key = (usize, Addr, u8);

/// A resize that waits for the new program to take over.
#[derive(Debug)]
pub struct Resize {
    old: Sources,
    /// When it was copied, in ticks.
    copied_at: u64,
    /// Arrival times as they were copied, of sources that were in debt.
    copied: HashMap<Key, [u64; MAX_LIMITS]>,
    /// The same of the newcomers' and the `global` buckets, in their order.
    copied_shared: Vec<[[u64; MAX_LIMITS]; 2]>,
    /// What the new table had no room for.
    pub lost: u64,
    /// Sources copied.
    pub kept: u64,
}

impl Resize {
    /// Fills `new`, which no program uses yet, from `old`.
    #[must_use]
    pub fn begin(old: Sources, new: &Sources) -> Self {
        let mut resize = Self {
            old,
            copied_at: sys::monotonic_ns() << TICK_SHIFT,
            copied: HashMap::new(),
            copied_shared: Vec::new(),
            lost: 0,
            kept: 0,
        };
        let (mut copied, copied_at) = (HashMap::new(), resize.copied_at);
        resize.pour(new, |key, set, way, record| {
            write(set, way, record);
            if record.tat.iter().any(|tat| *tat > copied_at) {
                copied.insert(key, record.tat);
            }
        });
        resize.copied = copied;
        for (from, to) in shared(&resize.old, new) {
            (0..SET_WORDS).for_each(|word| to.store(word, from.load(word)));
            let ways = [0, 1].map(|way| table::fixed_record(&from, way).tat);
            resize.copied_shared.push(ways);
        }
        resize
    }

    /// The new program is attached: brings over what the old table was charged meanwhile, and puts the new
    /// table's pins in the place of the old one's.
    ///
    /// # Errors
    /// The kernel's.
    pub fn finish(mut self, pins: &Pins, new: &Sources) -> Result<()> {
        // Packets that are still in the old program.
        if let Err(error) = sys::wait_for_readers() {
            log::debug!("waiting for packets in the old program: {error}");
        }
        let (copied, copied_at) = (std::mem::take(&mut self.copied), self.copied_at);
        self.pour(new, |key, set, way, record| {
            let before = copied.get(&key).copied().unwrap_or_default();
            owe(set, way, record, &before.map(|tat| tat.max(copied_at)));
        });
        for ((from, to), before) in shared(&self.old, new).zip(&self.copied_shared) {
            for (way, before) in before.iter().enumerate() {
                let record = table::fixed_record(&from, way);
                owe(&to, way, &record, &before.map(|tat| tat.max(copied_at)));
            }
        }
        takeover::finish(pins)
    }

    fn pour(
        &mut self,
        new: &Sources,
        mut put: impl FnMut(Key, &HostWords<'_>, usize, &SlotRecord),
    ) {
        let (mut kept, mut lost) = (0, 0);
        for region in region::SOURCES..region::NEWCOMERS {
            let mut each = |record: SlotRecord| {
                let place = Place::of(
                    &new.head,
                    &new.head.regions[region],
                    &record.addr,
                    record.scope,
                );
                match take(new, &place, &record) {
                    Ok((set, way)) => {
                        put((region, record.addr, record.scope), &set, way, &record);
                        kept += 1;
                    }
                    Err(_) => lost += 1,
                }
            };
            let family = region % 2;
            if region < region::PARENTS {
                self.old.for_each(family, &mut each);
            } else {
                self.old.for_each_parent(family, &mut each);
            }
        }
        (self.kept, self.lost) = (kept, lost);
    }
}

/// Brings over what the old table has and the new one, which packets are charged to, has not: whoever began the resize was
/// killed before [`Resize::finish`] had. What was copied is not known any more, so that of what one source was charged in
/// both tables at that time the larger counts.
///
/// # Errors
/// The kernel's.
pub(super) fn resume(pins: &Pins, staging: &Pins) -> Result<()> {
    let open = |pins: &Pins| Sources::open(&pins.dir, Tables::head(&pins.dir)?);
    let (old, new) = (open(pins)?, open(staging)?);
    let mut resize = Resize {
        old,
        copied_at: 0,
        copied: HashMap::new(),
        copied_shared: Vec::new(),
        lost: 0,
        kept: 0,
    };
    let has =
        |set: &HostWords<'_>, way| std::array::from_fn(|index| set.load(layout::tat(way, index)));
    resize.pour(&new, |_, set, way, record| {
        owe(set, way, record, &has(set, way));
    });
    for (from, to) in shared(&resize.old, &new) {
        for way in [0, 1] {
            owe(&to, way, &table::fixed_record(&from, way), &has(&to, way));
        }
    }
    Ok(())
}

/// The sets that are nobody's in particular, of both tables.
fn shared<'a>(
    old: &'a Sources,
    new: &'a Sources,
) -> impl Iterator<Item = (HostWords<'a>, HostWords<'a>)> {
    [region::NEWCOMERS, region::GLOBALS]
        .into_iter()
        .flat_map(move |region| {
            let (from, to) = (old.head.regions[region], new.head.regions[region]);
            (0..from.sets.min(to.sets)).filter_map(move |index| {
                Some((old.set(from.first + index)?, new.set(to.first + index)?))
            })
        })
}

/// The way of a source in the new table, a new one if it has none.
fn take<'a>(
    new: &'a Sources,
    place: &Place,
    record: &SlotRecord,
) -> Result<(HostWords<'a>, usize), Unavailable> {
    let newcomer = Newcomer {
        addr: record.addr,
        class: Word(record.class),
        now: record.last_seen,
    };
    let first = new.set(place.sets[0]).ok_or(Unavailable::Full)?;
    let handle = table::claim(&first, || new.set(place.sets[1]), place, &newcomer)?;
    let set = if handle & answer::SECOND == 0 {
        first
    } else {
        new.set(place.sets[1]).ok_or(Unavailable::Full)?
    };
    Ok((set, handle as usize & (WAYS - 1)))
}

/// Writes a record into a way that no program uses yet.
fn write(set: &HostWords<'_>, way: usize, record: &SlotRecord) {
    for (index, tat) in record.tat.iter().enumerate() {
        set.store(layout::tat(way, index), *tat);
    }
    set.store(layout::ban(way), record.ban);
    set.store(layout::strikes(way), record.strikes);
    set.store(layout::refused(way), record.refused);
    set.store(layout::event(way), record.refused & COUNT_MASK);
    set.store(layout::passed(way), record.passed.packets);
    set.store(layout::passed(way) + 1, record.passed.bytes);
    set.store(layout::dropped(way), record.dropped.packets);
    set.store(layout::dropped(way) + 1, record.dropped.bytes);
    if record.twice {
        let header = set.load(layout::header(way));
        let seen = table::header::seen(header);
        set.store(layout::header(way), table::header::again(header, seen));
    }
}

/// Adds what a source's buckets were charged after `before` (ticks, by limit) to a way that packets use.
fn owe(set: &HostWords<'_>, way: usize, record: &SlotRecord, before: &[u64; MAX_LIMITS]) {
    for (index, (tat, before)) in record.tat.iter().zip(before).enumerate() {
        let owed = tat.saturating_sub(*before);
        let word = layout::tat(way, index);
        if owed == 0 {
            continue;
        }
        loop {
            let tat = set.load(word);
            if set.compare_exchange(word, tat, tat.max(*before).saturating_add(owed)) {
                break;
            }
        }
    }
    if set.load(layout::ban(way)) < record.ban {
        set.store(layout::ban(way), record.ban);
    }
}
