//! All limits of a scope hold, or none is charged.
//!
//! Each limit is one word, and no instruction swaps four of them at once. So all are read first, and
//! a packet that one of them refuses writes nothing at all. Only when all would hold are they
//! advanced, one compare-and-swap each; where another CPU has meanwhile used a limit up, what was
//! advanced is taken back. In between, another packet of the same source may be refused that a global
//! order would have admitted; none is admitted too many.

use crate::abi::{LAYER_LIMIT, LimitHistory, LimitParams, MAX_LIMITS, NO_LIMIT, Row, Scale, unit};
use crate::gcra;
use crate::parse::{Packet, packet_flag};
use crate::policy::Policies;
use crate::slot::Slot;

/// Attempts of one compare-and-swap. A failed one means that another CPU charged the same source in
/// the few nanoseconds between: sixteen in a row need as many CPUs on one bucket.
pub const ATTEMPTS: usize = 16;

/// Why a packet was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Index of the limit; with [`LAYER_LIMIT`] of the layer; [`NO_LIMIT`] where the attempts ran out.
    pub limit: u8,
    /// Nanoseconds until one more such packet conforms, rounded up: at least 1 where a limit refused.
    pub wait: u64,
}

const CONTENDED: Refused = Refused {
    limit: NO_LIMIT,
    wait: 0,
};

/// A result in one word, for the kernel's calls between functions: 0 is admitted.
#[inline(always)]
#[must_use]
pub const fn encode(result: Result<(), Refused>) -> u64 {
    match result {
        Ok(()) => 0,
        // A wait is at most a depth and a cost, 2^57 ns: the shift loses nothing.
        Err(refused) => refused.wait << 8 | refused.limit as u64,
    }
}

/// The other way.
///
/// # Errors
/// What was encoded.
#[inline(always)]
pub const fn decode(word: u64) -> Result<(), Refused> {
    match word {
        0 => Ok(()),
        _ => Err(Refused {
            limit: word as u8,
            wait: word >> 8,
        }),
    }
}

/// Units that a limit charges for the packet; 0: it does not.
#[inline(always)]
fn units(limit: &LimitParams, packet: &Packet) -> u64 {
    match limit.unit {
        unit::PACKETS => 1,
        unit::BYTES => u64::from(packet.length),
        unit::CONNECTIONS => u64::from(packet.is(packet_flag::SYN)),
        _ => 0,
    }
}

/// Whether any limit of the row charges the packet.
#[inline(always)]
#[must_use]
pub fn charges(row: &Row, packet: &Packet) -> bool {
    let mut mask = 1 << unit::PACKETS | 1 << unit::BYTES;
    if packet.is(packet_flag::SYN) {
        mask |= 1 << unit::CONNECTIONS;
    }
    row.units & mask != 0
}

/// Charges the scope's limits and, if there is one, its layer's.
///
/// # Errors
/// Which limit refused, and for how long; nothing is charged then.
#[inline(always)]
pub fn charge<S: Slot>(
    row: &Row,
    slot: &S,
    layer: Option<(&Row, &S)>,
    packet: &Packet,
    now: u64,
) -> Result<(), Refused> {
    let Some((layer_row, layer_slot)) = layer else {
        return slot.admit(row, packet, now);
    };
    slot.check(row, packet, now)?;
    layer_slot.admit(layer_row, packet, now).map_err(of_layer)?;
    slot.admit(row, packet, now).inspect_err(|_| {
        layer_slot.undo(layer_row, packet);
    })
}

/// [`Slot::admit`] over a slot's words.
///
/// # Errors
/// Which limit refused; nothing is charged then.
#[inline(always)]
pub fn admit<S: Slot>(row: &Row, slot: &S, packet: &Packet, now: u64) -> Result<(), Refused> {
    // A lone limit needs no look ahead: its own swap is the check.
    if row.count > 1 {
        check(row, slot, packet, now)?;
    }
    commit(row, slot, packet, now)
}

#[inline(always)]
fn of_layer(refused: Refused) -> Refused {
    match refused.limit {
        NO_LIMIT => refused,
        limit => Refused {
            limit: limit | LAYER_LIMIT,
            wait: refused.wait,
        },
    }
}

/// [`Slot::check`] over a slot's words.
///
/// # Errors
/// Which limit would refuse.
#[inline(always)]
pub fn check<S: Slot>(row: &Row, slot: &S, packet: &Packet, now: u64) -> Result<(), Refused> {
    let mut i = 0;
    while i < MAX_LIMITS {
        let limit = &row.limits[i];
        let units = units(limit, packet);
        if units != 0
            && let Err(wait) = gcra::step(slot.tat(i), now, gcra::cost(limit, units), limit.depth)
        {
            return Err(refused(i, wait));
        }
        i += 1;
    }
    Ok(())
}

#[inline(always)]
fn commit<S: Slot>(row: &Row, slot: &S, packet: &Packet, now: u64) -> Result<(), Refused> {
    let mut i = 0;
    while i < MAX_LIMITS {
        let limit = &row.limits[i];
        let units = units(limit, packet);
        if units != 0
            && let Err(refused) = commit_one(limit, slot, i, units, now)
        {
            undo(row, slot, packet, i);
            return Err(refused);
        }
        i += 1;
    }
    Ok(())
}

#[inline(always)]
fn commit_one<S: Slot>(
    limit: &LimitParams,
    slot: &S,
    index: usize,
    units: u64,
    now: u64,
) -> Result<(), Refused> {
    let cost = gcra::cost(limit, units);
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        let tat = slot.tat(index);
        match gcra::step(tat, now, cost, limit.depth) {
            Ok(next) => {
                if slot.advance(index, tat, next) {
                    return Ok(());
                }
            }
            Err(wait) => {
                return Err(refused(index, wait));
            }
        }
        attempt += 1;
    }
    Err(CONTENDED)
}

#[inline(always)]
const fn refused(index: usize, wait: u64) -> Refused {
    Refused {
        limit: index as u8,
        wait: gcra::nanos_ceil(wait),
    }
}

/// Takes back what the limits with an index below `below` were charged for the packet.
#[inline(always)]
pub fn undo<S: Slot>(row: &Row, slot: &S, packet: &Packet, below: usize) {
    let mut i = 0;
    while i < MAX_LIMITS {
        if i < below {
            let limit = &row.limits[i];
            let units = units(limit, packet);
            if units != 0 {
                slot.retreat(i, gcra::cost(limit, units));
            }
        }
        i += 1;
    }
}

/// Which rows a slot's buckets were charged by, and which they will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index of the row in force.
    pub row: u32,
    /// Index of the row of the plan that the slot was resolved to.
    pub from: u32,
    /// Generations since the slot was resolved.
    pub age: u32,
}

/// After a change of limits or plan, a bucket that was not full holds what was left in it, in units, at
/// most the new burst: a reload never adds a unit, and debt is never deeper than an empty bucket of the
/// new limit, so that raising a limit helps at once.
///
/// Called by the one that replaced the slot's class. Until it is through, another CPU may hold the old
/// time against the new limits, for as long as a few instructions take.
#[inline(always)]
pub fn rebase<P: Policies, S: Slot>(policy: &P, slot: &S, change: Change, now: u64) {
    let (Some(row), Some(history)) = (policy.row(change.row), policy.history(change.row)) else {
        return;
    };
    let (Some(from), Some(past)) = (policy.row(change.from), policy.history(change.from)) else {
        return;
    };
    let mut i = 0;
    while i < MAX_LIMITS {
        let (to, was) = (&row.limits[i], &from.limits[i]);
        let missed = change.age > was.changed_ago;
        if to.unit != unit::NONE && (missed || change.from != change.row) {
            let old = Old::of(was, &past.limits[i], change.age);
            let mut attempt = 0;
            while attempt < ATTEMPTS {
                let tat = slot.tat(i);
                let next = rebased::<S>(tat, &old, to, &history.limits[i].scale, now);
                if next == tat || slot.advance(i, tat, next) {
                    break;
                }
                attempt += 1;
            }
        }
        i += 1;
    }
}

/// The limit that a bucket was last charged by.
struct Old<'a> {
    unit: u8,
    shift: u8,
    increment: u64,
    depth: u64,
    scale: &'a Scale,
    /// It has changed more than once since: nobody knows it any more.
    lost: bool,
}

impl<'a> Old<'a> {
    #[inline(always)]
    fn of(limit: &LimitParams, history: &'a LimitHistory, age: u32) -> Self {
        if age <= limit.changed_ago {
            return Self {
                unit: limit.unit,
                shift: limit.shift,
                increment: limit.increment,
                depth: limit.depth,
                scale: &history.scale,
                lost: false,
            };
        }
        Self {
            unit: history.unit_before,
            shift: history.shift_before,
            increment: history.increment_before,
            depth: history.depth_before,
            scale: &history.before,
            lost: age > history.changed_before_ago,
        }
    }
}

#[inline(always)]
fn rebased<S: Slot>(tat: u64, old: &Old<'_>, to: &LimitParams, scale: &Scale, now: u64) -> u64 {
    if tat <= now {
        // Full, which says the same as a source never seen.
        return tat;
    }
    if old.lost {
        return now + to.depth;
    }
    let debt = tat - now;
    if old.unit != to.unit {
        // A new limit, or one that counts something else: nothing to convert, only not to lock out.
        return if debt > to.depth { now + to.depth } else { tat };
    }
    now + to.depth - kept::<S>(old.depth.saturating_sub(debt), old, to, scale)
}

/// Ticks of the new limit for what was left of the old one.
#[inline(always)]
fn kept<S: Slot>(left: u64, old: &Old<'_>, to: &LimitParams, scale: &Scale) -> u64 {
    let about = S::convert(left, old.scale, scale, to.depth);
    if about >= to.depth || old.shift != 0 || to.shift != 0 {
        return about;
    }
    // Whole units exactly, so that no number of changes costs one by rounding; the estimate is below
    // by two at most.
    let mut units = S::units(left, old.scale);
    let mut step = 0;
    while step < 2 {
        if (units + 1) * old.increment <= left {
            units += 1;
        }
        step += 1;
    }
    let rest = left.saturating_sub(units * old.increment);
    let exact = units * to.increment + S::convert(rest, old.scale, scale, to.depth);
    if exact < to.depth { exact } else { to.depth }
}
