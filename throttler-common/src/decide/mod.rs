//! The one step from a frame to its verdict.

mod begin;
mod limits;

use self::begin::is_limited;
pub use self::begin::{Begun, begin};
use self::limits::within;
use crate::abi::{NO_LIMIT, PolicyHead, Row, row_flag};
use crate::abuse;
use crate::ban::moment;
use crate::charge::Refused;
use crate::class::Kind as Class;
use crate::clock::Clock;
use crate::lookup::{Source, Who};
use crate::notice::{Kind as Notified, Notice};
use crate::parse::{Frame, Packet, parse};
use crate::policy::Policies;
use crate::reason::Reason;
use crate::refuse::Refusal;
use crate::resolve::resolve_address;
use crate::slot::Slots;
use crate::swift;
use crate::table::Way;

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Why; it implies the verdict.
    pub reason: Reason,
    /// The scope that it is counted under.
    pub scope: u8,
    /// The limit that refused, as [`crate::abi::Event::limit`].
    pub limit: u8,
    /// L3 length in bytes; what follows the link header where that cannot be told.
    pub length: u32,
    /// The source was banned for this packet, which counts towards a ban of its prefix.
    pub widen: bool,
}

/// Decides on one frame. `clock` is a time in monotonic nanoseconds, or something that can be asked.
#[inline(always)]
pub fn decide<F: Frame, C: Clock, P: Policies, S: Slots>(
    frame: &F,
    clock: &C,
    policy: &P,
    slots: &S,
) -> Decision {
    decide_packet(&parse(frame), clock, policy, slots)
}

/// The second half of [`decide`], behind the parser.
#[inline(always)]
pub fn decide_packet<C: Clock, P: Policies, S: Slots>(
    packet: &Packet,
    clock: &C,
    policy: &P,
    slots: &S,
) -> Decision {
    let begun = begin(packet, clock, policy);
    let (Some(head), None) = (policy.head(), begun.decided()) else {
        let reason = begun.decided().unwrap_or(Reason::Paused);
        return plain(reason, begun.scope(), packet.length);
    };
    let scope = begun.scope();
    let swift = swift::decide(head, packet, begun, clock, policy, slots);
    if let Some(decision) = swift.decision(packet.length) {
        return followed(decision, policy, packet, clock, slots);
    }
    let meet = |who| slots.meet(policy, packet, clock, who);
    let mut met = Met {
        source: meet(Who {
            absent: swift == swift::Swift::UNKNOWN,
            ..Who::source(scope)
        }),
        ..Met::NOBODY
    };
    if met.source.found_no_room() {
        met.parent = meet(Who::parent(head, scope));
    } else if begun.layer() != 0 && met.source.is_limited() {
        met.layer = meet(Who::layer(begun.layer(), met.source.class));
    }
    let decision = judge(packet, scope, &met, clock, policy, slots);
    followed(decision, policy, packet, clock, slots)
}

#[inline(always)]
fn followed<C: Clock, P: Policies, S: Slots>(
    decision: Decision,
    policy: &P,
    packet: &Packet,
    clock: &C,
    slots: &S,
) -> Decision {
    if decision.widen {
        slots.widen(policy, packet, clock, decision.scope);
    }
    decision
}

#[inline(always)]
pub(crate) const fn plain(reason: Reason, scope: u8, length: u32) -> Decision {
    Decision {
        reason,
        scope,
        limit: NO_LIMIT,
        length,
        widen: false,
    }
}

/// Monitor mode spares what would be dropped.
#[inline(always)]
fn spared(reason: Reason, row: Option<&Row>) -> Reason {
    match row {
        Some(row) if row.flags & row_flag::MONITOR != 0 => Reason::Monitored,
        _ => reason,
    }
}

/// Who sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Its source.
    pub source: Source,
    /// Its source's parent prefix, where the source itself found no room.
    pub parent: Source,
    /// Its source in the scope's layer, where the packet is charged to that.
    pub layer: Source,
}

impl Met {
    /// Nobody.
    pub const NOBODY: Self = Self {
        source: Source::NOBODY,
        parent: Source::NOBODY,
        layer: Source::NOBODY,
    };
}

/// Last step, behind [`crate::lookup::meet`]: class, ban, limits, and what follows.
#[inline(always)]
pub fn judge<C: Clock, P: Policies, S: Slots>(
    packet: &Packet,
    scope: u8,
    met: &Met,
    clock: &C,
    policy: &P,
    slots: &S,
) -> Decision {
    let Some(head) = policy.head() else {
        return plain(Reason::Paused, scope, packet.length);
    };
    let now = clock.coarse();
    let at = moment(now);
    let source = &met.source;
    let Some(words) = slots.set(source.set) else {
        return plain(Reason::Paused, scope, packet.length);
    };
    let way = Way {
        words,
        handle: source.handle,
    };
    let ban = source.ban;
    let mut word = source.class;
    if word.kind() == Class::Mixed {
        word = resolve_address(policy, head, packet, now);
    }

    if way.handle != 0 && ban.is_over_untold(at) && way.replace_ban(ban, ban.told()) {
        let notice = Notice::new(Notified::Unban, scope, word.plan());
        slots.tell(head, packet, clock, &notice);
    }

    let row = policy.row(row_index(head, word.plan(), scope));
    let verdict = match (word.kind(), row) {
        (Class::Exempt, _) => Ok(Reason::Exempt),
        (Class::Block, _) => Err((Reason::Blocked, NO_REFUSAL)),
        (Class::Plan | Class::Mixed, _) if ban.is_on(at) => Err((Reason::Banned, NO_REFUSAL)),
        (Class::Plan | Class::Mixed, _)
            if head.abuse.wider_sources != 0
                && abuse::may_prefix_be_banned(slots, packet, at)
                && slots.is_prefix_banned(policy, packet, clock, scope) =>
        {
            Err((Reason::Banned, NO_REFUSAL))
        }
        (Class::Plan | Class::Mixed, None) => Ok(Reason::Unlimited),
        (Class::Plan | Class::Mixed, Some(row)) if !is_limited(row) => Ok(Reason::Unlimited),
        (Class::Plan | Class::Mixed, Some(_)) if source.contended != 0 => {
            Err((Reason::OverLimit, NO_REFUSAL))
        }
        (Class::Plan | Class::Mixed, Some(row)) => within(
            row,
            &way,
            head,
            packet,
            scope,
            (met, word),
            clock,
            policy,
            slots,
        ),
    };
    let length = u64::from(packet.length);
    match verdict {
        Ok(reason) => {
            if way.handle != 0 {
                way.count_passed(length);
            }
            plain(reason, scope, packet.length)
        }
        Err((why, refused)) => {
            let refusal = Refusal {
                why,
                monitored: false,
                scope,
                plan: word.plan(),
                refused,
            };
            refuse(refusal, &way, packet, clock, policy, slots)
        }
    }
}

/// The decision on a packet that is refused, and what follows for its source.
#[inline(always)]
pub(crate) fn refuse<C: Clock, P: Policies, S: Slots>(
    refusal: Refusal,
    way: &Way<S::Words>,
    packet: &Packet,
    clock: &C,
    policy: &P,
    slots: &S,
) -> Decision {
    let reason = spared(refusal.why, policy.row(u32::from(refusal.scope)));
    let monitored = matches!(reason, Reason::Monitored);
    let length = u64::from(packet.length);
    if way.handle != 0 {
        if monitored {
            way.count_passed(length);
        } else {
            way.count_dropped(length);
        }
    }
    let mut widen = false;
    if refusal.why != Reason::Banned {
        let refusal = Refusal {
            monitored,
            ..refusal
        };
        widen = slots.refuse(policy, way, packet, clock, &refusal);
    }
    Decision {
        reason,
        scope: refusal.scope,
        limit: refusal.refused.limit,
        length: packet.length,
        widen,
    }
}

pub(crate) const NO_REFUSAL: Refused = Refused::CONTENDED;

#[inline(always)]
pub(crate) fn row_index(head: &PolicyHead, plan: u16, scope: u8) -> u32 {
    u32::from(plan) * head.row_stride + u32::from(scope)
}
