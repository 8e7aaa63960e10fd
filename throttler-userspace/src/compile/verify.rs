//! What is read back from the maps, held against what [`super::compile()`] writes there. Readers index by it and
//! calculate with it: bytes that no publish has written must end in an error, not in a panic or an endless table.

use std::collections::BTreeSet;

use throttler_common::abi::{
    Addr, History, LimitHistory, LimitParams, MAX_CELLS, MAX_DESTINATIONS, MAX_LIMITS, MAX_PLANS,
    MAX_SCOPES, PolicyHead, Row, unit,
};
use throttler_common::class::tag;

use super::description::{Description, LimitDescription, ScopeKind};
use super::fixed_point::scale;
use super::layout::row_count;

/// Ticks that no depth, and so no cost, reaches: 366 days are 2^61.
const MOST_TICKS: u64 = 1 << 61;
/// No limit has more fraction bits.
const MOST_SHIFT: u8 = 32;

/// Maps that contradict each other, or themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the published policy contradicts itself ({0}), as if something else had written into its maps: \
     `throttler detach` and `throttler run` start anew"
)]
pub struct Contradiction(&'static str);

/// Holds a generation's head, rows and histories, as read from the maps, against its description.
///
/// # Errors
/// What no compiled policy says.
pub fn verify(
    description: &Description,
    head: &PolicyHead,
    rows: &[Row],
    histories: &[History],
) -> Result<(), Contradiction> {
    let ensure = |holds: bool, what| holds.then_some(()).ok_or(Contradiction(what));
    let generation = description.generation;
    ensure(
        (head.generation, head.tag) == (generation, tag(generation))
            && (1..u32::MAX).contains(&generation),
        "its generation",
    )?;
    let prefix = [description.ipv4_prefix, description.ipv6_prefix];
    ensure(
        prefix[0] <= 32
            && prefix[1] <= 128
            && head.source_prefix == prefix.map(u32::from)
            && head.source_mask == prefix.map(Addr::mask),
        "the length of sources",
    )?;
    let most = MAX_CELLS as u32;
    ensure(
        head.destinations
            .iter()
            .all(|listed| *listed <= MAX_DESTINATIONS as u32)
            && head.protocol_stride <= most
            && head.destination_stride <= most,
        "its classifier",
    )?;
    names(description, head)?;
    let plans = description.plans.iter().map(|plan| plan.id).max();
    let plans = u32::from(plans.unwrap_or(0)) + 1;
    // The stride is at most 2^8, a plan below 2^10.
    let first = plans * head.row_stride;
    let global = match (head.global_rows, head.reserved_rows) {
        (0, 0) => true,
        (common, reserved) => common == first && reserved == first + head.row_stride,
    };
    let count = row_count(head, plans) as usize;
    ensure(
        global && rows.len() == count && histories.len() == count,
        "its rows",
    )?;
    for (row, history) in rows.iter().zip(histories) {
        ensure(usize::from(row.count) <= MAX_LIMITS, "a row")?;
        for (limit, history) in row.limits.iter().zip(&history.limits) {
            ensure(is_limit(limit), "a limit")?;
            ensure(is_history(limit, history), "what a limit was")?;
        }
    }
    Ok(())
}

/// Identifiers and indices.
fn names(description: &Description, head: &PolicyHead) -> Result<(), Contradiction> {
    let ensure = |holds: bool, what| holds.then_some(()).ok_or(Contradiction(what));
    let scopes: BTreeSet<u8> = description.scopes.iter().map(|scope| scope.id).collect();
    let live = description.scopes.iter();
    let mut live = live.filter(|scope| scope.kind != ScopeKind::Retired);
    ensure(
        (1..=MAX_SCOPES as u32).contains(&head.row_stride)
            && scopes.len() == description.scopes.len()
            && scopes.contains(&0)
            && live.all(|scope| u32::from(scope.id) < head.row_stride),
        "its scopes",
    )?;
    let plans: BTreeSet<u16> = description.plans.iter().map(|plan| plan.id).collect();
    ensure(
        plans.len() == description.plans.len()
            && plans
                .iter()
                .all(|id| (1..MAX_PLANS).contains(&usize::from(*id))),
        "its plans",
    )?;
    let limits = description.scopes.iter();
    let limits = limits.flat_map(|scope| scope.limits.iter().chain(&scope.global));
    let overrides = description.plans.iter().flat_map(|plan| &plan.overrides);
    let mut limits = limits.chain(overrides.flat_map(|set| &set.limits));
    let indexed = |limit: &LimitDescription| usize::from(limit.index) < MAX_LIMITS;
    ensure(
        limits.all(indexed) && description.scopes.iter().all(|scope| scope.reserved < 100),
        "its limits",
    )
}

fn is_limit(limit: &LimitParams) -> bool {
    limit.unit <= unit::CONNECTIONS
        && is_rate(limit.increment, limit.shift, limit.depth)
        && (limit.unit == unit::NONE || limit.increment > 0)
}

fn is_rate(increment: u64, shift: u8, depth: u64) -> bool {
    increment < MOST_TICKS && depth < MOST_TICKS && shift <= MOST_SHIFT
}

fn is_history(limit: &LimitParams, history: &LimitHistory) -> bool {
    let before = LimitParams {
        increment: history.increment_before,
        shift: history.shift_before,
        ..LimitParams::default()
    };
    history.unit_before <= unit::CONNECTIONS
        && is_rate(before.increment, before.shift, history.depth_before)
        && history.scale == scale(limit)
        && history.before == scale(&before)
}
