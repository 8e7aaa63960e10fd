//! Where a generation's rows lie: a run a plan, then, if any scope has `global` limits, the run of those and
//! the run of the shares that they keep for protected plans. Each run has a row for every scope and layer.

use throttler_common::abi::{MAX_ROWS, PolicyHead};

use super::CompileError;
use super::identify::Ids;
use super::tables::Previous;
use crate::config::Config;

/// The runs of one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Rows in a run.
    pub(super) stride: usize,
    /// Runs of plans, "no plan" included.
    pub(super) plans: usize,
    /// Whether the other two runs are there.
    pub(super) global: bool,
}

/// What a run's rows are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// A plan; 0: none.
    Plan(usize),
    /// The common parts of `global` limits.
    Common,
    /// Their reserved parts.
    Reserved,
}

impl Layout {
    /// The layout that a policy needs.
    pub(super) fn new(config: &Config, ids: &Ids) -> Result<Self, CompileError> {
        let layout = Self {
            stride: ids
                .scopes
                .values()
                .max()
                .map_or(1, |id| usize::from(*id) + 1),
            plans: ids
                .plans
                .values()
                .max()
                .map_or(1, |id| usize::from(*id) + 1),
            global: config.scopes.iter().any(|scope| !scope.global.is_empty()),
        };
        let need = layout.rows();
        if need > MAX_ROWS {
            return Err(CompileError::TooManyRows {
                plans: layout.plans,
                scopes: layout.stride,
                global: layout.global,
                need,
            });
        }
        Ok(layout)
    }

    /// The layout of the generation before.
    pub(super) fn of(previous: &Previous) -> Self {
        let stride = previous.row_stride as usize;
        let global = previous.global_rows != 0;
        let end = match global {
            true => previous.global_rows as usize,
            false => previous.rows.len(),
        };
        Self {
            stride,
            plans: end.checked_div(stride).unwrap_or(0),
            global,
        }
    }

    /// How many rows there are.
    pub(super) fn rows(self) -> usize {
        self.stride * (self.plans + if self.global { 2 } else { 0 })
    }

    /// Index of the first row of a run, if there is such a run.
    pub(super) fn first(self, run: Run) -> Option<usize> {
        let number = match run {
            Run::Plan(plan) => (plan < self.plans).then_some(plan)?,
            Run::Common => self.global.then_some(self.plans)?,
            Run::Reserved => self.global.then_some(self.plans + 1)?,
        };
        Some(number * self.stride)
    }

    /// Index of a scope's row in a run.
    pub(super) fn index(self, run: Run, scope: usize) -> Option<usize> {
        let first = self.first(run)?;
        (scope < self.stride).then_some(first + scope)
    }

    /// The run and the scope of a row.
    pub(super) fn place(self, index: usize) -> (Run, usize) {
        let (number, scope) = (index / self.stride, index % self.stride);
        let run = match number.checked_sub(self.plans) {
            None => Run::Plan(number),
            Some(0) => Run::Common,
            Some(_) => Run::Reserved,
        };
        (run, scope)
    }
}

/// How many rows the generation of this head has in its bank; `plans` is the number of its runs of plans, which is
/// the highest identifier of a plan and one.
#[must_use]
pub fn row_count(head: &PolicyHead, plans: u32) -> u32 {
    let end = match head.reserved_rows {
        0 => plans.saturating_mul(head.row_stride),
        reserved => reserved.saturating_add(head.row_stride),
    };
    end.min(MAX_ROWS as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_place() {
        for global in [false, true] {
            let layout = Layout {
                stride: 3,
                plans: 4,
                global,
            };
            for index in 0..layout.rows() {
                let (run, scope) = layout.place(index);
                assert_eq!(layout.index(run, scope), Some(index));
            }
            assert_eq!(layout.index(Run::Plan(4), 0), None);
            assert_eq!(layout.index(Run::Plan(3), 3), None);
            let common = layout.index(Run::Common, 2);
            assert_eq!(common, global.then_some(14));
        }
    }
}
