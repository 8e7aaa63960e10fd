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
        words(description).all(|word| !word.contains(char::is_control)),
        "a name",
    )?;
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
    let indexed = |limit: &LimitDescription| usize::from(limit.index) < MAX_LIMITS;
    ensure(
        limits(description).all(indexed)
            && description.scopes.iter().all(|scope| scope.reserved < 100),
        "its limits",
    )
}

fn limits(description: &Description) -> impl Iterator<Item = &LimitDescription> {
    let own = description.scopes.iter();
    let own = own.flat_map(|scope| scope.limits.iter().chain(&scope.global));
    let sets = description.plans.iter().flat_map(|plan| &plan.overrides);
    own.chain(sets.flat_map(|set| &set.limits))
}

/// What the policy's grammar allows no control characters in.
fn words(description: &Description) -> impl Iterator<Item = &String> {
    let limits = limits(description).flat_map(|limit| [&limit.name, &limit.unit, &limit.rate]);
    let scopes = description.scopes.iter();
    let scopes =
        scopes.flat_map(|scope| [&scope.name, &scope.mode].into_iter().chain(&scope.layer));
    let plans = description.plans.iter().map(|plan| &plan.name);
    limits.chain(scopes).chain(plans).chain([&description.mode])
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::compile::{Clock, PolicyTables, compile};
    use crate::config::parse;

    const POLICY: &str = r#"
        [scopes.web]
        match = [{ protocol = "tcp", ports = ["443"] }]
        protected = ["pro"]
        reserved = "30%"
        limits = { burst = { rate = "10/min" }, volume = { rate = "12.3G/s", unit = "bytes" } }
        global = { total = { rate = "60/s", burst = 60 } }
        [plans.pro.web]
        burst = "50/s"
    "#;

    fn tables() -> PolicyTables {
        let clock = Clock {
            monotonic_ns: 1,
            wall: jiff::Timestamp::UNIX_EPOCH,
        };
        let config = parse("t.toml", POLICY, Path::new(""), clock.wall).expect("a policy");
        compile(&config, None, clock).expect("tables")
    }

    fn said(damage: impl FnOnce(&mut PolicyTables)) -> Option<&'static str> {
        let mut tables = tables();
        damage(&mut tables);
        let result = verify(
            &tables.description,
            &tables.head,
            &tables.rows,
            &tables.histories,
        );
        result.err().map(|Contradiction(what)| what)
    }

    #[test]
    fn what_was_compiled_is_taken() {
        assert_eq!(said(|_| {}), None);
    }

    #[test]
    fn what_no_policy_says_is_refused() {
        let refused = |what, damage: fn(&mut PolicyTables)| {
            assert_eq!(said(damage), Some(what));
        };
        refused("its generation", |t| t.head.generation += 2);
        refused("its generation", |t| t.head.tag ^= 1);
        refused("the length of sources", |t| t.head.source_prefix[1] = 200);
        refused("the length of sources", |t| t.description.ipv4_prefix = 33);
        refused("its classifier", |t| t.head.destinations[0] = 65);
        refused("its classifier", |t| t.head.protocol_stride = u32::MAX);
        refused("its scopes", |t| t.head.row_stride = 0);
        refused("its scopes", |t| t.head.row_stride = 1);
        refused("its scopes", |t| t.head.row_stride = 1 << 30);
        refused("its scopes", |t| t.description.scopes.clear());
        refused("its scopes", |t| t.description.scopes[1].id = 0);
        refused("its plans", |t| t.description.plans[0].id = 0);
        refused("its plans", |t| t.description.plans[0].id = 1024);
        refused("its rows", |t| t.description.plans[0].id = 9);
        refused("its rows", |t| t.head.global_rows = 1);
        refused("its rows", |t| t.head.reserved_rows = u32::MAX);
        refused("its rows", |t| t.rows.truncate(1));
        refused("its limits", |t| {
            t.description.scopes[1].limits[0].index = 4;
        });
        refused("its limits", |t| t.description.scopes[1].reserved = 100);
        refused("a name", |t| t.description.plans[0].name.push('\u{9b}'));
        refused("a row", |t| t.rows[0].count = 5);
        refused("a limit", |t| t.rows[1].limits[0].unit = 4);
        refused("a limit", |t| t.rows[1].limits[0].depth = u64::MAX);
        refused("a limit", |t| t.rows[1].limits[0].increment = 0);
        refused("a limit", |t| t.rows[1].limits[1].shift = 33);
        refused("what a limit was", |t| {
            t.histories[1].limits[0].scale.ticks = 0;
        });
        refused("what a limit was", |t| {
            t.histories[1].limits[0].depth_before = u64::MAX;
        });
        refused("what a limit was", |t| {
            t.histories[1].limits[0].increment_before = 7;
        });
    }
}
