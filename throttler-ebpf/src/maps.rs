//! The maps. Their names are the statics' names and those of [`throttler_common::abi::map`].

use aya_ebpf::{
    bindings::BPF_F_MMAPABLE,
    btf_maps::{Array, LpmTrie, PerCpuArray, RingBuf},
    macros::btf_map,
};
use throttler_common::abi::{
    self, Cells, ClassChain, DescriptionChunk, Destination, Event, History, PolicyHead,
    PortClasses, Row, ScopeCounters, Set, Stats, TableHead,
};

use crate::arrival::Arrival;

#[btf_map]
pub(crate) static ACTIVE: Array<u64, { abi::active::COUNT }> = Array::new();
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
#[btf_map]
pub(crate) static TABLE: Array<TableHead, 1> = Array::new();
/// Sized by the loader.
#[btf_map]
pub(crate) static SOURCES: Array<Set, 1, { BPF_F_MMAPABLE as usize }> = Array::new();
/// Not pinned: a packet's own.
#[btf_map]
pub(crate) static ARRIVAL: PerCpuArray<Arrival, 1> = PerCpuArray::new();
#[btf_map]
pub(crate) static EVENTS: RingBuf<Event, { abi::EVENT_RING_BYTES }> = RingBuf::new();
#[btf_map]
pub(crate) static DESCRIPTION: Array<DescriptionChunk, { abi::BANKS * abi::DESCRIPTION_CHUNKS }> =
    Array::new();
