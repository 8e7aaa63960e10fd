//! The source table over the kernel's LRU hash, and nothing else knows which table it is.

use throttler_common::{
    Family, Packet, Policies, Refusal, Slot, Slots,
    abi::{Row, Scale, SlotRecord, SourceKey},
    charge::{self, Change, Refused},
    class::Word,
};

use crate::{
    account, atomic,
    calls::{
        throttler_admit, throttler_check, throttler_convert, throttler_insert, throttler_rebase,
        throttler_undo,
    },
    maps,
};

const SECOND: u64 = 1_000_000_000;

/// Both tables, one a family.
pub(crate) struct KernelSlots {
    /// Interface that the packet came in by, for events.
    pub(crate) ifindex: u32,
}

impl Slots for KernelSlots {
    type Slot = KernelSlot;

    #[inline(always)]
    fn find(&self, family: Family, key: &SourceKey) -> Option<KernelSlot> {
        let record = match family {
            Family::V4 => maps::SOURCES_V4.get_ptr_mut(key),
            Family::V6 => maps::SOURCES_V6.get_ptr_mut(key),
        };
        record.map(KernelSlot)
    }

    #[inline(always)]
    fn tell(&self, refusal: &Refusal) {
        account::tell(self.ifindex, refusal);
    }

    #[inline(always)]
    fn claim(&self, family: Family, key: &SourceKey) -> Option<KernelSlot> {
        throttler_insert(key, u32::from(family.number()));
        // Where another CPU was first, that failed and its slot is found.
        self.find(family, key)
    }
}

/// A slot by the address of its record, valid for this run of the program: a map value's memory
/// outlives the run even where its key is evicted meanwhile.
pub(crate) struct KernelSlot(*mut SlotRecord);

impl Slot for KernelSlot {
    #[inline(always)]
    fn tat(&self, index: usize) -> u64 {
        // SAFETY: `word` stays inside the record (index is below 4); its words are aligned.
        unsafe { atomic::load(self.tat_word(index)) }
    }

    #[inline(always)]
    fn advance(&self, index: usize, current: u64, next: u64) -> bool {
        // SAFETY: as in `tat`.
        unsafe { atomic::compare_exchange(self.tat_word(index), current, next) }
    }

    #[inline(always)]
    fn retreat(&self, index: usize, ticks: u64) {
        // SAFETY: as in `tat`.
        unsafe { atomic::add(self.tat_word(index), ticks.wrapping_neg()) }
    }

    #[inline(always)]
    fn class(&self) -> Word {
        // SAFETY: a field of the record.
        Word(unsafe { atomic::load(&raw const (*self.0).class) })
    }

    #[inline(always)]
    fn replace_class(&self, current: Word, next: Word) -> bool {
        // SAFETY: a field of the record.
        unsafe { atomic::compare_exchange(&raw mut (*self.0).class, current.0, next.0) }
    }

    #[inline(always)]
    fn count_passed(&self, bytes: u64, now: u64) {
        // SAFETY: fields of the record.
        unsafe {
            atomic::add(&raw mut (*self.0).passed.packets, 1);
            atomic::add(&raw mut (*self.0).passed.bytes, bytes);
            atomic::store(&raw mut (*self.0).last_seen, now);
        }
    }

    #[inline(always)]
    fn count_refused(&self, bytes: u64, now: u64, dropped: bool) {
        // SAFETY: fields of the record.
        unsafe {
            atomic::add(&raw mut (*self.0).refused, 1);
            if dropped {
                atomic::add(&raw mut (*self.0).dropped.packets, 1);
                atomic::add(&raw mut (*self.0).dropped.bytes, bytes);
            } else {
                atomic::add(&raw mut (*self.0).passed.packets, 1);
                atomic::add(&raw mut (*self.0).passed.bytes, bytes);
            }
            atomic::store(&raw mut (*self.0).last_seen, now);
        }
    }

    #[inline(always)]
    fn claim_event(&self, now: u64) -> Option<(u64, u64)> {
        // SAFETY: fields of the record; `told` is written by the winner of the swap alone.
        unsafe {
            let at = atomic::load(&raw const (*self.0).event_at);
            if (at != 0 && now < at.wrapping_add(SECOND))
                || !atomic::compare_exchange(&raw mut (*self.0).event_at, at, now)
            {
                return None;
            }
            let total = atomic::load(&raw const (*self.0).refused);
            let told = atomic::load(&raw const (*self.0).told);
            atomic::store(&raw mut (*self.0).told, total);
            Some((total.wrapping_sub(told), total))
        }
    }

    #[inline(always)]
    fn check(&self, row: &Row, packet: &Packet, now: u64) -> Result<(), Refused> {
        charge::decode(throttler_check(row, self.0, packet, now))
    }

    #[inline(always)]
    fn admit(&self, row: &Row, packet: &Packet, now: u64) -> Result<(), Refused> {
        charge::decode(throttler_admit(row, self.0, packet, now))
    }

    #[inline(always)]
    fn rebase<P: Policies>(&self, policy: &P, change: Change, now: u64) {
        throttler_rebase(
            self.0,
            policy.bank(),
            change.row | change.from << 16,
            change.age,
            now,
        );
    }

    #[inline(always)]
    fn convert(ticks: u64, from: &Scale, to: &Scale, most: u64) -> u64 {
        throttler_convert(ticks, from, to, most)
    }

    #[inline(always)]
    fn units(ticks: u64, scale: &Scale) -> u64 {
        throttler_convert(ticks, scale, core::ptr::null(), ticks)
    }

    #[inline(always)]
    fn undo(&self, row: &Row, packet: &Packet) {
        throttler_undo(row, self.0, packet);
    }
}

impl KernelSlot {
    #[inline(always)]
    fn tat_word(&self, index: usize) -> *mut u64 {
        // SAFETY: `tat` is the first field and has four words; the mask keeps the index among them.
        unsafe { (&raw mut (*self.0).tat).cast::<u64>().add(index & 3) }
    }

    /// A slot from a pointer that the verifier takes for possibly null.
    ///
    /// # Safety
    /// Null, or a record of the source table.
    #[inline(always)]
    pub(crate) unsafe fn from_ptr(record: *mut SlotRecord) -> Option<Self> {
        (!record.is_null()).then_some(Self(record))
    }
}
