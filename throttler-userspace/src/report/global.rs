//! How the `global` limits of a scope stand.

use throttler_common::abi::{LimitParams, PolicyHead};
use throttler_common::class::{Kind, Word};
use throttler_common::global::{Share, row_index};

use super::attached::Attachment;
use super::bucket::Level;
use super::names::window;
use crate::compile::{LimitDescription, ScopeDescription};
use crate::config::split;

/// A `global` limit, as it stands for somebody.
pub(super) struct GlobalLevel<'a> {
    pub(super) limit: &'a LimitDescription,
    /// Nanoseconds in which it refills: of a share as of the whole.
    pub(super) window: u64,
    /// Units of the burst that are theirs to use.
    pub(super) burst: u64,
    pub(super) level: Level,
}

/// How a scope's `global` limits stand for a plan, and which refuses its next packet, if one does. A protected
/// plan has the reserved share and the common one, everybody else the common one alone. `now`, in monotonic
/// nanoseconds, is asked for once a bucket has been read.
pub(super) fn levels<'a>(
    attachment: &Attachment,
    scope: &'a ScopeDescription,
    protected: bool,
    now: &dyn Fn() -> u64,
) -> (Vec<GlobalLevel<'a>>, Option<usize>) {
    let common = share(attachment, scope, Share::Common, now);
    let reserved = if protected && scope.reserved > 0 {
        share(attachment, scope, Share::Reserved, now)
    } else {
        Vec::new()
    };
    let refuses = |levels: &[(Level, u64)]| levels.iter().position(|(level, _)| level.retry > 0);
    // A packet is charged to one share, all of its limits there.
    let refused = match refuses(&reserved) {
        None if !reserved.is_empty() => None,
        _ => refuses(&common),
    };
    let limits = scope.global.iter().enumerate();
    let levels = limits.filter_map(|(index, limit)| {
        let (mut level, window) = *common.get(index)?;
        let [mine, kept] = split(limit.burst, scope.reserved);
        let mut burst = mine.burst;
        if let Some((more, _)) = reserved.get(index) {
            burst += kept.burst;
            level = Level {
                remaining: level.remaining.saturating_add(more.remaining),
                reset: level.reset.max(more.reset),
                retry: level.retry.min(more.retry),
            };
        }
        Some(GlobalLevel {
            limit,
            window,
            burst,
            level,
        })
    });
    (levels.collect(), refused)
}

/// How one share of each limit stands, and its window, in the policy's order; empty where there is no such share.
fn share(
    attachment: &Attachment,
    scope: &ScopeDescription,
    share: Share,
    now: &dyn Fn() -> u64,
) -> Vec<(Level, u64)> {
    let generation = &attachment.generation;
    let head: &PolicyHead = &generation.head;
    let index = row_index(head, scope.id, share);
    // Without `global` limits there are no rows of them, and their index is 0.
    let Some(row) = generation.row_at(index).filter(|_| head.global_rows != 0) else {
        return Vec::new();
    };
    let record = attachment.tables.sources.global(scope.id, share as usize);
    let now = now();
    let word = Word::new(head.tag, Kind::Plan, 0, 0);
    let tat = generation.renewed(&record, index, word, now);
    let level = |limit: &LimitDescription| {
        let slot = usize::from(limit.index) % tat.len();
        let params: &LimitParams = &row.limits[slot];
        (Level::of(params, tat[slot], now), window(limit, params))
    };
    scope.global.iter().map(level).collect()
}
