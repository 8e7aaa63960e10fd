//! The maps of one interface, opened from their pins.

use std::path::Path;

use anyhow::Result;
use throttler_common::abi::{
    self, Cells, ClassChain, ClassKey, DescriptionChunk, Destination, History, PolicyHead,
    PortClasses, Row, ScopeCounters, Stats, TableHead, map,
};

use super::geometry;
use super::map::Map;
use super::pins;
use super::sources::Sources;

/// One interface's maps.
#[derive(Debug)]
pub struct Tables {
    /// Generation and pause.
    pub active: Map<u32, u64>,
    /// Heads.
    pub heads: Map<u32, PolicyHead>,
    /// Port classes.
    pub port_classes: Map<u32, PortClasses>,
    /// Cells.
    pub cells: Map<u32, Cells>,
    /// Destinations.
    pub destinations: Map<u32, Destination>,
    /// Rows.
    pub rows: Map<u32, Row>,
    /// Histories.
    pub histories: Map<u32, History>,
    /// Classes.
    pub classes: Map<ClassKey, ClassChain>,
    /// Counters.
    pub counters: Map<u32, ScopeCounters>,
    /// Statistics.
    pub stats: Map<u32, Stats>,
    /// The source table.
    pub sources: Sources,
    /// Descriptions.
    pub description: Map<u32, DescriptionChunk>,
}

impl Tables {
    /// Opens the maps pinned in a directory.
    ///
    /// # Errors
    /// A map missing, or of another size than this version's.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_both(dir, dir)
    }

    /// The same with the source table from another directory.
    ///
    /// # Errors
    /// As [`Tables::open`].
    pub fn open_both(dir: &Path, sources: &Path) -> Result<Self> {
        Ok(Self {
            active: Map::open(&dir.join(map::ACTIVE))?,
            heads: Map::open(&dir.join(map::HEADS))?,
            port_classes: Map::open(&dir.join(map::PORT_CLASSES))?,
            cells: Map::open(&dir.join(map::CELLS))?,
            destinations: Map::open(&dir.join(map::DESTINATIONS))?,
            rows: Map::open(&dir.join(map::ROWS))?,
            histories: Map::open(&dir.join(map::HISTORIES))?,
            classes: Map::open(&dir.join(map::CLASSES))?,
            counters: Map::open(&dir.join(map::COUNTERS))?,
            stats: Map::open(&dir.join(map::STATS))?,
            sources: Self::sources(sources)?,
            description: Map::open(&dir.join(map::DESCRIPTION))?,
        })
    }

    /// The source table pinned in a directory. Where a daemon was killed while another one took its place, the table is
    /// there already and what says how it is laid out is still staged.
    fn sources(dir: &Path) -> Result<Sources> {
        let head = Self::head(dir)?;
        let staged = Self::head(&pins::staging(dir));
        for head in [Some(head), staged.ok()].into_iter().flatten() {
            if let Ok(sources) = Sources::open(dir, head)
                && sources.is_whole()
            {
                return Ok(sources);
            }
        }
        Sources::open(dir, head)
    }

    /// How the source table pinned in a directory is laid out.
    ///
    /// # Errors
    /// As [`Tables::open`].
    pub fn head(dir: &Path) -> Result<TableHead> {
        let map: Map<u32, TableHead> = Map::open(&dir.join(map::TABLE))?;
        Ok(map.get(&0)?.unwrap_or_default())
    }

    /// Bytes of kernel memory that the maps take at their limits: keys, values and what the kernel
    /// adds to an entry (kernel/bpf/hashtab.c, lpm_trie.c); the class trie only as far as it is used.
    #[must_use]
    pub fn memory(max_sources: u64, prefixes: u64) -> u64 {
        // A trie node: 40 bytes, key and value, and at most one inner node each.
        let prefix = 2 * (40 + (size_of::<ClassKey>() + size_of::<ClassChain>()) as u64);
        let banks = abi::BANKS as u64;
        geometry::bytes(u32::try_from(max_sources).unwrap_or(u32::MAX))
            + banks * prefixes * prefix
            + banks * (size_of::<PortClasses>() + size_of::<Cells>()) as u64
            + banks * (abi::MAX_ROWS * (size_of::<Row>() + size_of::<History>())) as u64
            + banks * (abi::DESCRIPTION_CHUNKS * abi::DESCRIPTION_CHUNK_BYTES) as u64
            + abi::EVENT_RING_BYTES as u64
    }
}
