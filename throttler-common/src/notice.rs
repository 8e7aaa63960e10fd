//! What the datapath tells the daemon.

use crate::abi::{Addr, NO_LIMIT, PARENT_MASK, PolicyHead};
use crate::parse::Packet;
use crate::reason::Reason;

/// What happened. The discriminant is part of the map ABI ([`crate::abi::Event::kind`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Packets of a source were refused.
    Refusal = 0,
    /// A source was banned.
    Ban = 1,
    /// Its ban is over.
    Unban = 2,
    /// A whole prefix was banned, for the bans of its sources.
    WiderBan = 3,
    /// That ban is over.
    WiderUnban = 4,
    /// A source found no room in the table.
    Pressure = 5,
}

impl Kind {
    /// How many there are.
    pub const COUNT: usize = 6;

    /// All, in the order of their discriminants.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Refusal,
        Self::Ban,
        Self::Unban,
        Self::WiderBan,
        Self::WiderUnban,
        Self::Pressure,
    ];

    /// The kind with this discriminant.
    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

/// Something to tell of a packet's source, or of its parent prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What happened.
    pub kind: Kind,
    /// The reason without monitor mode.
    pub reason: Reason,
    /// Whether monitor mode let it pass.
    pub monitored: bool,
    /// The scope.
    pub scope: u8,
    /// The limit, as [`crate::abi::Event::limit`].
    pub limit: u8,
    /// The source's plan; 0: none.
    pub plan: u16,
    /// Nanoseconds until one more unit conforms, or that a ban lasts.
    pub retry_after: u64,
    /// Refusals not told of before; below 2^24.
    pub refused: u64,
    /// Refusals in all.
    pub refused_total: u64,
    /// Bans so far, less those forgiven.
    pub bans: u64,
}

impl Notice {
    /// Nothing but what happened, to whom.
    #[inline(always)]
    #[must_use]
    pub const fn new(kind: Kind, scope: u8, plan: u16) -> Self {
        Self {
            kind,
            reason: Reason::Banned,
            monitored: false,
            scope,
            limit: NO_LIMIT,
            plan,
            retry_after: 0,
            refused: 0,
            refused_total: 0,
            bans: 0,
        }
    }

    /// Whom it is about: the packet's source, or its parent prefix.
    #[inline(always)]
    #[must_use]
    pub const fn source(&self, head: &PolicyHead, packet: &Packet) -> Addr {
        let family = packet.family().index();
        packet.source.masked(match self.kind {
            Kind::WiderBan | Kind::WiderUnban => PARENT_MASK[family],
            Kind::Refusal | Kind::Ban | Kind::Unban | Kind::Pressure => head.source_mask[family],
        })
    }
}
