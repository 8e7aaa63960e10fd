//! The one reason that every packet ends in.

/// What becomes of the packet at the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The packet goes on to the kernel (`XDP_PASS`).
    Pass,
    /// The packet is dropped before a packet buffer exists for it (`XDP_DROP`).
    Drop,
}

/// Why a packet passed or was dropped. The discriminant is the index into a scope's counters
/// ([`crate::abi::ScopeCounters`]), so it is part of the map ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// All limits of the scope held, or none of them charges this packet.
    Conforming = 0,
    /// The scope sets no limit for this source.
    Unlimited = 1,
    /// The source is exempt.
    Exempt = 2,
    /// Not IPv4 or IPv6 (ARP, LLDP, ...).
    NotIp = 3,
    /// Would have been dropped; its scope is in monitor mode.
    Monitored = 4,
    /// `throttler pause` is in force.
    Paused = 5,
    /// A limit of the scope or of its layer refused.
    OverLimit = 6,
    /// A limit for all sources together refused.
    GlobalLimit = 7,
    /// The source is on the block list.
    Blocked = 8,
    /// The source is banned for repeated refusals.
    Banned = 9,
    /// The frame is shorter than its own headers claim, or its headers contradict themselves.
    Malformed = 10,
    /// No slot of the source table could be had for the source.
    TableFull = 11,
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = 12;

    /// Every reason, in the order of their discriminants.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Conforming,
        Self::Unlimited,
        Self::Exempt,
        Self::NotIp,
        Self::Monitored,
        Self::Paused,
        Self::OverLimit,
        Self::GlobalLimit,
        Self::Blocked,
        Self::Banned,
        Self::Malformed,
        Self::TableFull,
    ];

    /// What becomes of a packet that ends in this reason.
    #[inline(always)]
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Conforming
            | Self::Unlimited
            | Self::Exempt
            | Self::NotIp
            | Self::Monitored
            | Self::Paused => Verdict::Pass,
            Self::OverLimit
            | Self::GlobalLimit
            | Self::Blocked
            | Self::Banned
            | Self::Malformed
            | Self::TableFull => Verdict::Drop,
        }
    }

    /// The name that JSON, tables and metrics use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Conforming => "conforming",
            Self::Unlimited => "unlimited",
            Self::Exempt => "exempt",
            Self::NotIp => "not_ip",
            Self::Monitored => "monitored",
            Self::Paused => "paused",
            Self::OverLimit => "over_limit",
            Self::GlobalLimit => "global_limit",
            Self::Blocked => "blocked",
            Self::Banned => "banned",
            Self::Malformed => "malformed",
            Self::TableFull => "table_full",
        }
    }

    /// The reason with this discriminant; `None` from [`Self::COUNT`] on.
    #[must_use]
    pub fn from_index(index: u8) -> Option<Self> {
        Self::ALL.get(usize::from(index)).copied()
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_names_and_verdicts_agree() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            assert_eq!(Reason::from_index(index as u8), Some(reason));
        }
        assert_eq!(Reason::from_index(Reason::COUNT as u8), None);
        assert_eq!(Reason::Monitored.verdict(), Verdict::Pass);
        assert_eq!(Reason::TableFull.verdict(), Verdict::Drop);
    }
}
