//! Buckets after a change of limits, or of their source's plan.

use super::ATTEMPTS;
use crate::abi::{LimitHistory, LimitParams, MAX_LIMITS, Scale, unit};
use crate::policy::Policies;
use crate::table::{Advance, Way, Words};

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
