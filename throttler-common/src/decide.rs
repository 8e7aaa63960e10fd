//! The one step from a frame to its verdict.

use crate::abi::{GLOBAL_LIMIT, LAYER_LIMIT, NO_LIMIT, PolicyHead, Row, head_flag, row_flag};
use crate::abuse;
use crate::ban::moment;
use crate::charge::{self, Refused};
use crate::class::{Kind as Class, Word};
use crate::clock::Clock;
use crate::gcra;
use crate::global::Share;
use crate::lookup::{Source, Who};
use crate::notice::{Kind as Notified, Notice};
use crate::parse::{Frame, Kind, Packet, parse};
use crate::policy::Policies;
use crate::reason::Reason;
use crate::refuse::Refusal;
use crate::resolve::resolve_address;
use crate::scope;
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
const fn is_limited(row: &Row) -> bool {
    row.count != 0 || row.layer != 0 || row.flags & row_flag::GLOBAL != 0
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

/// Holds the packet against the limits of its scope: those of all sources together, and its source's or,
/// where that found no room in the table, its prefix's. `word` is the packet's own class: it differs from its
/// source's where that is mixed, and the layer's slot keeps the source's.
#[expect(
    clippy::too_many_arguments,
    reason = "one call, inlined; a struct would only rename them"
)]
#[inline(always)]
fn within<C: Clock, P: Policies, S: Slots>(
    row: &Row,
    way: &Way<S::Words>,
    head: &PolicyHead,
    packet: &Packet,
    scope: u8,
    (met, word): (&Met, Word),
    clock: &C,
    policy: &P,
    slots: &S,
) -> Result<Reason, (Reason, Refused)> {
    let over = |refused| (Reason::OverLimit, refused);
    let global = row.flags & row_flag::GLOBAL != 0;
    let mut share = Share::Common;
    if global {
        // A packet that its own source's limits refuse takes nothing from the others.
        if way.handle != 0 {
            check_now(row, way, packet, clock, slots).map_err(over)?;
        }
        let protected = row.flags & row_flag::PROTECTED != 0;
        share = slots
            .charge_global(policy, packet, clock, scope, protected)
            .map_err(|refused| (Reason::GlobalLimit, refused.of(GLOBAL_LIMIT)))?;
    }
    let charged = if way.handle == 0 {
        slots
            .admit_newcomer(policy, packet, clock, scope, &met.parent)
            .map_err(|_| (Reason::TableFull, NO_REFUSAL))
    } else if row.layer == 0 {
        slots.admit(row, way, packet, clock).map_err(over)
    } else {
        match policy
            .row(row_index(head, word.plan(), row.layer))
            .filter(|layer_row| charge::charges(layer_row, packet))
        {
            None => slots.admit(row, way, packet, clock).map_err(over),
            Some(layer_row) => with_layer(row, way, layer_row, &met.layer, packet, clock, slots),
        }
    };
    if charged.is_err() && global {
        slots.undo_global(policy, packet, scope, share);
    }
    charged.map(|()| Reason::Conforming)
}

/// [`within`] for a packet that is charged to a layer as well.
#[inline(always)]
fn with_layer<C: Clock, S: Slots>(
    row: &Row,
    way: &Way<S::Words>,
    layer_row: &Row,
    layer: &Source,
    packet: &Packet,
    clock: &C,
    slots: &S,
) -> Result<(), (Reason, Refused)> {
    let over = |refused| (Reason::OverLimit, refused);
    if layer.contended != 0 {
        return Err(over(Refused::CONTENDED));
    }
    let Some(words) = slots.set(layer.set).filter(|_| layer.handle != 0) else {
        return Err((Reason::TableFull, NO_REFUSAL));
    };
    let layer = Way {
        words,
        handle: layer.handle,
    };
    let charged = charge_both(row, way, layer_row, &layer, packet, clock, slots);
    let length = u64::from(packet.length);
    match charged {
        Ok(()) => layer.count_passed(length),
        Err(_) => layer.count_refused(length, row.flags & row_flag::MONITOR == 0),
    }
    charged.map_err(over)
}

/// Charges the scope's limits and the layer's, or none.
#[inline(always)]
fn charge_both<C: Clock, S: Slots>(
    row: &Row,
    way: &Way<S::Words>,
    layer_row: &Row,
    layer: &Way<S::Words>,
    packet: &Packet,
    clock: &C,
    slots: &S,
) -> Result<(), Refused> {
    check_now(row, way, packet, clock, slots)?;
    slots
        .admit(layer_row, layer, packet, clock)
        .map_err(|refused| refused.of(LAYER_LIMIT))?;
    slots
        .admit(row, way, packet, clock)
        .inspect_err(|_| slots.undo(layer_row, layer, packet))
}

/// Holds the scope's limits against the packet before others are charged for it.
#[inline(always)]
fn check_now<C: Clock, S: Slots>(
    row: &Row,
    way: &Way<S::Words>,
    packet: &Packet,
    clock: &C,
    slots: &S,
) -> Result<(), Refused> {
    let exact = clock.exact();
    slots
        .check(row, way, packet, gcra::ticks(exact))
        .map_err(|refused| refused.later(exact.saturating_sub(clock.coarse())))
}
