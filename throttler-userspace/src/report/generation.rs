//! The limits of the generation in force, read once, as [`charge::renew`] asks for them.

use std::sync::atomic::AtomicU64;

use anyhow::{Context as _, Result};
use throttler_common::abi::{
    ClassChain, ClassKey, Destination, History, MAX_LIMITS, MAX_ROWS, PolicyHead, Row, SET_WORDS,
    SlotRecord,
};
use throttler_common::class::Word;
use throttler_common::gcra::ticks;
use throttler_common::table::{Way, Words as _, header, layout};
use throttler_common::{Family, Policies, charge};

use crate::compile::{Description, row_count, verify};
use crate::host::HostWords;
use crate::kernel::tables::Tables;

/// Head, rows and histories.
pub struct Generation {
    /// The head.
    pub head: PolicyHead,
    rows: Vec<Row>,
    histories: Vec<History>,
}

impl Generation {
    /// Reads the generation that a description is of.
    ///
    /// # Errors
    /// The kernel's, or bytes that no publish has written.
    pub(super) fn read(tables: &Tables, description: &Description) -> Result<Self> {
        let bank = description.generation % 2;
        let head = tables.heads.get(&bank)?;
        let head = head.context("the policy's head is missing")?;
        let plans = description.plans.iter().map(|plan| u32::from(plan.id));
        let count = row_count(&head, plans.max().unwrap_or(0) + 1);
        let (mut rows, mut histories) = (Vec::new(), Vec::new());
        for index in bank * MAX_ROWS as u32..bank * MAX_ROWS as u32 + count {
            rows.extend(tables.rows.get(&index)?);
            histories.extend(tables.histories.get(&index)?);
        }
        verify(description, &head, &rows, &histories)?;
        Ok(Self {
            head,
            rows,
            histories,
        })
    }

    /// Index of the row of a plan in a scope or layer; `None` where this generation has none.
    pub(super) fn index(&self, plan: u16, scope: u8) -> Option<u32> {
        let stride = self.head.row_stride;
        (u32::from(scope) < stride).then(|| u32::from(plan) * stride + u32::from(scope))
    }

    /// The row with this index.
    pub(super) fn row_at(&self, index: u32) -> Option<&Row> {
        self.rows.get(index as usize)
    }

    /// Arrival times as the source's next packet will find them: where its limits have changed since its last
    /// one, the datapath converts them then. `base` is the index of the row of plan 0.
    pub(super) fn renewed(
        &self,
        record: &SlotRecord,
        base: u32,
        word: Word,
        now: u64,
    ) -> [u64; MAX_LIMITS] {
        let kept = Word(record.class);
        if kept.0 == word.0 || kept.tag() == 0 {
            return record.tat;
        }
        // The datapath's own conversion, on a set that nobody else sees.
        let words = [const { AtomicU64::new(0) }; SET_WORDS];
        let Some(set) = HostWords::of(&words, 0) else {
            return record.tat;
        };
        set.store(layout::header(0), header::LIVE);
        set.store(layout::class(0), kept.0);
        for (index, tat) in record.tat.iter().enumerate() {
            set.store(layout::tat(0, index), *tat);
        }
        let way = Way {
            words: set,
            handle: header::LIVE,
        };
        charge::renew(self, &way, base, word, ticks(now));
        std::array::from_fn(|index| way.tat(index))
    }
}

/// Conversion asks for rows alone; what a packet needs besides is not read.
impl Policies for Generation {
    fn bank(&self) -> u8 {
        (self.head.generation % 2) as u8
    }

    fn paused_until(&self) -> u64 {
        0
    }

    fn head(&self) -> Option<&PolicyHead> {
        Some(&self.head)
    }

    fn port_class(&self, _: u16) -> u16 {
        0
    }

    fn cell(&self, _: u32) -> u8 {
        0
    }

    fn destination(&self, _: Family, _: u32) -> Option<&Destination> {
        None
    }

    fn row(&self, index: u32) -> Option<&Row> {
        self.row_at(index)
    }

    fn history(&self, index: u32) -> Option<&History> {
        self.histories.get(index as usize)
    }

    fn class(&self, _: &ClassKey) -> Option<&ClassChain> {
        None
    }
}
