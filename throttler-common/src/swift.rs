//! The way that most packets take, in one piece: a source that is known and where it should be, with the
//! class in force, held to its own limits alone. A function call costs the kernel as much as a limit, and
//! this has one for each further limit at most. Whatever takes more is left to the steps of
//! [`crate::decide`], with nothing changed.

use crate::abi::{NO_LIMIT, PolicyHead, row_flag};
use crate::abuse;
use crate::ban::moment;
use crate::charge;
use crate::class::Kind;
use crate::clock::Clock;
use crate::decide::{Begun, Decision, NO_REFUSAL, plain, refuse, row_index};
use crate::lookup;
use crate::parse::Packet;
use crate::policy::Policies;
use crate::reason::Reason;
use crate::refuse::Refusal;
use crate::slot::Slots;
use crate::table;

/// A decision in one word, or none: reason, scope, limit (8 bits each), widen (1 bit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Swift(pub u32);

impl Swift {
    /// It takes more.
    pub const UNDECIDED: Self = Self(0xff);
    /// It takes more, and the source surely has no way in the table.
    pub const UNKNOWN: Self = Self(0xfe);
    /// The bit of [`Decision::widen`].
    pub const WIDEN: u32 = 1 << 24;

    /// Packs.
    #[inline(always)]
    #[must_use]
    pub const fn new(decision: Decision) -> Self {
        Self(
            decision.reason as u32
                | (decision.scope as u32) << 8
                | (decision.limit as u32) << 16
                | (decision.widen as u32) << 24,
        )
    }

    /// The decision on a packet of `length` bytes, if there is one.
    #[inline(always)]
    #[must_use]
    pub fn decision(self, length: u32) -> Option<Decision> {
        Reason::from_index(self.0 as u8).map(|reason| Decision {
            reason,
            scope: (self.0 >> 8) as u8,
            limit: (self.0 >> 16) as u8,
            length,
            widen: self.0 & Self::WIDEN != 0,
        })
    }
}

/// Decides on the packet if that takes no more than said above.
#[inline(always)]
pub fn decide<C: Clock, P: Policies, S: Slots>(
    head: &PolicyHead,
    packet: &Packet,
    begun: Begun,
    clock: &C,
    policy: &P,
    slots: &S,
) -> Swift {
    if begun.layer() != 0 {
        return Swift::UNDECIDED;
    }
    let scope = begun.scope();
    let Some(found) = lookup::glance(head, slots, packet, clock, scope) else {
        return Swift::UNDECIDED;
    };
    if found.way.handle == table::ABSENT {
        return Swift::UNKNOWN;
    }
    if !found.is_known() {
        return Swift::UNDECIDED;
    }
    let (way, word, ban) = (found.way, found.class, found.ban);
    let at = moment(clock.coarse());
    if ban.is_over_untold(at) {
        return Swift::UNDECIDED;
    }
    let mut refusal = Refusal {
        why: Reason::Banned,
        monitored: false,
        scope,
        plan: word.plan(),
        refused: NO_REFUSAL,
    };
    let passes = match word.kind() {
        Kind::Mixed => return Swift::UNDECIDED,
        Kind::Exempt => Some(Reason::Exempt),
        Kind::Block => {
            refusal.why = Reason::Blocked;
            None
        }
        Kind::Plan if ban.is_on(at) => None,
        Kind::Plan => {
            if head.abuse.wider_sources != 0 && abuse::may_prefix_be_banned(slots, packet, at) {
                return Swift::UNDECIDED;
            }
            let Some(row) = policy.row(row_index(head, word.plan(), scope)) else {
                return Swift::UNDECIDED;
            };
            if row.layer != 0 || row.flags & row_flag::GLOBAL != 0 {
                return Swift::UNDECIDED;
            }
            let charged = match row.count {
                0 => Ok(()),
                1 => charge::admit_lone(row, &way, packet, clock),
                _ => slots.admit(row, &way, packet, clock),
            };
            match charged {
                Ok(()) if row.count == 0 => Some(Reason::Unlimited),
                Ok(()) => Some(Reason::Conforming),
                Err(refused) => {
                    if row.count == 1 && refused.limit == NO_LIMIT {
                        slots.count_contended();
                    }
                    refusal.why = Reason::OverLimit;
                    refusal.refused = refused;
                    None
                }
            }
        }
    };
    Swift::new(match passes {
        Some(reason) => {
            way.count_passed(u64::from(packet.length));
            plain(reason, scope, packet.length)
        }
        None => refuse(refusal, &way, packet, clock, policy, slots),
    })
}
