//! A compiled policy, read without the kernel.

use std::collections::HashMap;

use throttler_common::abi::{
    Addr, CLASS_KEY_LEAD, ClassChain, ClassKey, Destination, History, PolicyHead, Row,
};
use throttler_common::{Family, Policies};

use crate::compile::PolicyTables;

/// Chains by masked address.
type Chains = HashMap<[u8; 16], ClassChain>;

/// [`PolicyTables`] as the datapath sees them.
pub struct HostPolicy {
    tables: PolicyTables,
    /// Class entries by (family, prefix length), longest first.
    classes: Vec<((u8, u32), Chains)>,
    /// Everything passes until this time, monotonic nanoseconds.
    pub paused_until: u64,
}

impl HostPolicy {
    /// Indexes the tables.
    #[must_use]
    pub fn new(tables: PolicyTables) -> Self {
        let mut by_length: HashMap<(u8, u32), Chains> = HashMap::new();
        for (key, chain) in &tables.classes {
            by_length
                .entry((key.family, key.prefix_len - CLASS_KEY_LEAD))
                .or_default()
                .insert(key.addr.to_bytes(), *chain);
        }
        let mut classes: Vec<_> = by_length.into_iter().collect();
        classes.sort_by_key(|((_, length), _)| std::cmp::Reverse(*length));
        Self {
            tables,
            classes,
            paused_until: 0,
        }
    }

    /// The tables.
    #[must_use]
    pub fn tables(&self) -> &PolicyTables {
        &self.tables
    }
}

impl Policies for HostPolicy {
    fn bank(&self) -> u8 {
        self.tables.bank() as u8
    }

    fn paused_until(&self) -> u64 {
        self.paused_until
    }

    fn head(&self) -> Option<&PolicyHead> {
        Some(&self.tables.head)
    }

    fn port_class(&self, port: u16) -> u16 {
        self.tables.port_classes[usize::from(port)]
    }

    fn cell(&self, index: u32) -> u8 {
        self.tables.cells.get(index as usize).copied().unwrap_or(0)
    }

    fn destination(&self, family: Family, index: u32) -> Option<&Destination> {
        self.tables.destinations[family.index()].get(index as usize)
    }

    fn row(&self, index: u32) -> Option<&Row> {
        self.tables.rows.get(index as usize)
    }

    fn history(&self, index: u32) -> Option<&History> {
        self.tables.histories.get(index as usize)
    }

    fn class(&self, key: &ClassKey) -> Option<&ClassChain> {
        let bits = key.prefix_len - CLASS_KEY_LEAD;
        self.classes
            .iter()
            .filter(|((family, length), _)| *family == key.family && *length <= bits)
            .find_map(|((_, length), entries)| {
                let masked = key.addr.masked(Addr::mask(*length as u8));
                entries.get(&masked.to_bytes())
            })
    }
}
