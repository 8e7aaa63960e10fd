//! Per-source state, counters and events.

use super::{Addr, MAX_LIMITS};
use crate::reason::Reason;

/// Key of the source table.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SourceKey {
    /// The address, masked to the source prefix.
    pub addr: Addr,
    /// Scope or layer identifier.
    pub scope: u32,
    /// Zero.
    pub reserved: u32,
}

/// Packets and their bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Packets.
    pub packets: u64,
    /// L3 bytes.
    pub bytes: u64,
}

/// A source's state for one scope (or layer).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotRecord {
    /// Theoretical arrival times in ticks, by limit index.
    pub tat: [u64; MAX_LIMITS],
    /// The resolved class: a [`class::Word`](crate::class::Word).
    pub class: u64,
    /// Last packet, monotonic nanoseconds.
    pub last_seen: u64,
    /// End of a ban, monotonic nanoseconds; 0: none. Written by nobody yet.
    pub ban_until: u64,
    /// Last event, monotonic nanoseconds; 0: none.
    pub event_at: u64,
    /// Refusals that earlier events have told of.
    pub told: u64,
    /// Refusals, also those that monitor mode let pass.
    pub refused: u64,
    /// What passed.
    pub passed: Tally,
    /// What was dropped.
    pub dropped: Tally,
}

impl SlotRecord {
    /// A source that nothing is known of: every bucket is full.
    pub const EMPTY: Self = Self {
        tat: [0; MAX_LIMITS],
        class: 0,
        last_seen: 0,
        ban_until: 0,
        event_at: 0,
        told: 0,
        refused: 0,
        passed: Tally {
            packets: 0,
            bytes: 0,
        },
        dropped: Tally {
            packets: 0,
            bytes: 0,
        },
    };
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
    /// Packets refused because the bounded retries of a compare-and-swap ran out.
    pub contended: u64,
    /// Classes resolved through the trie.
    pub resolved: u64,
    /// Slots taken for a source not known before.
    pub claimed: u64,
}

/// One refusal, as told to the daemon.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Monotonic nanoseconds.
    pub at: u64,
    /// The source.
    pub source: Addr,
    /// Refusals of this source and scope since the last event about them, this one included.
    pub refused: u64,
    /// Refusals in all.
    pub refused_total: u64,
    /// Nanoseconds until one more unit conforms; 0 where no limit refused.
    pub retry_after: u64,
    /// The generation that decided.
    pub generation: u32,
    /// Interface index.
    pub ifindex: u32,
    /// Plan identifier; 0: none.
    pub plan: u16,
    /// Scope identifier.
    pub scope: u8,
    /// Limit index; with [`super::LAYER_LIMIT`] of the layer; [`super::NO_LIMIT`]: none.
    pub limit: u8,
    /// The [`Reason`] that the packet would have ended in without monitor mode.
    pub reason: u8,
    /// 4 or 6.
    pub family: u8,
    /// 1: monitor mode let it pass.
    pub monitored: u8,
    /// Zero.
    pub reserved: u8,
}
