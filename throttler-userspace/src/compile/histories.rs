//! What limits were in the generations before, for the buckets that were charged by those.

use throttler_common::abi::{History, LimitHistory, LimitParams, MAX_LIMITS, Row};

use super::fixed_point::scale;
use super::layout::Layout;
use super::tables::Previous;

/// What each limit was, and how many generations ago it changed. Without an earlier generation, and
/// for a limit that is new, there was none.
pub(super) fn histories(
    rows: &mut [Row],
    layout: Layout,
    previous: Option<&Previous>,
) -> Vec<History> {
    let before = |index: usize| -> Option<(&Row, &History)> {
        let previous = previous?;
        // The same plan and scope may lie elsewhere now.
        let (run, scope) = layout.place(index);
        let index = Layout::of(previous).index(run, scope)?;
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
