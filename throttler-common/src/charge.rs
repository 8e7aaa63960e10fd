//! All limits of a scope hold, or none is charged.
//!
//! Each limit is one word, and no instruction swaps four of them at once. So all are read first, and
//! a packet that one of them refuses writes nothing at all. Only when all would hold are they
//! advanced, one compare-and-swap each; where another CPU has meanwhile used a limit up, what was
//! advanced is taken back. In between, another packet of the same source may be refused that a global
//! order would have admitted; none is admitted too many.

use crate::abi::{LimitHistory, LimitParams, MAX_LIMITS, NO_LIMIT, Row, Scale, unit};
use crate::class::{self, Word};
use crate::clock::Clock;
use crate::gcra;
use crate::parse::{Packet, packet_flag};
use crate::policy::Policies;
use crate::table::{Advance, Way, Words};

/// Attempts of one compare-and-swap. A failed one means that another CPU charged the same source in
/// the few nanoseconds between: sixteen in a row need as many CPUs on one bucket.
pub const ATTEMPTS: usize = 16;

/// Why a packet was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Index of the limit; with [`crate::abi::LAYER_LIMIT`] of the layer, with [`crate::abi::GLOBAL_LIMIT`] of the `global`
    /// limits; [`NO_LIMIT`] where the attempts ran out.
    pub limit: u8,
    /// Nanoseconds from [`Clock::coarse`] until one more such packet conforms, rounded up: at least 1
    /// where a limit refused.
    pub wait: u64,
}

impl Refused {
    /// Other CPUs used the bucket, or took it, in all attempts.
    pub const CONTENDED: Self = Self {
        limit: NO_LIMIT,
        wait: 0,
    };

    /// The same of a limit of another kind: [`crate::abi::LAYER_LIMIT`] or [`crate::abi::GLOBAL_LIMIT`].
    #[inline(always)]
    #[must_use]
    pub const fn of(self, kind: u8) -> Self {
        match self.limit {
            NO_LIMIT => self,
            limit => Self {
                limit: limit | kind,
                wait: self.wait,
            },
        }
    }

    #[inline(always)]
    #[must_use]
    pub(crate) const fn later(self, nanos: u64) -> Self {
        Self {
            limit: self.limit,
            wait: self.wait + nanos,
        }
    }
}

/// A result in one word, for the kernel's calls between functions: 0 is admitted.
#[inline(always)]
#[must_use]
pub const fn encode(result: Result<(), Refused>) -> u64 {
    match result {
        Ok(()) => 0,
        // A wait is at most a cost: of 65,575 bytes at one in 1000 s, below 2^56 ns. The shift loses nothing.
        Err(refused) => refused.wait << 8 | refused.limit as u64 | REFUSED,
    }
}

/// Keeps a refusal by limit 0 without a wait apart from 0; no limit's index or kind has this bit but
/// [`NO_LIMIT`], which has all.
const REFUSED: u64 = 0x20;

/// The other way.
///
/// # Errors
/// What was encoded.
#[inline(always)]
pub const fn decode(word: u64) -> Result<(), Refused> {
    match word {
        0 => Ok(()),
        _ => Err(Refused {
            limit: if word as u8 == NO_LIMIT {
                NO_LIMIT
            } else {
                (word & !REFUSED) as u8
            },
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

/// Holds all limits of the row against the packet at `at` (ticks); charges nothing. The time from which
/// on all of them hold, or less.
///
/// # Errors
/// Which limit refuses at `at`, and how long from then.
#[inline(always)]
pub fn check<W: Words>(row: &Row, way: &Way<W>, packet: &Packet, at: u64) -> Result<u64, Refused> {
    let mut from = 0;
    let mut i = 0;
    while i < MAX_LIMITS {
        let limit = &row.limits[i];
        let units = units(limit, packet);
        if units != 0 {
            let tat = way.tat(i);
            let cost = gcra::cost(limit, units);
            match gcra::step(tat, at, cost, limit.depth) {
                Ok(_) => {
                    let holds = (tat + cost).saturating_sub(limit.depth);
                    if holds > from {
                        from = holds;
                    }
                }
                Err(wait) => return Err(refused(i, wait)),
            }
        }
        i += 1;
    }
    Ok(from)
}

/// Charges all limits of the row, or none.
///
/// What a limit refuses at the latest time that it may be is refused without reading the clock: a
/// refusal writes nothing, and an earlier time would refuse it as well. A charge is made at the exact
/// time, so that none is admitted early.
///
/// # Errors
/// Which limit refused; nothing is charged then.
#[inline(always)]
pub fn admit<W: Words, C: Clock>(
    row: &Row,
    way: &Way<W>,
    packet: &Packet,
    clock: &C,
) -> Result<(), Refused> {
    let (coarse, lag) = (clock.coarse(), clock.lag());
    let holds =
        check(row, way, packet, gcra::ticks(coarse + lag)).map_err(|refused| refused.later(lag))?;
    let exact = clock.exact();
    let now = gcra::ticks(exact);
    // A lone limit needs no further look: its own swap is the check.
    let charged = if row.count > 1 && holds > now {
        match check(row, way, packet, now) {
            Ok(_) => commit(row, way, packet, now),
            Err(refused) => Err(refused),
        }
    } else {
        commit(row, way, packet, now)
    };
    charged.map_err(|refused| match refused.limit {
        NO_LIMIT => refused,
        _ => refused.later(exact.saturating_sub(coarse)),
    })
}

/// [`admit`] for a row of one limit, which needs no look ahead and no way back.
///
/// # Errors
/// It refused; nothing is charged then.
#[inline(always)]
pub fn admit_lone<W: Words, C: Clock>(
    row: &Row,
    way: &Way<W>,
    packet: &Packet,
    clock: &C,
) -> Result<(), Refused> {
    let index = usize::from(row.lone) & (MAX_LIMITS - 1);
    let limit = &row.limits[index];
    let units = units(limit, packet);
    if units == 0 {
        return Ok(());
    }
    let (coarse, lag) = (clock.coarse(), clock.lag());
    let cost = gcra::cost(limit, units);
    let latest = gcra::ticks(coarse + lag);
    if let Err(wait) = gcra::step(way.tat(index), latest, cost, limit.depth) {
        return Err(refused(index, wait).later(lag));
    }
    let exact = clock.exact();
    commit_one(limit, way, index, units, gcra::ticks(exact)).map_err(|refused| {
        match refused.limit {
            NO_LIMIT => refused,
            _ => refused.later(exact.saturating_sub(coarse)),
        }
    })
}

#[inline(always)]
fn commit<W: Words>(row: &Row, way: &Way<W>, packet: &Packet, now: u64) -> Result<(), Refused> {
    let mut i = 0;
    while i < MAX_LIMITS {
        let limit = &row.limits[i];
        let units = units(limit, packet);
        if units != 0
            && let Err(refused) = commit_one(limit, way, i, units, now)
        {
            if i > 0 {
                undo(row, way, packet, i);
            }
            return Err(refused);
        }
        i += 1;
    }
    Ok(())
}

#[inline(always)]
fn commit_one<W: Words>(
    limit: &LimitParams,
    way: &Way<W>,
    index: usize,
    units: u64,
    now: u64,
) -> Result<(), Refused> {
    let cost = gcra::cost(limit, units);
    let mut attempt = 0;
    while attempt < ATTEMPTS {
        let tat = way.tat(index);
        match gcra::step(tat, now, cost, limit.depth) {
            Ok(next) => match way.advance(index, tat, next) {
                Advance::Done => return Ok(()),
                Advance::Changed => {}
                Advance::Lost => return Err(Refused::CONTENDED),
            },
            Err(wait) => return Err(refused(index, wait)),
        }
        attempt += 1;
    }
    Err(Refused::CONTENDED)
}

#[inline(always)]
const fn refused(index: usize, wait: u64) -> Refused {
    Refused {
        limit: index as u8,
        wait: gcra::nanos_ceil(wait),
    }
}

/// Takes back what the limits with an index below `below` were charged for the packet: under the
/// set's lock, since the time that is turned back must not be another source's. Where the lock is not
/// to be had, the source stays charged for a packet that it did not get.
#[inline(always)]
pub fn undo<W: Words>(row: &Row, way: &Way<W>, packet: &Packet, below: usize) {
    way.locked(|way| {
        if way.class().tag() != row.tag {
            // The bucket has been converted since: what was charged is no longer what it holds.
            return;
        }
        let mut i = 0;
        while i < MAX_LIMITS {
            if i < below {
                let limit = &row.limits[i];
                let units = units(limit, packet);
                if units != 0 {
                    way.retreat(i, gcra::cost(limit, units));
                }
            }
            i += 1;
        }
    });
}

/// Gives a way its newly resolved class, and turns the buckets of the limits that it was last charged by
/// into those of the limits in force. `base` is the index of the row of plan 0. Whether it is done, by
/// this CPU or another: not where the set's lock was not to be had.
#[inline(always)]
pub fn renew<P: Policies, W: Words>(
    policy: &P,
    way: &Way<W>,
    base: u32,
    word: Word,
    now: u64,
) -> bool {
    way.locked(|way| {
        let old = way.class();
        if old.tag() != 0 && old.age(word.tag()) >= class::NEWER {
            // A packet that began under an earlier generation than the slot's: nothing is turned back.
            return;
        }
        // Another CPU may have done it; to do it twice would count the change twice. A bucket that no
        // generation has used is full, whatever the limits were.
        if old.0 != word.0 && old.tag() != 0 {
            let stride = policy.head().map_or(0, |head| head.row_stride);
            let change = Change {
                row: u32::from(word.plan()) * stride + base,
                from: u32::from(old.plan()) * stride + base,
                age: old.age(word.tag()),
            };
            rebase(policy, way, change, now);
        }
        way.set_class(word);
    })
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
#[inline(always)]
pub fn rebase<P: Policies, W: Words>(policy: &P, way: &Way<W>, change: Change, now: u64) {
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
                let tat = way.tat(i);
                let next = rebased::<W>(tat, &old, to, &history.limits[i].scale, now);
                // Packets that are still under the old generation may charge meanwhile.
                if next == tat || !matches!(way.advance(i, tat, next), Advance::Changed) {
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
fn rebased<W: Words>(tat: u64, old: &Old<'_>, to: &LimitParams, scale: &Scale, now: u64) -> u64 {
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
    now + to.depth - kept::<W>(old.depth.saturating_sub(debt), old, to, scale)
}

/// Ticks of the new limit for what was left of the old one.
#[inline(always)]
fn kept<W: Words>(left: u64, old: &Old<'_>, to: &LimitParams, scale: &Scale) -> u64 {
    let about = W::convert(left, old.scale, scale, to.depth);
    if about >= to.depth || old.shift != 0 || to.shift != 0 {
        return about;
    }
    // Whole units exactly, so that no number of changes costs one by rounding; the estimate is below
    // by two at most.
    let mut units = W::units(left, old.scale);
    let mut step = 0;
    while step < 2 {
        if (units + 1) * old.increment <= left {
            units += 1;
        }
        step += 1;
    }
    let rest = left.saturating_sub(units * old.increment);
    let exact = units * to.increment + W::convert(rest, old.scale, scale, to.depth);
    if exact < to.depth { exact } else { to.depth }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{GLOBAL_LIMIT, LAYER_LIMIT};

    #[test]
    fn a_result_survives_being_one_word() {
        assert_eq!(decode(encode(Ok(()))), Ok(()));
        for wait in [0, 1, 1 << 55] {
            for limit in 0..MAX_LIMITS as u8 {
                for kind in [0, LAYER_LIMIT, GLOBAL_LIMIT] {
                    let refused = Refused { limit, wait }.of(kind);
                    assert_eq!(refused.limit, limit | kind);
                    assert_eq!(decode(encode(Err(refused))), Err(refused));
                }
            }
        }
        let contended = Refused::CONTENDED.of(LAYER_LIMIT);
        assert_eq!(decode(encode(Err(contended))), Err(Refused::CONTENDED));
    }
}
