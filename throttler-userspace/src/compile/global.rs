//! The rows of `global` limits.

use throttler_common::abi::Row;

use super::fixed_point::part_params;
use super::identify::Ids;
use crate::config::{Scope, split};

/// The row of one part of a scope's `global` limits: 0 is the common one, 1 the one reserved for protected
/// plans. Empty where the scope has no such part.
pub(super) fn row(scope: &Scope, part: usize, ids: &Ids) -> Row {
    let mut row = Row::default();
    for limit in &scope.global {
        let part = split(limit.burst, scope.reserved)[part];
        if part.percent == 0 {
            continue;
        }
        let params = part_params(&limit.rate, part, limit.unit);
        let index = ids.global[&(scope.name.clone(), limit.name.clone())];
        row.limits[usize::from(index)] = params;
        row.count += 1;
        row.units |= 1 << params.unit;
    }
    row
}
