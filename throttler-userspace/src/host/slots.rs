//! A source table in memory.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use throttler_common::abi::{MAX_LIMITS, SlotRecord, SourceKey};
use throttler_common::class::Word;
use throttler_common::{Family, Refusal, Slot, Slots};

const SECOND: u64 = 1_000_000_000;

type Records = HashMap<(Family, SourceKey), Rc<Cell<SlotRecord>>>;

/// Both tables; sources are added until both together hold `capacity`.
pub struct HostSlots {
    records: RefCell<Records>,
    capacity: usize,
    /// What was told, in order.
    pub told: RefCell<Vec<Refusal>>,
}

impl HostSlots {
    /// Empty tables of `capacity` sources in all.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            records: RefCell::default(),
            capacity,
            told: RefCell::default(),
        }
    }

    /// A source's record.
    #[must_use]
    pub fn record(&self, family: Family, key: &SourceKey) -> Option<SlotRecord> {
        self.records.borrow().get(&(family, *key)).map(|r| r.get())
    }
}

impl Slots for HostSlots {
    type Slot = HostSlot;

    fn find(&self, family: Family, key: &SourceKey) -> Option<HostSlot> {
        let records = self.records.borrow();
        records.get(&(family, *key)).cloned().map(HostSlot)
    }

    fn tell(&self, refusal: &Refusal) {
        self.told.borrow_mut().push(*refusal);
    }

    fn claim(&self, family: Family, key: &SourceKey) -> Option<HostSlot> {
        let mut records = self.records.borrow_mut();
        if records.len() >= self.capacity && !records.contains_key(&(family, *key)) {
            return None;
        }
        let record = records.entry((family, *key)).or_default();
        Some(HostSlot(Rc::clone(record)))
    }
}

/// One slot. One thread uses it at a time, so that plain reads and writes are atomic here.
pub struct HostSlot(Rc<Cell<SlotRecord>>);

impl HostSlot {
    fn change<R>(&self, change: impl FnOnce(&mut SlotRecord) -> R) -> R {
        let mut record = self.0.get();
        let result = change(&mut record);
        self.0.set(record);
        result
    }
}

impl Slot for HostSlot {
    fn tat(&self, index: usize) -> u64 {
        self.0.get().tat[index % MAX_LIMITS]
    }

    fn advance(&self, index: usize, current: u64, next: u64) -> bool {
        self.change(|record| {
            let tat = &mut record.tat[index % MAX_LIMITS];
            let same = *tat == current;
            if same {
                *tat = next;
            }
            same
        })
    }

    fn retreat(&self, index: usize, ticks: u64) {
        self.change(|record| {
            let tat = &mut record.tat[index % MAX_LIMITS];
            *tat = tat.wrapping_sub(ticks);
        });
    }

    fn class(&self) -> Word {
        Word(self.0.get().class)
    }

    fn replace_class(&self, current: Word, next: Word) -> bool {
        self.change(|record| {
            let same = record.class == current.0;
            if same {
                record.class = next.0;
            }
            same
        })
    }

    fn count_passed(&self, bytes: u64, now: u64) {
        self.change(|record| {
            record.passed.packets += 1;
            record.passed.bytes += bytes;
            record.last_seen = now;
        });
    }

    fn count_refused(&self, bytes: u64, now: u64, dropped: bool) {
        self.change(|record| {
            record.refused += 1;
            let tally = if dropped {
                &mut record.dropped
            } else {
                &mut record.passed
            };
            tally.packets += 1;
            tally.bytes += bytes;
            record.last_seen = now;
        });
    }

    fn claim_event(&self, now: u64) -> Option<(u64, u64)> {
        self.change(|record| {
            if record.event_at != 0 && now < record.event_at.wrapping_add(SECOND) {
                return None;
            }
            record.event_at = now;
            let fresh = record.refused.wrapping_sub(record.told);
            record.told = record.refused;
            Some((fresh, record.refused))
        })
    }
}
