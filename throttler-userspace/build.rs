//! Builds the XDP program for BPF, and gives the crate its path as `THROTTLER_OBJECT` (and that of the benchmark's
//! programs as `THROTTLER_BENCH_OBJECT`).
//!
//! With the toolchain that `cargo xtask setup` recorded, beside the record: in the target directory of this build, or
//! else in `target/` of the tree, so that builds into other target directories share it. A directory of its own also
//! keeps the cargo in here from waiting for the lock of the cargo around it.

#[path = "../xtask/src/toolchain.rs"]
mod toolchain;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::exit,
};

use toolchain::Toolchain;

/// What the object is made of, from the root of the tree. The lock file and profiles are the workspace's.
const SOURCES: [&str; 5] = [
    "Cargo.lock",
    "Cargo.toml",
    "throttler-common/Cargo.toml",
    "throttler-common/src",
    "throttler-ebpf",
];

fn main() {
    if let Err(error) = objects() {
        println!("cargo::error={error}");
    }
}

/// Copies the objects into this build's own directory: two builds do not tread on each other's.
fn objects() -> Result<(), String> {
    let (root, out) = (root()?, PathBuf::from(variable("OUT_DIR")?));
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    let tools = tools(&root, &out);
    let record = tools.join("toolchain");
    println!("cargo::rerun-if-changed={}", record.display());
    let text = fs::read_to_string(&record).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "the BPF toolchain is not set up: run `cargo xtask setup`".to_owned()
        }
        _ => format!("cannot read {}: {error}", record.display()),
    })?;
    let toolchain = Toolchain::parse(&text).map_err(|error| {
        format!(
            "cannot read {}: {error}; remove it and run `cargo xtask setup`",
            record.display()
        )
    })?;
    let built = build(&toolchain, &root, &tools.with_file_name("bpf"))?;
    for (binary, name) in [
        ("throttler-xdp", "THROTTLER_OBJECT"),
        ("throttler-bench", "THROTTLER_BENCH_OBJECT"),
    ] {
        let (from, to) = (built.join(binary), out.join(binary));
        fs::copy(&from, &to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
        println!("cargo::rustc-env={name}={}", to.display());
    }
    Ok(())
}

fn build(toolchain: &Toolchain, root: &Path, target_dir: &Path) -> Result<PathBuf, String> {
    let target = match variable("CARGO_CFG_TARGET_ENDIAN")?.as_str() {
        "big" => "bpfeb-unknown-none",
        _ => "bpfel-unknown-none",
    };
    // --btf: maps are defined by their BTF. v3: compare-and-swap. Misaligned: headers lie where the frame has them.
    // Block placement: it may let a loop's body fall through into the loop's head, which kernels up to 6.1 at least take
    // for a forbidden back-edge; without it loops end in their own jump.
    // The cfg: aya-ebpf's kernel structures are those of the machine that the object runs on.
    let flags = format!(
        "-Clink-arg=--btf -Clink-arg=--llvm-args=-disable-block-placement \
         -Ctarget-cpu=v3 -Ctarget-feature=+allows-misaligned-mem-access --cfg bpf_target_arch=\"{}\"",
        variable("CARGO_CFG_TARGET_ARCH")?
    );
    let mut cargo = toolchain.cargo(root);
    cargo
        .args(["build", "--locked", "--package", "throttler-ebpf"])
        .args(["-Z", "build-std=core", "--target", target])
        .args(["--profile", "bpf", "--target-dir"])
        .arg(target_dir)
        .env("RUSTFLAGS", flags);
    if toolchain.bootstrap {
        cargo.env("RUSTC_BOOTSTRAP", "1");
    }
    let status = cargo.status().map_err(|error| {
        format!(
            "cannot start {}: {error}; run `cargo xtask setup`",
            toolchain.cargo.display()
        )
    })?;
    if !status.success() {
        println!(
            "cargo::error=the XDP program does not build with {}",
            toolchain.describe
        );
        // A failed script, unlike an error from one that ends well, makes cargo show what the compiler said.
        exit(1);
    }
    Ok(target_dir.join(target).join("bpf"))
}

fn tools(root: &Path, out: &Path) -> PathBuf {
    out.ancestors()
        .map(|ancestor| ancestor.join("bpf-tools"))
        .find(|tools| tools.join("toolchain").exists())
        .unwrap_or_else(|| root.join("target/bpf-tools"))
}

fn root() -> Result<PathBuf, String> {
    let crate_dir = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let root = crate_dir.parent().map(Path::to_owned);
    root.ok_or_else(|| format!("{} has no parent", crate_dir.display()))
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}; this is for cargo to run"))
}
