//! `cargo xtask setup`: finds or installs what the XDP program's build needs, and records it for the build script.
//!
//! It is a loop of three steps: look at the machine, ask `plan` for the next step, take it. On a machine that has
//! everything the first look is also the last one.

pub(crate) mod apt;
mod bpffs;
mod linker;
mod machine;
mod plan;
mod record;
mod rust;
pub(crate) mod tools;

use std::{
    fs::{self, File, TryLockError},
    path::Path,
};

use anyhow::{Context, Result, ensure};

use crate::{toolchain::Toolchain, workspace::Workspace};
use machine::Machine;
use plan::{Choice, Step};

pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    println!("{}", run(workspace)?);
    Ok(())
}

/// Gives the line that says what was chosen. What takes long is announced on stderr.
pub(crate) fn run(workspace: &Workspace) -> Result<String> {
    let tools = workspace.tools();
    fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let _lock = lock(&tools.join("lock"))?;
    let choice = prepare_machine()?;
    let toolchain = choice.toolchain(&tools);
    let record = tools.join("toolchain");
    let recorded = fs::read_to_string(&record)
        .ok()
        .and_then(|text| Toolchain::parse(&text).ok());
    if recorded.as_ref() != Some(&toolchain) || !linker::works(&tools) {
        linker::install(&toolchain, choice.rust.llvm, workspace, &tools)?;
        // Last, and only if something is new: its time is what makes the XDP program's build run again.
        fs::write(&record, toolchain.to_string())
            .with_context(|| format!("cannot write {}", record.display()))?;
    }
    bpffs::mount_if_missing();
    Ok(format!("setup: BPF toolchain: {}", toolchain.describe))
}

/// Installs until the plan is content.
fn prepare_machine() -> Result<Choice> {
    let mut machine = Machine::probe();
    let mut installed = Vec::new();
    loop {
        match plan::next(&machine)? {
            Step::Ready(choice) => return Ok(choice),
            Step::Update => machine.apt = apt::update()?,
            Step::Install(packages) => {
                ensure!(
                    packages.iter().any(|package| !installed.contains(package)),
                    "apt-get installed {}, and yet they are not where they should be",
                    packages.join(", ")
                );
                apt::install(&packages)?;
                let apt = machine.apt;
                machine = Machine {
                    apt,
                    ..Machine::probe()
                };
                installed.extend(packages);
            }
        }
    }
}

/// Held until dropped, so that of two setups at once the second one finds everything done.
pub(crate) fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => eprintln!("waiting for another run to end"),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}
