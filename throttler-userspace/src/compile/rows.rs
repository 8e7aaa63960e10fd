//! The rows: the limits of each scope and layer for each plan.

use throttler_common::abi::{
    History, LimitHistory, LimitParams, MAX_LIMITS, MAX_ROWS, Row, row_flag,
};

use super::CompileError;
use super::fixed_point::{params, scale};
use super::identify::Ids;
use super::tables::Previous;
use crate::config::{Config, Limit, Mode, Plan, PlanLimit, PlanScope};

/// The rows of one generation.
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) histories: Vec<History>,
    pub(super) stride: u32,
}

pub(super) fn rows(
    config: &Config,
    ids: &Ids,
    previous: Option<&Previous>,
) -> Result<Rows, CompileError> {
    let stride = ids
        .scopes
        .values()
        .max()
        .map_or(1, |id| usize::from(*id) + 1);
    let plans = ids
        .plans
        .values()
        .max()
        .map_or(1, |id| usize::from(*id) + 1);
    let need = stride * plans;
    if need > MAX_ROWS {
        return Err(CompileError::TooManyRows {
            plans,
            scopes: stride,
            need,
        });
    }
    let mut rows = vec![Row::default(); need];
    let named = |id: usize| {
        config
            .plans
            .iter()
            .find(|p| usize::from(ids.plans[&p.name]) == id)
    };
    for plan in 0..plans {
        for set in limited(config) {
            let index = plan * stride + usize::from(ids.scopes[set.name]);
            rows[index] = row(&set, named(plan), ids);
        }
    }
    let histories = histories(&mut rows, stride, previous);
    Ok(Rows {
        rows,
        histories,
        stride: stride as u32,
    })
}

/// A scope or layer, alike as far as limits go.
struct Limited<'a> {
    name: &'a str,
    limits: &'a [Limit],
    monitor: bool,
    layer: Option<&'a str>,
}

fn limited(config: &Config) -> impl Iterator<Item = Limited<'_>> {
    let scopes = config.scopes.iter().map(|scope| Limited {
        name: &scope.name,
        limits: &scope.limits,
        monitor: scope.mode.unwrap_or(config.mode) == Mode::Monitor,
        layer: config
            .layers
            .iter()
            .find(|layer| layer.scopes.contains(&scope.name))
            .map(|layer| layer.name.as_str()),
    });
    scopes.chain(config.layers.iter().map(|layer| Limited {
        name: &layer.name,
        limits: &layer.limits,
        monitor: config.mode == Mode::Monitor,
        layer: None,
    }))
}

fn row(set: &Limited<'_>, plan: Option<&Plan>, ids: &Ids) -> Row {
    let mut row = Row {
        flags: if set.monitor { row_flag::MONITOR } else { 0 },
        layer: set.layer.map_or(0, |layer| ids.scopes[layer]),
        ..Row::default()
    };
    let over = plan
        .and_then(|plan| plan.scopes.iter().find(|(scope, _)| scope == set.name))
        .map(|(_, over)| over);
    for limit in set.limits {
        let Some(params) = limit_params(limit, over) else {
            continue;
        };
        let index = ids.limits[&(set.name.to_owned(), limit.name.clone())];
        row.limits[usize::from(index)] = params;
        row.count += 1;
        row.units |= 1 << params.unit;
    }
    row
}

/// `None` where the plan lifts the limit.
fn limit_params(limit: &Limit, over: Option<&PlanScope>) -> Option<LimitParams> {
    let own = || params(&limit.rate, limit.burst, limit.unit);
    match over {
        None => Some(own()),
        Some(PlanScope::Unlimited) => None,
        Some(PlanScope::Limits(set)) => match set.iter().find(|(name, _)| *name == limit.name) {
            None => Some(own()),
            Some((_, PlanLimit::Unlimited)) => None,
            Some((_, PlanLimit::Rate { rate, burst })) => Some(params(rate, *burst, limit.unit)),
        },
    }
}

/// What each limit was, and how many generations ago it changed. Without an earlier generation, and
/// for a limit that is new, there was none.
fn histories(rows: &mut [Row], stride: usize, previous: Option<&Previous>) -> Vec<History> {
    let before = |index: usize| -> Option<(&Row, &History)> {
        let previous = previous?;
        let (plan, scope) = (index / stride, index % stride);
        let old_stride = previous.row_stride as usize;
        let index = (scope < old_stride).then_some(plan * old_stride + scope)?;
        previous.rows.get(index).zip(previous.histories.get(index))
    };
    let mut histories = vec![History::default(); rows.len()];
    for (index, (row, history)) in rows.iter_mut().zip(&mut histories).enumerate() {
        let old = before(index);
        for slot in 0..MAX_LIMITS {
            let old = old.map(|(row, history)| (&row.limits[slot], &history.limits[slot]));
            history.limits[slot] = carry(&mut row.limits[slot], old);
        }
    }
    histories
}

fn carry(limit: &mut LimitParams, old: Option<(&LimitParams, &LimitHistory)>) -> LimitHistory {
    let scale = scale(limit);
    let Some((was, history)) = old else {
        return LimitHistory {
            scale,
            changed_before_ago: u32::MAX,
            ..LimitHistory::default()
        };
    };
    let rate = |l: &LimitParams| (l.unit, l.increment, l.shift, l.depth);
    if rate(was) == rate(limit) {
        limit.changed_ago = was.changed_ago.saturating_add(1);
        return LimitHistory {
            changed_before_ago: history.changed_before_ago.saturating_add(1),
            ..*history
        };
    }
    LimitHistory {
        scale,
        before: history.scale,
        increment_before: was.increment,
        depth_before: was.depth,
        changed_before_ago: was.changed_ago.saturating_add(1),
        unit_before: was.unit,
        shift_before: was.shift,
        reserved: 0,
    }
}
