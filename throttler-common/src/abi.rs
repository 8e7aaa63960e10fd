//! What the XDP program and userspace share through BPF maps: names, sizes, record layouts.
//!
//! Every record is `repr(C)` with explicit padding, without `bool` and `usize`. Addresses lie in
//! memory in network order. A change here that an older program or daemon would misread raises
//! [`ABI_VERSION`], which is part of the pin path: another ABI is never reused.

use crate::reason::Reason;

/// Version of everything in this module; part of the pin path `v<abi>`.
pub const ABI_VERSION: u32 = 1;

/// Names of the maps, as the kernel and the pin directory know them.
pub mod map {
    /// `array[2]` of `u64`, indexed by [`super::active`]: the generation in force, and the pause.
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
    /// LRU hash from [`super::SourceKey`] to [`super::SlotRecord`], IPv4 sources.
    pub const SOURCES_V4: &str = "SOURCES_V4";
    /// LRU hash from [`super::SourceKey`] to [`super::SlotRecord`], IPv6 sources.
    pub const SOURCES_V6: &str = "SOURCES_V6";
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
        SOURCES_V4,
        SOURCES_V6,
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

/// Fraction bits of a tick: theoretical arrival times are kept in 1/64 ns, which spans 9 years of
/// uptime in a `u64`.
pub const TICK_SHIFT: u32 = 6;
/// Ends of classes are kept in units of 2^28 ns (0.27 s), rounded up.
pub const UNTIL_SHIFT: u32 = 28;

/// An address in memory in network order; IPv4 takes the first four bytes, the rest is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addr {
    /// The sixteen bytes as two words of memory (not numbers: their value depends on the host).
    pub words: [u64; 2],
}

impl Addr {
    /// From sixteen bytes in network order.
    #[inline(always)]
    #[must_use]
    pub const fn from_bytes(b: [u8; 16]) -> Self {
        let [
            b0,
            b1,
            b2,
            b3,
            b4,
            b5,
            b6,
            b7,
            b8,
            b9,
            ba,
            bb,
            bc,
            bd,
            be,
            bf,
        ] = b;
        Self {
            words: [
                u64::from_ne_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
                u64::from_ne_bytes([b8, b9, ba, bb, bc, bd, be, bf]),
            ],
        }
    }

    /// From the four bytes of an IPv4 address in network order.
    #[inline(always)]
    #[must_use]
    pub const fn from_v4(b: [u8; 4]) -> Self {
        Self {
            words: [u64::from_ne_bytes([b[0], b[1], b[2], b[3], 0, 0, 0, 0]), 0],
        }
    }

    /// The sixteen bytes in network order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.words[0].to_ne_bytes());
        bytes[8..].copy_from_slice(&self.words[1].to_ne_bytes());
        bytes
    }

    /// The mask that keeps the first `bits` bits, 0 to 128.
    #[must_use]
    pub fn mask(bits: u8) -> Self {
        let bits = u32::from(bits.min(128));
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Self::from_bytes(mask.to_be_bytes())
    }

    /// The bits that the mask keeps.
    #[inline(always)]
    #[must_use]
    pub const fn masked(self, mask: Self) -> Self {
        Self {
            words: [self.words[0] & mask.words[0], self.words[1] & mask.words[1]],
        }
    }
}

/// Indices into the `ACTIVE` map. Each word has one writer of its own and is written in one piece.
pub mod active {
    /// The generation in force, counted from 1; its bank is `generation % 2`. 0: nothing published.
    pub const GENERATION: u32 = 0;
    /// Everything passes until this time, monotonic nanoseconds; `u64::MAX`: until resumed.
    pub const PAUSED_UNTIL: u32 = 1;
}

/// The head of one generation's tables.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyHead {
    /// The generation that these tables are of.
    pub generation: u32,
    /// [`class::tag`](crate::class::tag) of the generation.
    pub tag: u32,
    /// Bits of [`head_flag`].
    pub flags: u32,
    /// Scopes in a plan's run of rows.
    pub row_stride: u32,
    /// What makes a source of an address, by family.
    pub source_mask: [Addr; 2],
    /// The length of `source_mask`, by family.
    pub source_prefix: [u32; 2],
    /// How many destinations are listed, by family.
    pub destinations: [u32; 2],
    /// Cells from one destination class to the next.
    pub destination_stride: u32,
    /// Cells from one protocol class to the next.
    pub protocol_stride: u32,
    /// Protocol number to protocol class.
    pub protocol_class: [u8; 256],
}

/// Bits of [`PolicyHead::flags`].
pub mod head_flag {
    /// At least one `[[sources]]` rule exists, so that classes must be resolved.
    pub const SOURCES: u32 = 1;
}

/// Destination port to port class.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PortClasses {
    /// Indexed by port.
    pub class: [u16; 65_536],
}

/// Scope identifier of each (destination class, protocol class, port class).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Cells {
    /// Indexed by `destination * destination_stride + protocol * protocol_stride + port`.
    pub scope: [u8; MAX_CELLS],
}

/// One destination prefix. A bank lists them longest first, so that the first match is the longest.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// The prefix, host bits zero.
    pub network: Addr,
    /// Its mask.
    pub mask: Addr,
    /// The destination class of what it matches; 0 is kept for what matches none.
    pub class: u32,
    /// Zero.
    pub reserved: u32,
}

/// One limit, ready for the datapath: no division is left to do.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitParams {
    /// Ticks that one unit costs, shifted left by `shift`, rounded up: never admits more than asked.
    pub increment: u64,
    /// Ticks that a full bucket holds: burst times increment.
    pub depth: u64,
    /// Generations since the limit last changed; a slot resolved before that is re-based.
    pub changed_ago: u32,
    /// A [`unit`] code.
    pub unit: u8,
    /// Fraction bits of `increment` beyond a tick's.
    pub shift: u8,
    /// Zero.
    pub reserved: u16,
}

/// Codes of [`LimitParams::unit`].
pub mod unit {
    /// The limit is not set; it charges nothing.
    pub const NONE: u8 = 0;
    /// One a packet.
    pub const PACKETS: u8 = 1;
    /// The L3 length of the packet.
    pub const BYTES: u8 = 2;
    /// One a TCP segment with SYN and without ACK.
    pub const CONNECTIONS: u8 = 3;
}

/// The limits of one scope for one plan.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The limits by their index; a source's arrival times have the same indices.
    pub limits: [LimitParams; MAX_LIMITS],
    /// How many indices are in use.
    pub count: u8,
    /// Bits of [`row_flag`].
    pub flags: u8,
    /// Scope identifier of the layer that must hold as well; 0: none.
    pub layer: u8,
    /// Bit `1 << unit` is set for each unit that a limit charges.
    pub units: u8,
    /// Zero.
    pub reserved: [u32; 7],
}

/// Bits of [`Row::flags`].
pub mod row_flag {
    /// What would be dropped passes as `monitored`.
    pub const MONITOR: u8 = 1;
}

/// Ticks a unit costs, and how many units a tick buys, as normalised fractions: `mantissa * 2^exponent`
/// with the mantissa's top bit set, both rounded down. Two of them give the ratio of two rates without
/// a division; see [`crate::gcra::convert`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Of the ticks a unit costs.
    pub ticks: u32,
    /// Of the units a tick buys.
    pub units: u32,
    /// Exponent of `ticks`.
    pub ticks_exponent: i16,
    /// Exponent of `units`.
    pub units_exponent: i16,
}

impl Scale {
    /// One tick a unit.
    pub const ONE: Self = Self {
        ticks: 1 << 31,
        units: 1 << 31,
        ticks_exponent: -31,
        units_exponent: -31,
    };
}

/// What a limit is and was, for slots that have not been used since it changed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitHistory {
    /// The scale in force.
    pub scale: Scale,
    /// The scale before the latest change.
    pub before: Scale,
    /// [`LimitParams::increment`] before the latest change.
    pub increment_before: u64,
    /// [`LimitParams::depth`] before the latest change.
    pub depth_before: u64,
    /// Generations since the change before the latest one.
    pub changed_before_ago: u32,
    /// [`LimitParams::unit`] before the latest change; [`unit::NONE`] where the limit is new.
    pub unit_before: u8,
    /// [`LimitParams::shift`] before the latest change.
    pub shift_before: u8,
    /// Zero.
    pub reserved: u16,
}

/// The histories of a row's limits.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// By limit index.
    pub limits: [LimitHistory; MAX_LIMITS],
}

/// Key of the class trie: bank and family stand in front of the address, so that one trie serves
/// both generations and an IPv4 address is never mistaken for an IPv6 one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassKey {
    /// Bits that count, from `bank` on: [`CLASS_KEY_LEAD`] plus the length of the prefix.
    pub prefix_len: u32,
    /// 0 or 1.
    pub bank: u8,
    /// 4 or 6.
    pub family: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// The prefix, host bits zero.
    pub addr: Addr,
}

/// Bits of [`ClassKey`] in front of the address.
pub const CLASS_KEY_LEAD: u32 = 32;

/// One rule that covers an address.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStep {
    /// End, in units of 2^28 ns of monotonic time; 0: none.
    pub until: u32,
    /// Index of the `[[sources]]` entry.
    pub rule: u32,
    /// Plan identifier where `kind` is [`class::Kind::Plan`](crate::class::Kind).
    pub plan: u16,
    /// A [`class::Kind`](crate::class::Kind).
    pub kind: u8,
    /// Zero.
    pub reserved: u8,
}

/// The rules that cover a prefix, the most specific first: the first that has not ended counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassChain {
    /// The rules; after the last the step is all zero, which says "no plan, for ever".
    pub steps: [ClassStep; MAX_CLASS_STEPS],
    /// Bits of [`chain_flag`].
    pub flags: u32,
}

/// Bits of [`ClassChain::flags`].
pub mod chain_flag {
    /// Longer prefixes than a source's lie inside: the class depends on the full address.
    pub const MIXED: u32 = 1;
    /// No rule names this very prefix: the entry repeats what covers it, to carry [`MIXED`].
    pub const INHERITED: u32 = 2;
}

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
    /// Limit index; with [`LAYER_LIMIT`] of the layer; [`NO_LIMIT`]: none.
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

/// A piece of the description of a generation: JSON, zero-filled at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DescriptionChunk {
    /// The bytes.
    pub bytes: [u8; DESCRIPTION_CHUNK_BYTES],
}

const _: () = {
    assert!(size_of::<PolicyHead>() == 328);
    assert!(size_of::<Destination>() == 40);
    assert!(size_of::<LimitParams>() == 24);
    assert!(size_of::<Row>() == 128);
    assert!(size_of::<History>() == 192);
    assert!(size_of::<ClassKey>() == 24);
    assert!(size_of::<ClassChain>() == 52);
    assert!(size_of::<SourceKey>() == 24);
    assert!(size_of::<SlotRecord>() == 112);
    assert!(size_of::<ScopeCounters>() == 192);
    assert!(size_of::<Event>() == 64);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_leading_bits() {
        assert_eq!(Addr::mask(0).to_bytes(), [0; 16]);
        assert_eq!(Addr::mask(128).to_bytes(), [0xff; 16]);
        let slash20 = Addr::from_v4([10, 1, 0xff, 7]).masked(Addr::mask(20));
        assert_eq!(&slash20.to_bytes()[..5], &[10, 1, 0xf0, 0, 0]);
    }

    #[test]
    fn addresses_keep_network_order_in_memory() {
        let bytes: [u8; 16] = core::array::from_fn(|i| i as u8);
        assert_eq!(Addr::from_bytes(bytes).to_bytes(), bytes);
    }
}
