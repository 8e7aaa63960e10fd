//! The proof of the proofs: each patch in `tests/defects` puts one defect into the product, and the check that it names
//! must fail by it. A copy of the tree is what they are applied to.

mod patch;
mod tree;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use self::tree::Tree;
use super::{Effort, step::Step};
use crate::workspace::Workspace;

pub(super) fn steps(_: Effort) -> Vec<Step> {
    vec![Step::Work(run)]
}

/// Short: every patch still applies. Long: every one is noticed, too.
fn run(workspace: &Workspace, effort: Effort) -> Result<()> {
    let patches = patch::all(&workspace.root)?;
    let tree = Tree::copy(workspace)?;
    for patch in &patches {
        tree.check(patch)?;
    }
    println!("{} defects apply", patches.len());
    if effort == Effort::Short {
        return Ok(());
    }
    // A check that fails anyway would notice anything.
    let commands: BTreeSet<&str> = patches.iter().map(|patch| patch.run.as_str()).collect();
    for command in commands {
        eprintln!("prove: without a defect: {command}");
        let outcome = tree.run(command)?;
        ensure!(
            outcome.success,
            "`{command}` fails without any defect:\n{}",
            outcome.tail()
        );
    }
    let mut missed = Vec::new();
    for patch in &patches {
        tree.apply(patch)?;
        let outcome = tree.run(&patch.run);
        tree.revert(patch)?;
        let outcome = outcome.with_context(|| format!("with {}", patch.name))?;
        let noticed = !outcome.success && outcome.output.contains(&patch.fails);
        println!(
            "{:8} {:32} {}",
            if noticed { "noticed" } else { "MISSED" },
            patch.name,
            patch.what
        );
        if !noticed {
            eprintln!("{}", outcome.tail());
            missed.push(patch.name.as_str());
        }
    }
    ensure!(
        missed.is_empty(),
        "{} of {} defects were not noticed: {}",
        missed.len(),
        patches.len(),
        missed.join(", ")
    );
    println!("all {} defects noticed", patches.len());
    Ok(())
}
