//! A kernel that is too old is told so, in one sentence.

use throttler::kernel::features::{self, LOWEST_KERNEL};
use throttler_lab::{PinDir, topology::SERVER_IFACE};

use crate::report::note;
use crate::site::{FIVE_A_DAY, LONG, binary, lab};

#[test]
#[ignore = "for kernels below the lowest one: `cargo xtask kernels` runs it on 5.10"]
fn the_daemon_refuses_and_says_what_is_missing() {
    let lab = lab("refused");
    let pins = PinDir::new().expect("a directory");
    let files = tempfile::tempdir().expect("a directory");
    let policy = files.path().join("policy.toml");
    std::fs::write(&policy, FIVE_A_DAY).expect("a file");
    let mut run = lab.server().command(binary());
    run.args(["run", "--iface", SERVER_IFACE, "-c"])
        .arg(&policy);
    run.arg("--bpffs").arg(pins.path());
    run.arg("--state-dir").arg(files.path());
    let output = throttler_lab::run(&mut run, LONG).expect("an end by itself");

    assert_eq!(output.code(), Some(1), "{output:?}");
    let missing = features::missing();
    assert!(!missing.is_empty(), "{output:?}");
    for text in missing.iter().map(String::as_str).chain([
        "this kernel (Linux ",
        &format!(
            "Throttler needs Linux {}.{} or later",
            LOWEST_KERNEL.0, LOWEST_KERNEL.1
        ),
    ]) {
        assert!(output.stderr.contains(text), "`{text}`: {output:?}");
    }
    // Neither the verifier's log nor a system call's name.
    for text in ["verifier", "insn", "BPF_", "panicked"] {
        assert!(!output.stderr.contains(text), "`{text}`: {output:?}");
    }
    let left: Vec<_> = std::fs::read_dir(pins.path()).expect("the pins").collect();
    assert!(left.is_empty(), "{left:?}");
    note("missing", missing);
    note("refusal", output.stderr.trim());
}
