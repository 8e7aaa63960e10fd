//! `Config -> PolicyTables`: the tables that the datapath reads, and the description that people read.
//!
//! Pure: time, the earlier generation and the policy are arguments. Identifiers of scopes, plans and
//! limits are kept by name from the earlier generation, so that counters and buckets go on.

mod abuse;
mod classes;
mod classifier;
mod covering;
mod describe;
mod description;
mod fixed_point;
mod global;
mod histories;
mod identify;
mod layout;
mod ports;
mod rows;
mod rules;
mod tables;
mod verify;

pub(crate) use abuse::period;
pub use abuse::{AbuseDescription, WidenDescription};
pub use description::{
    Description, LimitDescription, OverrideDescription, PlanDescription, RuleDescription,
    ScopeDescription, ScopeKind,
};
pub use fixed_point::{increment, params, part_params, scale};
pub use layout::row_count;
pub use tables::{Clock, PolicyTables, Previous};
pub use verify::{Contradiction, verify};

#[cfg(test)]
mod tests;

use crate::config::{Config, SourceRule};

/// What a valid policy can still fail by: more than the maps hold.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// Scope and layer names used since the program was attached.
    #[error(
        "{0} scope and layer names have been used since the program was attached, at most 255 are kept apart; \
         `throttler detach` and `throttler run` start anew"
    )]
    TooManyScopes(usize),
    /// Rows of plans and scopes, and of `global` limits.
    #[error(
        "{plans} plans times {scopes} scopes and layers{with} need {need} rows, there are {max}; \
         use fewer plans or scopes",
        with = with_global(*global),
        max = throttler_common::abi::MAX_ROWS
    )]
    TooManyRows {
        /// Plans, "no plan" included.
        plans: usize,
        /// Scope identifiers in use.
        scopes: usize,
        /// Whether there are `global` limits, which take as many rows as two plans.
        global: bool,
        /// Rows that all of it needs.
        need: usize,
    },
    /// Cells of the classifier.
    #[error(
        "the scopes' matches cut traffic into {destinations} destination, {protocols} protocol and {ports} or more port \
         classes, {need} cells of at most {max}; use fewer distinct port ranges or destinations",
        max = throttler_common::abi::MAX_CELLS
    )]
    TooManyCells {
        /// Destination classes.
        destinations: usize,
        /// Protocol classes.
        protocols: usize,
        /// Port classes, as far as they were counted.
        ports: usize,
        /// Their product.
        need: usize,
    },
    /// Class prefixes.
    #[error(
        "{need} source prefixes, the trie holds {max} of one policy; merge neighbouring prefixes",
        max = throttler_common::abi::MAX_CLASSES / 2
    )]
    TooManyClasses {
        /// Entries that the policy needs.
        need: usize,
    },
}

fn with_global(global: bool) -> &'static str {
    if global {
        ", and two rows of each for `global` limits,"
    } else {
        ""
    }
}

/// Compiles a policy as the generation that follows `previous` (or generation 1).
///
/// # Errors
/// Where the maps cannot hold the policy.
pub fn compile(
    config: &Config,
    previous: Option<&Previous>,
    clock: Clock,
) -> Result<PolicyTables, CompileError> {
    compile_with(config, &[], previous, clock)
}

/// Compiles a policy with rules beside its own.
///
/// # Errors
/// As [`compile()`].
pub fn compile_with(
    config: &Config,
    beside: &[SourceRule],
    previous: Option<&Previous>,
    clock: Clock,
) -> Result<PolicyTables, CompileError> {
    let sources: Vec<&SourceRule> = config.sources.iter().chain(beside).collect();
    let ids = identify::identify(config, previous.map(|p| &p.description))?;
    let generation = previous.map_or(0, |p| p.description.generation) + 1;
    let classified = classifier::classify(config, &ids)?;
    let rows = rows::rows(config, &ids, previous)?;
    let rules = rules::rules(&sources);
    let classes = classes::classes(config, &sources, &ids, &rules.index, clock)?;
    let prefixes = classes.prefixes;
    let description =
        describe::describe(config, &ids, generation, clock, rules.described, prefixes);
    Ok(tables::assemble(
        config,
        generation,
        classified,
        rows,
        classes,
        description,
    ))
}
