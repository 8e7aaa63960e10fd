//! The choice on machines of all kinds.

use std::{collections::BTreeMap, path::Path};

use super::{Step, next};
use crate::setup::{apt::Apt, machine::Machine, rust::Rust};

/// Root on a Debian with a C compiler and `ip`, and nothing for BPF.
fn bare() -> Machine {
    Machine {
        root: true,
        apt: Apt::Stale,
        nightly: None,
        system: None,
        llvm: BTreeMap::new(),
        cc: true,
        ip: true,
    }
}

fn rust(bin: &str, release: &str, llvm: u32, source: bool) -> Rust {
    Rust {
        cargo: Path::new(bin).join("cargo"),
        rustc: Path::new(bin).join("rustc"),
        release: release.to_owned(),
        llvm,
        source,
    }
}

fn nightly(llvm: u32, source: bool) -> Option<Rust> {
    Some(rust("/rustup/nightly/bin", "1.97.0-nightly", llvm, source))
}

fn debian() -> Option<Rust> {
    Some(rust("/usr/bin", "1.96.0", 22, true))
}

fn llvm(majors: &[u32]) -> BTreeMap<u32, std::path::PathBuf> {
    majors
        .iter()
        .map(|&major| (major, format!("/usr/lib/llvm-{major}/bin").into()))
        .collect()
}

/// An index in which the packages have the versions that Debian 12 has.
fn offering(packages: &[&str]) -> Apt {
    let version = |package: &str| match package {
        "rustc-web" => "1.96.0+dfsg1-1~deb12u2",
        _ => "1",
    };
    let offered = packages
        .iter()
        .map(|&package| (package.to_owned(), version(package).to_owned()));
    Apt::Fresh(offered.collect())
}

fn described(machine: &Machine) -> String {
    match next(machine) {
        Ok(Step::Ready(choice)) => choice.toolchain(Path::new("/t")).describe,
        other => panic!("{other:?}"),
    }
}

fn installs(machine: &Machine) -> String {
    match next(machine) {
        Ok(Step::Install(packages)) => packages.join(" "),
        other => panic!("{other:?}"),
    }
}

fn refusal(machine: &Machine) -> String {
    next(machine).expect_err("a refusal").to_string()
}

#[test]
fn a_bare_debian_installs_the_pair_after_reading_the_index() {
    let mut machine = bare();
    assert_eq!(next(&machine), Ok(Step::Update));
    machine.apt = offering(&["rustc-web", "cargo-web", "rust-web-src", "llvm-22-dev"]);
    assert_eq!(
        installs(&machine),
        "rustc-web cargo-web rust-web-src llvm-22-dev"
    );
    (machine.system, machine.llvm) = (debian(), llvm(&[22]));
    assert_eq!(
        described(&machine),
        "Debian rustc 1.96.0 (rust-web-src), llvm-22, bpf-linker 0.13.0"
    );
}

#[test]
fn the_compiler_and_ip_come_along() {
    let mut machine = bare();
    (machine.cc, machine.ip) = (false, false);
    machine.apt = offering(&[
        "rustc-web",
        "cargo-web",
        "rust-web-src",
        "llvm-22-dev",
        "gcc",
        "libc6-dev",
        "iproute2",
    ]);
    assert_eq!(
        installs(&machine),
        "rustc-web cargo-web rust-web-src llvm-22-dev gcc libc6-dev iproute2"
    );
}

#[test]
fn ip_is_not_asked_of_those_who_cannot_use_it() {
    let mut machine = bare();
    (machine.system, machine.llvm) = (debian(), llvm(&[22]));
    (machine.ip, machine.root) = (false, false);
    described(&machine);
    machine.root = true;
    assert_eq!(next(&machine), Ok(Step::Update));
    machine.apt = Apt::Absent;
    described(&machine);
}

#[test]
fn a_nightly_with_its_source_and_llvm_is_first() {
    let mut machine = bare();
    (machine.nightly, machine.system) = (nightly(22, true), debian());
    machine.llvm = llvm(&[22]);
    assert_eq!(
        described(&machine),
        "rustup's rustc 1.97.0-nightly (rust-src), llvm-22, bpf-linker 0.13.0"
    );
    let Ok(Step::Ready(choice)) = next(&machine) else {
        panic!("ready before");
    };
    let toolchain = choice.toolchain(Path::new("/t/bpf-tools"));
    assert!(!toolchain.bootstrap);
    assert_eq!(
        toolchain.path_prefix,
        "/t/bpf-tools/bin:/usr/lib/llvm-22/bin"
    );
}

#[test]
fn a_nightly_without_source_falls_through_to_debian() {
    let mut machine = bare();
    (machine.nightly, machine.system) = (nightly(22, false), debian());
    machine.llvm = llvm(&[22]);
    assert!(described(&machine).starts_with("Debian"));
}

#[test]
fn a_nightly_whose_llvm_no_linker_knows_falls_through_to_debian() {
    let mut machine = bare();
    (machine.nightly, machine.system) = (nightly(24, true), debian());
    machine.llvm = llvm(&[22, 24]);
    assert!(described(&machine).starts_with("Debian"));
}

#[test]
fn a_nightly_lacking_only_llvm_gets_it_if_there_is_one_to_get() {
    let mut machine = bare();
    machine.nightly = nightly(23, true);
    let pair = ["rustc-web", "cargo-web", "rust-web-src", "llvm-22-dev"];
    machine.apt = offering(&pair);
    assert_eq!(installs(&machine), pair.join(" "));
    machine.apt = offering(&["llvm-23-dev"]);
    assert_eq!(installs(&machine), "llvm-23-dev");
    // What is ready needs no installing.
    (machine.system, machine.llvm) = (debian(), llvm(&[22]));
    assert!(described(&machine).starts_with("Debian"));
}

#[test]
fn a_debian_rustc_newer_than_expected_gets_its_own_llvm() {
    let mut machine = bare();
    machine.system = Some(rust("/usr/bin", "1.99.0", 23, true));
    machine.llvm = llvm(&[22]);
    machine.apt = offering(&["llvm-23-dev"]);
    assert_eq!(installs(&machine), "llvm-23-dev");
}

#[test]
fn an_old_rustc_counts_for_nothing() {
    let mut machine = bare();
    machine.system = Some(rust("/usr/bin", "1.63.0", 14, true));
    machine.llvm = llvm(&[22]);
    machine.apt = offering(&["rustc-web", "cargo-web", "rust-web-src"]);
    assert_eq!(installs(&machine), "rustc-web cargo-web rust-web-src");
}

#[test]
fn an_index_without_a_modern_rustc_is_refused() {
    let mut machine = bare();
    let mut old = offering(&["rustc-web", "cargo-web", "rust-web-src", "llvm-22-dev"]);
    if let Apt::Fresh(offered) = &mut old {
        offered.insert("rustc-web".into(), "1.85.0+dfsg3-1~deb12u3".into());
    }
    machine.apt = old;
    let refusal = refusal(&machine);
    assert!(
        refusal.contains("rustc-web 1.88") && refusal.contains("bookworm-security"),
        "{refusal}"
    );
}

#[test]
fn without_root_the_refusal_is_a_command_to_copy() {
    let mut machine = bare();
    machine.root = false;
    let refusal = refusal(&machine);
    assert!(
        refusal.contains(
            "`sudo apt-get update && sudo apt-get install --no-install-recommends rustc-web cargo-web rust-web-src \
             llvm-22-dev`"
        ),
        "{refusal}"
    );
}

#[test]
fn without_apt_the_refusal_names_both_ways() {
    let mut machine = bare();
    machine.apt = Apt::Absent;
    machine.nightly = nightly(22, false);
    let refusal = refusal(&machine);
    for part in ["no rust-src", "rustup toolchain install", "llvm-22-dev"] {
        assert!(refusal.contains(part), "{part} in {refusal}");
    }
    // And with either there, apt-get is not missed.
    (machine.system, machine.llvm) = (debian(), llvm(&[22]));
    assert!(described(&machine).starts_with("the system's rustc 1.96.0, "));
}
