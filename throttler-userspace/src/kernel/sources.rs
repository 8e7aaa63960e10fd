//! The source table, mapped: read and written without a system call an entry.

use std::os::fd::AsFd as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use throttler_common::abi::{Addr, Set, SlotRecord, TableHead, WAYS, map, region};
use throttler_common::table::{self, Place, Way, Words as _, header, layout};

use super::geometry;
use super::map::Map;
use super::sys::Mapping;
use crate::host::HostWords;

/// One interface's source table.
#[derive(Debug)]
pub struct Sources {
    /// How it is laid out.
    pub head: TableHead,
    /// The kernel's identifier of the map.
    pub id: u32,
    mapping: Mapping,
    /// Sets that the map has.
    entries: u32,
}

impl Sources {
    /// Opens the table pinned in a directory; `head` is what its `TABLE` map holds.
    ///
    /// # Errors
    /// Nothing pinned there, or not a table of ours.
    pub fn open(dir: &Path, head: TableHead) -> Result<Self> {
        let map: Map<u32, Set> = Map::open(&dir.join(map::SOURCES))?;
        geometry::check(&head, map.info.max_entries)
            .with_context(|| format!("opening {}", dir.display()))?;
        let sets = geometry::total_sets(&head);
        let mapping = Mapping::new(map.as_fd(), sets as usize * size_of::<Set>())
            .context("mapping the source table")?;
        Ok(Self {
            head,
            id: map.info.id,
            mapping,
            entries: map.info.max_entries,
        })
    }

    /// Whether it is laid out over the whole of its map: the head is this table's, not another one's.
    pub(super) fn is_whole(&self) -> bool {
        geometry::total_sets(&self.head) == self.entries
    }

    /// The identifier of the table that is pinned in a directory now.
    ///
    /// # Errors
    /// Nothing pinned there, or not a table of ours.
    pub fn pinned_id(dir: &Path) -> Result<u32> {
        let map: Map<u32, Set> = Map::open(&dir.join(map::SOURCES))?;
        Ok(map.info.id)
    }

    /// Places of sources and parent prefixes.
    #[must_use]
    pub fn places(&self) -> usize {
        self.head.regions[region::NEWCOMERS].first as usize * WAYS
    }

    /// Sources of one family that it has room for.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        geometry::capacity(&self.head)
    }

    /// A set.
    #[must_use]
    pub fn set(&self, index: u32) -> Option<HostWords<'_>> {
        HostWords::of(self.mapping.words(), index)
    }

    /// The state of a source of a family (0: IPv4, 1: IPv6) in a scope or layer.
    #[must_use]
    pub fn get(&self, family: usize, addr: &Addr, scope: u8) -> Option<SlotRecord> {
        self.get_in(region::SOURCES + family, addr, scope)
    }

    /// The state of a parent prefix.
    #[must_use]
    pub fn parent(&self, family: usize, addr: &Addr, scope: u8) -> Option<SlotRecord> {
        self.get_in(region::PARENTS + family, addr, scope)
    }

    /// The way of a source (or parent prefix) of a region in a scope, to change it as the datapath does.
    #[must_use]
    pub fn way(&self, region: usize, addr: &Addr, scope: u8) -> Option<Way<HostWords<'_>>> {
        let place = Place::of(&self.head, &self.head.regions[region], addr, scope);
        let sets = place.sets.into_iter().filter_map(|set| self.set(set));
        sets.flat_map(|set| (0..WAYS).map(move |way| (set, way)))
            .find_map(|(set, way)| {
                let found = set.load(layout::header(way));
                let words =
                    [layout::address(way, 0), layout::address(way, 1)].map(|at| set.load(at));
                let is_theirs = (found ^ place.wanted) & header::MATCH == 0 && words == addr.words;
                is_theirs.then_some(Way {
                    words: set,
                    handle: found & header::IDENTITY | way as u64,
                })
            })
    }

    fn get_in(&self, region: usize, addr: &Addr, scope: u8) -> Option<SlotRecord> {
        let place = Place::of(&self.head, &self.head.regions[region], addr, scope);
        place.sets.into_iter().find_map(|set| {
            let set = self.set(set)?;
            let mut records = (0..WAYS).filter_map(|way| table::record(&set, way));
            records.find(|record| record.addr == *addr && record.scope == scope)
        })
    }

    /// The bucket of a scope's `global` limits (0), or of its share for protected plans (1).
    #[must_use]
    pub fn global(&self, scope: u8, share: usize) -> SlotRecord {
        let set = self.head.regions[region::GLOBALS].first + u32::from(scope);
        self.set(set)
            .map(|set| table::fixed_record(&set, share))
            .unwrap_or_default()
    }

    /// The newcomers of a family under pressure: packets that passed, and that were refused.
    #[must_use]
    pub fn newcomers(&self, family: usize) -> SlotRecord {
        let set = self.head.regions[region::NEWCOMERS].first + family as u32;
        self.set(set)
            .map(|set| table::fixed_record(&set, 0))
            .unwrap_or_default()
    }

    /// Hands over every source of a family. Each is read at one moment; sources that come or go meanwhile may
    /// or may not be among them. No source is handed over twice, unless it lost its place and got another.
    pub fn for_each(&self, family: usize, each: impl FnMut(SlotRecord)) {
        self.for_each_in(region::SOURCES + family, each);
    }

    /// Hands over every parent prefix of a family.
    pub fn for_each_parent(&self, family: usize, each: impl FnMut(SlotRecord)) {
        self.for_each_in(region::PARENTS + family, each);
    }

    fn for_each_in(&self, region: usize, mut each: impl FnMut(SlotRecord)) {
        let region = self.head.regions[region];
        for set in region.first..region.first + region.sets {
            let Some(set) = self.set(set) else { continue };
            for way in 0..WAYS {
                if let Some(record) = table::record(&set, way) {
                    each(record);
                }
            }
        }
    }

    /// How many sources of a family there are.
    #[must_use]
    pub fn count(&self, family: usize) -> u64 {
        let region = self.head.regions[region::SOURCES + family];
        let sets = (region.first..region.first + region.sets).filter_map(|set| self.set(set));
        sets.map(|set| table::live_ways(&set)).sum()
    }
}
