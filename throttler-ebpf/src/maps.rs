//! The maps. Their names are the statics' names and those of [`throttler_common::abi::map`].

use aya_ebpf::{
    btf_maps::{Array, LpmTrie, LruHashMap, PerCpuArray, RingBuf},
    macros::btf_map,
};
use throttler_common::abi::{
    self, Cells, ClassChain, DescriptionChunk, Destination, Event, History, PolicyHead,
    PortClasses, Row, ScopeCounters, SlotRecord, SourceKey, Stats,
};

#[btf_map]
pub(crate) static ACTIVE: Array<u64, 2> = Array::new();
#[btf_map]
pub(crate) static HEADS: Array<PolicyHead, { abi::BANKS }> = Array::new();
#[btf_map]
pub(crate) static PORT_CLASSES: Array<PortClasses, { abi::BANKS }> = Array::new();
#[btf_map]
pub(crate) static CELLS: Array<Cells, { abi::BANKS }> = Array::new();
#[btf_map]
pub(crate) static DESTINATIONS: Array<Destination, { abi::BANKS * 2 * abi::MAX_DESTINATIONS }> =
    Array::new();
#[btf_map]
pub(crate) static ROWS: Array<Row, { abi::BANKS * abi::MAX_ROWS }> = Array::new();
#[btf_map]
pub(crate) static HISTORIES: Array<History, { abi::BANKS * abi::MAX_ROWS }> = Array::new();
/// The key behind the prefix length is `ClassKey` without its first field.
#[btf_map]
pub(crate) static CLASSES: LpmTrie<[u8; 20], ClassChain, { abi::MAX_CLASSES }> = LpmTrie::new();
#[btf_map]
pub(crate) static COUNTERS: PerCpuArray<ScopeCounters, { abi::MAX_SCOPES }> = PerCpuArray::new();
#[btf_map]
pub(crate) static STATS: PerCpuArray<Stats, 1> = PerCpuArray::new();
/// Sized by the loader, as is its sibling.
#[btf_map]
pub(crate) static SOURCES_V4: LruHashMap<SourceKey, SlotRecord, 1024> = LruHashMap::new();
#[btf_map]
pub(crate) static SOURCES_V6: LruHashMap<SourceKey, SlotRecord, 1024> = LruHashMap::new();
#[btf_map]
pub(crate) static EVENTS: RingBuf<Event, { abi::EVENT_RING_BYTES }> = RingBuf::new();
#[btf_map]
pub(crate) static DESCRIPTION: Array<DescriptionChunk, { abi::BANKS * abi::DESCRIPTION_CHUNKS }> =
    Array::new();
