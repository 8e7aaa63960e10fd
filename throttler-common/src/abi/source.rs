//! Per-source state, counters and events.

use super::{Addr, MAX_LIMITS, Row};
use crate::reason::Reason;

/// Packets and their bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// L3 bytes.
    pub bytes: u64,
}

/// Ways of a set: sources that it has room for.
pub const WAYS: usize = 8;
/// 64-bit words of a set: 128 bytes a source, its key included.
pub const SET_WORDS: usize = 128;

/// A set of the source table; [`crate::table::layout`] says which word is what.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
pub struct Set {
    /// The words.
    pub words: [u64; SET_WORDS],
}

/// A run of sets.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Region {
    /// Index of the first.
    pub first: u32,
    /// How many.
    pub sets: u32,
}

/// Indices into [`TableHead::regions`].
pub mod region {
    /// Sources; add [`Family::index`](crate::Family::index).
    pub const SOURCES: usize = 0;
    /// Their parent prefixes, used under pressure and for wider bans; add the family's index.
    pub const PARENTS: usize = 2;
    /// One set a family: way 0 stands for all newcomers under pressure.
    pub const NEWCOMERS: usize = 4;
    /// One set a scope: way 0 is the bucket of its `global` limits, way 1 the share kept for
    /// `protected` plans.
    pub const GLOBALS: usize = 5;
    /// How many regions there are.
    pub const COUNT: usize = 6;
}

/// How the source table is laid out. Written once, before the program is attached.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableHead {
    /// Random words that key the hash.
    pub seed: [u64; 7],
    /// The runs of sets; see [`region`].
    pub regions: [Region; region::COUNT],
    /// Zero.
    pub reserved: [u64; 3],
    /// What newcomers of a family may send in all while the table is under pressure.
    pub admission: Row,
}

/// One source's state in one scope (or layer), as read from the table at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotRecord {
    /// The address, masked.
    pub addr: Addr,
    /// Scope or layer identifier.
    pub scope: u8,
    /// Seen at least twice.
    pub twice: bool,
    /// Last packet, monotonic nanoseconds, rounded down to 2^26 (67 ms).
    pub last_seen: u64,
    /// Theoretical arrival times in ticks, by limit index.
    pub tat: [u64; MAX_LIMITS],
    /// The resolved class: a [`class::Word`](crate::class::Word).
    pub class: u64,
    /// The latest ban: a [`crate::ban::Ban`].
    pub ban: u64,
    /// Refusals in the window: a [`crate::ban::Strikes`]. While a ban holds, it began when the window did.
    pub strikes: u64,
    /// Refusals, also those that monitor mode let pass.
    pub refused: u64,
    /// What passed.
    pub passed: Tally,
    /// What was dropped.
    pub dropped: Tally,
}

/// Counters of one scope, indexed by [`Reason`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeCounters {
    /// Indexed by the reason's discriminant.
    pub by_reason: [Tally; Reason::COUNT],
}

/// Counters that belong to no scope.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events written to the ring.
    pub events_sent: u64,
    /// Events that found the ring full.
    pub events_lost: u64,
    /// Packets refused because other CPUs held their bucket or set for all attempts.
    pub contended: u64,
    /// Classes resolved through the trie.
    pub resolved: u64,
    /// Ways given to new sources.
    pub claimed: u64,
    /// Bans given.
    pub bans: u64,
    /// Packets of sources that found no room in the table, and passed.
    pub newcomers: u64,
}

/// Something told to the daemon.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Monotonic nanoseconds.
    pub at: u64,
    /// The source, or the prefix of a wider ban.
    pub source: Addr,
    /// Refusals of this source and scope since the last event about them, this one included; below 2^24.
    pub refused: u32,
    /// Bans of this source so far, less those forgiven.
    pub bans: u32,
    /// Refusals in all.
    pub refused_total: u64,
    /// Nanoseconds until one more unit conforms, or that the ban lasts; 0 where neither is meant.
    pub retry_after: u64,
    /// The generation that decided.
    pub generation: u32,
    /// Interface index.
    pub ifindex: u32,
    /// Plan identifier; 0: none.
    pub plan: u16,
    /// Scope identifier.
    pub scope: u8,
    /// Limit index; with [`super::LAYER_LIMIT`] of the layer, with [`super::GLOBAL_LIMIT`] of the
    /// scope's `global` limits; [`super::NO_LIMIT`]: none.
    pub limit: u8,
    /// The [`Reason`] that the packet would have ended in without monitor mode.
    pub reason: u8,
    /// 4 or 6.
    pub family: u8,
    /// 1: monitor mode let it pass.
    pub monitored: u8,
    /// A [`crate::notice::Kind`].
    pub kind: u8,
}
