//! A source table that tells whether anybody asked it for a set.

use std::cell::Cell;

use throttler::host::{HostSlots, HostWords};
use throttler_common::abi::{PolicyHead, TableHead};
use throttler_common::{Clock, Notice, Packet, Slots};

/// The table, and whether it was touched.
pub(super) struct Watched<'a> {
    slots: &'a HostSlots,
    touched: Cell<bool>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(slots: &'a HostSlots) -> Self {
        Self {
            slots,
            touched: Cell::new(false),
        }
    }

    pub(super) fn touched(&self) -> bool {
        self.touched.get()
    }
}

impl<'a> Slots for Watched<'a> {
    type Words = HostWords<'a>;

    fn head(&self) -> Option<&TableHead> {
        Slots::head(&self.slots)
    }

    fn set(&self, index: u32) -> Option<HostWords<'a>> {
        self.touched.set(true);
        Slots::set(&self.slots, index)
    }

    fn tell<C: Clock>(&self, head: &PolicyHead, packet: &Packet, clock: &C, notice: &Notice) {
        self.touched.set(true);
        Slots::tell(&self.slots, head, packet, clock, notice);
    }
}
