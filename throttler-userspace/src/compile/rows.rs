//! The rows: the limits of each scope and layer for each plan, and those of all sources together.

use throttler_common::abi::{History, LimitParams, Row, row_flag};

use super::fixed_point::params;
use super::histories::histories;
use super::identify::Ids;
use super::layout::{Layout, Run};
use super::tables::Previous;
use super::{CompileError, global};
use crate::config::{Config, Limit, Mode, Plan, PlanLimit, PlanScope};

/// The rows of one generation.
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    pub(super) histories: Vec<History>,
    pub(super) layout: Layout,
}

pub(super) fn rows(
    config: &Config,
    ids: &Ids,
    previous: Option<&Previous>,
) -> Result<Rows, CompileError> {
    let layout = Layout::new(config, ids)?;
    let mut rows = vec![Row::default(); layout.rows()];
    let named = |id: usize| {
        config
            .plans
            .iter()
            .find(|p| usize::from(ids.plans[&p.name]) == id)
    };
    for plan in 0..layout.plans {
        for set in limited(config) {
            let index = plan * layout.stride + usize::from(ids.scopes[set.name]);
            rows[index] = row(&set, named(plan), ids);
        }
    }
    for scope in &config.scopes {
        let id = usize::from(ids.scopes[&scope.name]);
        for (run, part) in [(Run::Common, 0), (Run::Reserved, 1)] {
            if let Some(index) = layout.index(run, id) {
                rows[index] = global::row(scope, part, ids);
            }
        }
    }
    let histories = histories(&mut rows, layout, previous);
    Ok(Rows {
        rows,
        histories,
        layout,
    })
}

/// A scope or layer, alike as far as limits go.
struct Limited<'a> {
    name: &'a str,
    limits: &'a [Limit],
    monitor: bool,
    layer: Option<&'a str>,
    global: bool,
    protected: &'a [String],
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
        global: !scope.global.is_empty(),
        protected: &scope.protected,
    });
    scopes.chain(config.layers.iter().map(|layer| Limited {
        name: &layer.name,
        limits: &layer.limits,
        monitor: config.mode == Mode::Monitor,
        layer: None,
        global: false,
        protected: &[],
    }))
}

fn row(set: &Limited<'_>, plan: Option<&Plan>, ids: &Ids) -> Row {
    let over = plan
        .and_then(|plan| plan.scopes.iter().find(|(scope, _)| scope == set.name))
        .map(|(_, over)| over);
    // "unlimited" says that nothing refuses: neither its own limits nor those of all together.
    let global = set.global && over != Some(&PlanScope::Unlimited);
    let is_protected = plan.is_some_and(|plan| set.protected.contains(&plan.name));
    let flags = [
        (set.monitor, row_flag::MONITOR),
        (global, row_flag::GLOBAL),
        (global && is_protected, row_flag::PROTECTED),
    ];
    let mut row = Row {
        flags: flags
            .iter()
            .filter(|(set, _)| *set)
            .fold(0, |flags, (_, flag)| flags | flag),
        layer: set.layer.map_or(0, |layer| ids.scopes[layer]),
        ..Row::default()
    };
    for limit in set.limits {
        let Some(params) = limit_params(limit, over) else {
            continue;
        };
        let index = ids.limits[&(set.name.to_owned(), limit.name.clone())];
        row.limits[usize::from(index)] = params;
        row.count += 1;
        row.lone = index;
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
