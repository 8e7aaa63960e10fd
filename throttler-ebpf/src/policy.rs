//! One generation's tables, read from the bank in force.

use aya_ebpf::btf_maps::lpm_trie::Key;
use throttler_common::{
    Family, Policies,
    abi::{
        BANKS, ClassChain, ClassKey, Destination, History, MAX_CELLS, MAX_DESTINATIONS, MAX_ROWS,
        PolicyHead, Row, active,
    },
};

use crate::{account, atomic, maps};

/// The bank in force when the packet came in. A publish writes the other bank, flips, and waits
/// until every packet that may have seen this one is done before it writes here again.
pub(crate) struct KernelPolicy {
    bank: u32,
    paused_until: u64,
}

impl KernelPolicy {
    /// The same bank again, in a function that was handed its number.
    #[inline(always)]
    pub(crate) fn of_bank(bank: u32) -> Self {
        Self {
            bank: bank % BANKS as u32,
            paused_until: 0,
        }
    }

    /// The bank's head, which outlives the number.
    #[inline(always)]
    pub(crate) fn into_head(self) -> Option<&'static PolicyHead> {
        maps::HEADS.get(self.bank)
    }

    /// The bank's number.
    #[inline(always)]
    pub(crate) fn number(&self) -> u32 {
        self.bank
    }

    #[inline(always)]
    pub(crate) fn current() -> Self {
        let (Some(generation), Some(paused_until)) = (
            maps::ACTIVE.get_ptr(active::GENERATION),
            maps::ACTIVE.get_ptr(active::PAUSED_UNTIL),
        ) else {
            return Self {
                bank: BANKS as u32,
                paused_until: u64::MAX,
            };
        };
        // SAFETY: values of an array, aligned and alive as long as the program.
        unsafe {
            Self {
                bank: atomic::load(generation) as u32 % BANKS as u32,
                paused_until: atomic::load(paused_until),
            }
        }
    }
}

impl Policies for KernelPolicy {
    #[inline(always)]
    fn bank(&self) -> u8 {
        self.bank as u8
    }

    #[inline(always)]
    fn paused_until(&self) -> u64 {
        self.paused_until
    }

    #[inline(always)]
    fn head(&self) -> Option<&PolicyHead> {
        maps::HEADS.get(self.bank)
    }

    #[inline(always)]
    fn port_class(&self, port: u16) -> u16 {
        match maps::PORT_CLASSES.get(self.bank) {
            Some(table) => table.class[usize::from(port)],
            None => 0,
        }
    }

    #[inline(always)]
    fn cell(&self, index: u32) -> u8 {
        match maps::CELLS.get(self.bank) {
            Some(table) => table.scope[index as usize & (MAX_CELLS - 1)],
            None => 0,
        }
    }

    #[inline(always)]
    fn destination(&self, family: Family, index: u32) -> Option<&Destination> {
        let run = self.bank * 2 + family.index() as u32;
        maps::DESTINATIONS.get(run * MAX_DESTINATIONS as u32 + index)
    }

    #[inline(always)]
    fn row(&self, index: u32) -> Option<&Row> {
        maps::ROWS.get(self.bank * MAX_ROWS as u32 + index)
    }

    #[inline(always)]
    fn history(&self, index: u32) -> Option<&History> {
        maps::HISTORIES.get(self.bank * MAX_ROWS as u32 + index)
    }

    #[inline(always)]
    fn class(&self, key: &ClassKey) -> Option<&ClassChain> {
        account::resolved();
        // SAFETY: `Key<[u8; 20]>` is a packed prefix length and twenty bytes, which is what the
        // (better aligned) `ClassKey` is in memory.
        let key = unsafe { &*core::ptr::from_ref(key).cast::<Key<[u8; 20]>>() };
        maps::CLASSES.get(key)
    }
}
