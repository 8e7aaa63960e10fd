//! Puts a policy into force on an interface, with what operators say beside it.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Result;

use super::heal::Enforced;
use super::policy::Policy;
use super::{RunArgs, lockout};
use crate::cli::failure::{Failure, Status};
use crate::compile::{self, Description};
use crate::config::SourceRule;
use crate::kernel::tables::Tables;
use crate::kernel::{canary, monotonic, publish as kernel};
use crate::overrides::Book;

/// A generation that was put into force.
pub(super) struct Published {
    pub(super) policy: Rc<Policy>,
    pub(super) description: Arc<Description>,
    pub(super) enforced: Enforced,
}

/// Compiles a policy with what operators say beside it, and publishes both as the next generation.
///
/// # Errors
/// It does not fit into the maps, or the kernel's. The generation in force stays as it was.
pub(super) fn publish(
    tables: &Tables,
    args: &RunArgs,
    policy: &Rc<Policy>,
    book: &Book,
) -> Result<Published> {
    let previous = match kernel::previous(tables) {
        Ok(previous) => previous,
        Err(error) => {
            log::warn!(
                "the earlier policy's description cannot be read ({error:#}); names start anew"
            );
            None
        }
    };
    let clock = monotonic::now();
    let (mut beside, missing) = book.rules(&policy.config.plans, clock.wall);
    for plan in missing {
        log::warn!(
            "sources are bound to the plan `{plan}`, which the policy does not have: until it does, the policy's own rules hold for them"
        );
    }
    beside.extend(args.operator.map(lockout::rule));
    let mut compiled = compiled(policy, &beside, previous.as_ref(), clock)?;
    drop((beside, previous));
    compiled.description.policy.clone_from(&policy.name);
    let expected = canary::reserve(&mut compiled);
    kernel::publish(tables, &compiled)?;
    Ok(Published {
        policy: Rc::clone(policy),
        enforced: Enforced::of(&compiled, expected),
        description: Arc::new(compiled.description),
    })
}

fn compiled(
    policy: &Policy,
    beside: &[SourceRule],
    previous: Option<&compile::Previous>,
    clock: compile::Clock,
) -> Result<compile::PolicyTables> {
    let compiled = compile::compile_with(&policy.config, beside, previous, clock);
    Ok(compiled.map_err(|error| Failure::new(Status::BadPolicy, error.to_string()))?)
}
