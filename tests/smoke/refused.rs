//! A kernel that is too old is told so, in one sentence.

use std::time::Duration;

use throttler::kernel::features::{self, LOWEST_KERNEL};
use throttler_lab::{PinDir, topology::SERVER_IFACE};

use crate::report::note;
use crate::site::{FIVE_A_DAY, binary, lab};

const LIMIT: Duration = Duration::from_secs(60);

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
    let output = throttler_lab::run(&mut run, LIMIT).expect("an end by itself");

    assert_eq!(output.code(), Some(1), "{output:?}");
    let missing = features::missing();
    // Newer than any kernel that this test is run on; the probes of what is older are seen to succeed elsewhere.
    for name in [
        "compare-and-swap",
        "several buffers",
        "bpf_xdp_get_buff_len",
    ] {
        assert!(missing.iter().any(|one| one.contains(name)), "{missing:?}");
    }
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
    // The directory of this version's pins stays, as after `detach`, and is empty.
    for entry in std::fs::read_dir(pins.path()).expect("the pins") {
        let path = entry.expect("an entry").path();
        let left: Vec<_> = std::fs::read_dir(&path).expect("a directory").collect();
        assert!(left.is_empty(), "{left:?}");
    }
    note("missing", missing);
    note("refusal", output.stderr.trim());
}
