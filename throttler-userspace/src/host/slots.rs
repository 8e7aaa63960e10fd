//! A source table in memory.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;

use throttler_common::abi::{Addr, PolicyHead, SET_WORDS, SlotRecord, TableHead, WAYS, region};
use throttler_common::table::{self, Place};
use throttler_common::{Clock, Family, Notice, Packet, Slots};

use super::words::HostWords;
use crate::kernel::geometry;

/// Something told, with what the kernel's program takes from the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// What.
    pub notice: Notice,
    /// Monotonic nanoseconds.
    pub at: u64,
    /// Of whom.
    pub source: Addr,
    /// Its family.
    pub family: Family,
    /// The generation that decided.
    pub generation: u32,
}

/// The same table as the kernel's, in memory. One thread uses it at a time.
pub struct HostSlots {
    head: TableHead,
    words: Vec<AtomicU64>,
    /// What was told, in order.
    pub told: RefCell<Vec<Told>>,
}

impl HostSlots {
    /// An empty table that is laid out as `head` says: with the kernel's, each source has the same place here
    /// as there.
    #[must_use]
    pub fn new(head: TableHead) -> Self {
        let words = geometry::total_sets(&head) as usize * SET_WORDS;
        Self {
            head,
            words: std::iter::repeat_with(AtomicU64::default)
                .take(words)
                .collect(),
            told: RefCell::default(),
        }
    }

    /// A source's record.
    #[must_use]
    pub fn record(&self, family: Family, addr: &Addr, scope: u8) -> Option<SlotRecord> {
        let region = &self.head.regions[region::SOURCES + family.index()];
        let place = Place::of(&self.head, region, addr, scope);
        place.sets.into_iter().find_map(|set| {
            let words = HostWords::of(&self.words, set)?;
            let found = (0..WAYS).filter_map(|way| table::record(&words, way));
            found
                .into_iter()
                .find(|record| record.addr == *addr && record.scope == scope)
        })
    }
}

impl<'a> Slots for &'a HostSlots {
    type Words = HostWords<'a>;

    fn head(&self) -> Option<&TableHead> {
        Some(&self.head)
    }

    fn set(&self, index: u32) -> Option<HostWords<'a>> {
        HostWords::of(&self.words, index)
    }

    fn tell<C: Clock>(&self, head: &PolicyHead, packet: &Packet, clock: &C, notice: &Notice) {
        self.told.borrow_mut().push(Told {
            notice: *notice,
            at: clock.exact(),
            source: notice.source(head, packet),
            family: packet.family(),
            generation: head.generation,
        });
    }
}
