//! What can be said of a packet without its source: its scope, and whether anything charges it there.

use super::spared;
use crate::abi::{Row, head_flag, row_flag};
use crate::charge;
use crate::clock::Clock;
use crate::parse::{Kind, Packet};
use crate::policy::Policies;
use crate::reason::Reason;
use crate::scope;

/// Outcome of [`begin`], in one word for the kernel's calls between functions: a reason, unless the
/// packet's source matters, the scope, and the layer that the packet is charged to (8 bits each).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun(pub u32);

impl Begun {
    const UNDECIDED: u32 = 0xff;

    #[inline(always)]
    const fn new(reason: Reason, scope: u8) -> Self {
        Self(reason as u32 | (scope as u32) << 8)
    }

    /// The reason, if the packet's source does not matter.
    #[inline(always)]
    #[must_use]
    pub fn decided(self) -> Option<Reason> {
        Reason::from_index(self.0 as u8)
    }

    /// The scope.
    #[inline(always)]
    #[must_use]
    pub const fn scope(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// The layer that must hold as well; 0: none.
    #[inline(always)]
    #[must_use]
    pub const fn layer(self) -> u8 {
        (self.0 >> 16) as u8
    }
}

/// First step: the packet's scope, and whatever can be decided without its source.
#[inline(always)]
pub fn begin<C: Clock, P: Policies>(packet: &Packet, clock: &C, policy: &P) -> Begun {
    let paused = clock.coarse() < policy.paused_until();
    let Some(head) = policy.head() else {
        // Nothing is attached before the first publish; a map read that fails says the same.
        return Begun::new(Reason::Paused, 0);
    };
    match packet.kind {
        Kind::NotIp => return Begun::new(Reason::NotIp, 0),
        Kind::Malformed if paused => {
            return Begun::new(Reason::Paused, 0);
        }
        Kind::Malformed => {
            let reason = spared(Reason::Malformed, policy.row(0));
            return Begun::new(reason, 0);
        }
        Kind::V4 | Kind::V6 => {}
    }
    let scope = scope::classify(policy, head, packet);
    if paused {
        return Begun::new(Reason::Paused, scope);
    }
    let row = policy.row(u32::from(scope));
    if head.flags & head_flag::SOURCES == 0 && row.is_none_or(|row| !is_limited(row)) {
        // Nobody has a class and nothing is limited: no slot to keep.
        return Begun::new(Reason::Unlimited, scope);
    }
    let mut layer = 0;
    if let Some(row) = row
        && row.layer != 0
        && let Some(layer_row) = policy.row(u32::from(row.layer))
        && charge::charges(layer_row, packet)
    {
        // A plan may lift the layer's limits, or change them, but not what they count.
        layer = row.layer;
    }
    Begun(Begun::UNDECIDED | u32::from(scope) << 8 | u32::from(layer) << 16)
}

#[inline(always)]
pub(super) const fn is_limited(row: &Row) -> bool {
    row.count != 0 || row.layer != 0 || row.flags & row_flag::GLOBAL != 0
}
