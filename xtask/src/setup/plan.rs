//! Which toolchain, and what is missing for it: a pure function of the machine.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    apt::{self, Apt},
    linker,
    machine::Machine,
    rust::{Rust, major_minor},
};
use crate::toolchain::Toolchain;

/// The oldest Rust that builds the workspace.
const MIN_RUST: (u32, u32) = (1, 88);
/// The LLVM of Debian's rustc-web, for as long as there is no rustc-web to ask.
const DEBIAN_LLVM: u32 = 22;
const NIGHTLY_MEND: &str = "`rustup toolchain install nightly --component rust-src`";

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read the package index.
    Update,
    Install(Vec<String>),
    Ready(Choice),
}

/// The toolchain to build with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) rust: Rust,
    /// Its release, and where from.
    name: String,
    nightly: bool,
    /// Where the llvm-config of its LLVM is.
    llvm_bin: PathBuf,
}

impl Choice {
    pub(super) fn toolchain(&self, tools: &Path) -> Toolchain {
        Toolchain {
            cargo: self.rust.cargo.clone(),
            rustc: self.rust.rustc.clone(),
            path_prefix: format!(
                "{}:{}",
                tools.join("bin").display(),
                self.llvm_bin.display()
            ),
            bootstrap: !self.nightly,
            describe: format!(
                "{}, llvm-{}, bpf-linker {}",
                self.name,
                self.rust.llvm,
                linker::VERSION
            ),
        }
    }
}

/// Why there is no next step, and what the user can do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

/// A toolchain that is there, or would be with the packages it lacks.
struct Candidate {
    choice: Option<Choice>,
    lacks: Vec<String>,
}

/// What is ready comes before what has to be installed, and rustup's nightly before the distribution's Rust.
pub(super) fn next(machine: &Machine) -> Result<Step, Refusal> {
    let mut candidates: Vec<_> = [nightly(machine), distribution(machine)]
        .into_iter()
        .flatten()
        .collect();
    let ready = candidates
        .iter()
        .position(|candidate| candidate.lacks.is_empty());
    if let Some(choice) = ready.and_then(|index| candidates.swap_remove(index).choice) {
        return Ok(Step::Ready(choice));
    }
    match &machine.apt {
        Apt::Absent => Err(no_apt(machine)),
        _ if !machine.root => Err(not_root(&candidates)),
        Apt::Stale => Ok(Step::Update),
        Apt::Fresh(offered) => candidates
            .into_iter()
            .map(|candidate| candidate.lacks)
            .find(|lacks| lacks.iter().all(|package| offers(offered, package)))
            .map(Step::Install)
            .ok_or_else(not_offered),
    }
}

fn nightly(machine: &Machine) -> Option<Candidate> {
    let rust = machine.nightly.as_ref()?;
    (rust.source && modern(rust) && linkable(rust)).then(|| {
        let name = format!("rustup's rustc {} (rust-src)", rust.release);
        candidate(machine, Vec::new(), Some((rust, name, true)))
    })
}

fn distribution(machine: &Machine) -> Option<Candidate> {
    let Some(rust) = machine.system.as_ref().filter(|rust| modern(rust)) else {
        return Some(candidate(machine, owned(&apt::RUST), None));
    };
    let name = match machine.apt {
        Apt::Absent => format!("the system's rustc {}", rust.release),
        _ => format!("Debian rustc {} (rust-web-src)", rust.release),
    };
    let lacks = if rust.source {
        &[][..]
    } else {
        &["rust-web-src"]
    };
    linkable(rust).then(|| candidate(machine, owned(lacks), Some((rust, name, false))))
}

/// `found` and what is missing beside the Rust itself, which `lacks` has already.
fn candidate(
    machine: &Machine,
    mut lacks: Vec<String>,
    found: Option<(&Rust, String, bool)>,
) -> Candidate {
    let llvm = found.as_ref().map_or(DEBIAN_LLVM, |(rust, ..)| rust.llvm);
    let llvm_bin = machine.llvm.get(&llvm);
    if llvm_bin.is_none() {
        lacks.push(format!("llvm-{llvm}-dev"));
    }
    if !machine.cc {
        lacks.extend(owned(&["gcc", "libc6-dev"]));
    }
    // The build does without `ip`; what needs it needs root, too.
    if !machine.ip && machine.root && machine.apt != Apt::Absent {
        lacks.extend(owned(&["iproute2"]));
    }
    let choice = found
        .zip(llvm_bin)
        .map(|((rust, name, nightly), llvm_bin)| Choice {
            rust: rust.clone(),
            name,
            nightly,
            llvm_bin: llvm_bin.clone(),
        });
    Candidate { choice, lacks }
}

fn modern(rust: &Rust) -> bool {
    major_minor(&rust.release) >= Some(MIN_RUST)
}

fn linkable(rust: &Rust) -> bool {
    linker::LLVM.contains(&rust.llvm)
}

fn offers(offered: &BTreeMap<String, String>, package: &str) -> bool {
    offered.get(package).is_some_and(|version| {
        // Debian 12 without its security archive has one that is too old.
        package != "rustc-web" || major_minor(version) >= Some(MIN_RUST)
    })
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn no_apt(machine: &Machine) -> Refusal {
    let nightly = match &machine.nightly {
        None => "rustup's nightly is not installed".to_owned(),
        Some(rust) if !rust.source => "rustup's nightly has no rust-src".to_owned(),
        Some(rust) => format!("no LLVM {} to link bpf-linker with", rust.llvm),
    };
    let (first, last) = linker::LLVM.into_inner();
    Refusal(format!(
        "no BPF toolchain here ({nightly}), and no apt-get to install one. Either {NIGHTLY_MEND} and its LLVM major \
         ({first} to {last}) with llvm-config in PATH; or Debian's {}, llvm-{DEBIAN_LLVM}-dev",
        apt::RUST.join(", ")
    ))
}

fn not_offered() -> Refusal {
    let (major, minor) = MIN_RUST;
    Refusal(format!(
        "apt-get offers no rustc-web {major}.{minor} or later with rust-web-src and llvm-{DEBIAN_LLVM}-dev: in Debian \
         12, add bookworm-security to the sources; or use rustup: {NIGHTLY_MEND}"
    ))
}

fn not_root(candidates: &[Candidate]) -> Refusal {
    let lacks = candidates
        .first()
        .map_or_else(String::new, |candidate| candidate.lacks.join(" "));
    Refusal(format!(
        "the BPF toolchain needs packages, and installing them needs root: `sudo apt-get update && sudo apt-get install \
         --no-install-recommends {lacks}`, then this command again"
    ))
}

#[cfg(test)]
mod tests;
