//! One generation's tables: what the classifier and the limits read.

use super::{Addr, DESCRIPTION_CHUNK_BYTES, MAX_CELLS, MAX_LIMITS};

/// Indices into the `ACTIVE` map. Each word has one writer of its own and is written in one piece.
pub mod active {
    /// The generation in force, counted from 1; its bank is `generation % 2`. 0: nothing published.
    pub const GENERATION: u32 = 0;
    /// Everything passes until this time, monotonic nanoseconds; `u64::MAX`: until resumed.
    pub const PAUSED_UNTIL: u32 = 1;
    /// Not 0 while the class trie holds prefixes of a generation that is not in force: during a publish, and
    /// after one that was interrupted. For the publisher alone.
    pub const UNCLEAN: u32 = 2;
    /// Odd while the daemon runs a canary through the program, even otherwise: what it counts is then under way to the
    /// words that follow. For the daemon and reports alone.
    pub const CANARY: u32 = 3;
    /// Canaries that the `default` scope counted as malformed. Like the next three for reports alone, which take them off.
    pub const CANARIES_MALFORMED: u32 = 4;
    /// As blocked.
    pub const CANARIES_BLOCKED: u32 = 5;
    /// As monitored.
    pub const CANARIES_MONITORED: u32 = 6;
    /// As paused.
    pub const CANARIES_PAUSED: u32 = 7;
    /// How many words there are.
    pub const COUNT: usize = 8;
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
    /// Index of the row of scope 0's `global` limits; those of the other scopes follow.
    pub global_rows: u32,
    /// Index of the row of scope 0's share for protected plans; those of the other scopes follow.
    pub reserved_rows: u32,
    /// When the datapath bans.
    pub abuse: AbuseParams,
}

/// When the datapath bans, and for how long. Times are in moments
/// ([`ban::MOMENT_SHIFT`](crate::ban::MOMENT_SHIFT)).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbuseParams {
    /// Refusals that make a ban; 0: none does.
    pub refusals: u32,
    /// Banned sources of one parent prefix that have it banned; 0: none does.
    pub wider_sources: u32,
    /// The time in which the refusals count.
    pub within: u64,
    /// The first ban.
    pub ban_for: u64,
    /// The longest.
    pub ban_max: u64,
    /// The time in which the banned sources count.
    pub wider_within: u64,
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
    /// A [`mod@unit`] code.
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
    /// The index of the limit where `count` is 1.
    pub lone: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// [`class::tag`](crate::class::tag) of the generation.
    pub tag: u32,
    /// Zero.
    pub reserved2: [u32; 5],
}

/// Bits of [`Row::flags`].
pub mod row_flag {
    /// What would be dropped passes as `monitored`.
    pub const MONITOR: u8 = 1;
    /// The scope has `global` limits.
    pub const GLOBAL: u8 = 2;
    /// The plan is served from the share that they keep for protected plans first.
    pub const PROTECTED: u8 = 4;
}

/// A piece of the description of a generation: JSON, zero-filled at the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct DescriptionChunk {
    /// The bytes.
    pub bytes: [u8; DESCRIPTION_CHUNK_BYTES],
}
