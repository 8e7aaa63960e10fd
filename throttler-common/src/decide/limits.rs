//! A packet held against all limits that it is charged to: its source's, its layer's, and those of all sources together.

use super::{Met, NO_REFUSAL, row_index};
use crate::abi::{GLOBAL_LIMIT, LAYER_LIMIT, PolicyHead, Row, row_flag};
use crate::charge::{self, Refused};
use crate::class::Word;
use crate::clock::Clock;
use crate::gcra;
use crate::global::Share;
use crate::lookup::Source;
use crate::parse::Packet;
use crate::policy::Policies;
use crate::reason::Reason;
use crate::slot::Slots;
use crate::table::Way;

/// Holds the packet against the limits of its scope: those of all sources together, and its source's or,
/// where that found no room in the table, its prefix's. `word` is the packet's own class: it differs from its
/// source's where that is mixed, and the layer's slot keeps the source's.
#[expect(
    clippy::too_many_arguments,
    reason = "one call, inlined; a struct would only rename them"
)]
#[inline(always)]
pub(super) fn within<C: Clock, P: Policies, S: Slots>(
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
