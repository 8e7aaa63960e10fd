//! What the XDP program and userspace share through BPF maps: names, sizes, record layouts.
//!
//! Every record is `repr(C)` with explicit padding, without `bool` and `usize`. Addresses lie in
//! memory in network order. A change here that an older program or daemon would misread raises
//! [`ABI_VERSION`], which is part of the pin path: another ABI is never reused.

mod addr;
mod class;
mod history;
mod policy;
mod source;

pub use addr::Addr;
pub use class::{CLASS_KEY_LEAD, ClassChain, ClassKey, ClassStep, chain_flag};
pub use history::{History, LimitHistory, Scale};
pub use policy::{
    AbuseParams, Cells, DescriptionChunk, Destination, LimitParams, PolicyHead, PortClasses, Row,
    active, head_flag, row_flag, unit,
};
pub use source::{
    Event, Region, SET_WORDS, ScopeCounters, Set, SlotRecord, Stats, TableHead, Tally, WAYS, region,
};

/// Version of everything in this module; part of the pin path `v<abi>`.
pub const ABI_VERSION: u32 = 2;

/// Names of the maps, as the kernel and the pin directory know them.
pub mod map {
    /// `array[8]` of `u64`, indexed by [`super::active`]: the generation in force, the pause, a mark, and the canaries.
    pub const ACTIVE: &str = "ACTIVE";
    /// `array[2]` of [`super::PolicyHead`], one a bank.
    pub const HEADS: &str = "HEADS";
    /// `array[2]` of [`super::PortClasses`], one a bank.
    pub const PORT_CLASSES: &str = "PORT_CLASSES";
    /// `array[2]` of [`super::Cells`], one a bank.
    pub const CELLS: &str = "CELLS";
    /// `array[2 * 2 * 64]` of [`super::Destination`]: bank, family, index.
    pub const DESTINATIONS: &str = "DESTINATIONS";
    /// `array[2 * 4096]` of [`super::Row`]: bank, plan, scope.
    pub const ROWS: &str = "ROWS";
    /// `array[2 * 4096]` of [`super::History`], beside the rows; read only when a slot is re-based.
    pub const HISTORIES: &str = "HISTORIES";
    /// LPM trie from [`super::ClassKey`] to [`super::ClassChain`].
    pub const CLASSES: &str = "CLASSES";
    /// Per-CPU `array[256]` of [`super::ScopeCounters`].
    pub const COUNTERS: &str = "COUNTERS";
    /// Per-CPU `array[1]` of [`super::Stats`].
    pub const STATS: &str = "STATS";
    /// `array[1]` of [`super::TableHead`].
    pub const TABLE: &str = "TABLE";
    /// `array` of [`super::Set`], which userspace maps: the source table.
    pub const SOURCES: &str = "SOURCES";
    /// Ring buffer of [`super::Event`].
    pub const EVENTS: &str = "EVENTS";
    /// `array[2 * 256]` of [`super::DescriptionChunk`], for userspace alone: names of one generation.
    pub const DESCRIPTION: &str = "DESCRIPTION";
    /// All of them.
    pub const ALL: [&str; 14] = [
        ACTIVE,
        HEADS,
        PORT_CLASSES,
        CELLS,
        DESTINATIONS,
        ROWS,
        HISTORIES,
        CLASSES,
        COUNTERS,
        STATS,
        TABLE,
        SOURCES,
        EVENTS,
        DESCRIPTION,
    ];
}

/// Generations alternate between two banks of tables; a publish writes the one not in force.
pub const BANKS: usize = 2;
/// Scope and layer identifiers are 0 to 255; 0 is the `default` scope.
pub const MAX_SCOPES: usize = 256;
/// Limits of one scope or layer.
pub const MAX_LIMITS: usize = 4;
/// Plan identifiers are 0 (no plan) to 1023.
pub const MAX_PLANS: usize = 1024;
/// Rows of one bank: plans times scopes.
pub const MAX_ROWS: usize = 4096;
/// Distinct destination prefixes of one bank and family.
pub const MAX_DESTINATIONS: usize = 64;
/// Cells of one bank: destination classes times protocol classes times port classes.
pub const MAX_CELLS: usize = 65_536;
/// Class rules that may cover one address: up to three that end, and one that stays.
pub const MAX_CLASS_STEPS: usize = 4;
/// Entries of the class trie, over both banks. Memory is taken an entry at a time.
pub const MAX_CLASSES: usize = 4_194_304;
/// Bytes of the event ring.
pub const EVENT_RING_BYTES: usize = 1 << 20;
/// Chunks of [`DescriptionChunk`] a bank.
pub const DESCRIPTION_CHUNKS: usize = 256;
/// Bytes of one chunk.
pub const DESCRIPTION_CHUNK_BYTES: usize = 4096;
/// A limit index that names no limit.
pub const NO_LIMIT: u8 = 0xff;
/// Added to a limit's index where the limit is the layer's, not the scope's.
pub const LAYER_LIMIT: u8 = 0x80;

/// Added to a limit's index where it is one of the scope's `global` limits.
pub const GLOBAL_LIMIT: u8 = 0x40;

/// Parent prefixes, in bits, by family: what an overflowing source is charged to, and what a wider ban
/// takes in.
pub const PARENT_PREFIX: [u8; 2] = [24, 48];
/// Their masks.
pub const PARENT_MASK: [Addr; 2] = [
    Addr::from_v4([0xff, 0xff, 0xff, 0]),
    Addr::from_bytes([
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ]),
];
/// Times of last packets are kept in units of 2^26 ns (67 ms).
pub const SEEN_SHIFT: u32 = 26;
/// Fraction bits of a tick: theoretical arrival times are kept in 1/64 ns, which spans 9 years of
/// uptime in a `u64`.
pub const TICK_SHIFT: u32 = 6;
/// Ends of classes are kept in units of 2^28 ns (0.27 s), rounded up.
pub const UNTIL_SHIFT: u32 = 28;

const _: () = {
    assert!(size_of::<PolicyHead>() == 376);
    assert!(size_of::<Destination>() == 40);
    assert!(size_of::<LimitParams>() == 24);
    assert!(size_of::<Row>() == 128);
    assert!(size_of::<History>() == 192);
    assert!(size_of::<ClassKey>() == 24);
    assert!(size_of::<ClassChain>() == 52);
    assert!(size_of::<Set>() == 1024);
    assert!(size_of::<Set>() / WAYS == 128);
    assert!(size_of::<TableHead>() == 256);
    assert!(size_of::<Stats>() == 56);
    assert!(size_of::<ScopeCounters>() == 192);
    assert!(size_of::<Event>() == 64);
};
