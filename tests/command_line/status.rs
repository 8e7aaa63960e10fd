//! Exit statuses other than 0, 2 and 77, each with the mend in its message. Needs root.

use std::fs;

use tempfile::TempDir;
use throttler_lab::{CliOutput, Lab, PinDir, topology::SERVER_IFACE};

use crate::said::{binary, clean, replaced, run, shown, snapshot, throttler, without_log_times};

#[test]
fn nothing_attached_is_3() {
    let pins = PinDir::new().expect("an empty directory on the BPF file system");
    let path = pins.path().to_str().expect("a path");
    let mut all = String::new();
    for args in [
        &["status"][..],
        &["dump", "counters"],
        &["dump", "buckets", "-o", "json"],
        &["dump", "sources"],
        &["explain", "10.0.0.1"],
        &["pause", "--for", "1min"],
        &["resume"],
        &["detach"],
        &["status", "--iface", "eth7"],
        &["detach", "--iface", "eth7"],
    ] {
        let mut command = throttler(args);
        command.args(["--bpffs", path]);
        let output = run(command);
        assert_eq!(
            (output.code(), output.stdout.as_str()),
            (Some(3), ""),
            "{args:?}: {output:?}"
        );
        all += &format!(
            "$ throttler {}\n{}",
            args.join(" "),
            replaced(&output.stderr, &[(path, "PINS")])
        );
    }
    snapshot!("nothing_attached", all.trim_end());
}

/// `throttler run` in the server's namespace of a lab, where the interfaces are the same on every machine.
fn refused_run(lab: &Lab, bpffs: &str, args: &[&str]) -> CliOutput {
    let state = TempDir::new().expect("a directory");
    let mut command = clean(lab.server().command(binary()));
    command.args(["run", "--bpffs", bpffs]).args(args);
    command.arg("--state-dir").arg(state.path().join("state"));
    command.arg("--socket").arg(state.path().join("socket"));
    run(command)
}

fn snapshot_of(name: &str, output: &CliOutput, replacements: &[(&str, &str)]) {
    assert_eq!(output.stdout, "");
    let text = without_log_times(&replaced(&shown(output), replacements));
    snapshot!(name, text);
}

#[test]
fn a_missing_interface_is_1() {
    let (lab, pins) = (
        Lab::new("noif").expect("a lab"),
        PinDir::new().expect("pins"),
    );
    let path = pins.path().to_str().expect("a path");
    let output = refused_run(&lab, path, &["--iface", "veth-x"]);
    assert_eq!(output.code(), Some(1));
    snapshot_of("run_missing_interface", &output, &[(path, "PINS")]);
    let left = fs::read_dir(pins.path()).expect("the directory").count();
    assert_eq!(left, 0, "nothing was pinned");
}

#[test]
fn pins_that_are_not_on_a_bpf_file_system_are_1() {
    let (lab, elsewhere) = (
        Lab::new("nofs").expect("a lab"),
        TempDir::new().expect("a directory"),
    );
    let path = elsewhere.path().to_str().expect("a path");
    let output = refused_run(&lab, path, &["--iface", SERVER_IFACE]);
    assert_eq!(output.code(), Some(1));
    snapshot_of("run_no_bpffs", &output, &[(path, "ELSEWHERE")]);
}

#[test]
fn a_bad_policy_is_78() {
    let (lab, files) = (
        Lab::new("badp").expect("a lab"),
        TempDir::new().expect("a directory"),
    );
    let policy = files.path().join("bad.toml");
    fs::write(&policy, "[throttler]\nmode = \"loud\"\n").expect("a file");
    let (path, directory) = (
        policy.to_str().expect("a path"),
        files.path().to_str().expect("a path"),
    );
    let output = refused_run(&lab, directory, &["--iface", SERVER_IFACE, "-c", path]);
    assert_eq!(output.code(), Some(78));
    snapshot_of("run_bad_policy", &output, &[(directory, "DIR")]);
}
