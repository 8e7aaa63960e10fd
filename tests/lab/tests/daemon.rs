//! The daemon guard, against a stand-in that keeps the daemon's side of the contract in shell. Needs root.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tempfile::TempDir;
use throttler_lab::{Daemon, Lab, Reload};

const STAND_IN: &str = r#"#!/bin/sh
# Finds --bpffs and -c; `pin` is the attached program.
command=$1 all="$*"
while [ $# -gt 0 ]; do
    case $1 in --bpffs) pins=$2 ;; -c) policy=$2 ;; --refuse) refuse=1 ;; esac
    shift
done
load() {
    grep -q good "$policy" && echo "policy generation 2" >&2 || echo "bad; keeping the old policy" >&2
}
case $command in
    run)
        [ "$refuse" ] && { echo "no such mode" >&2; exit 78; }
        ip link show veth-s >/dev/null || exit 1
        mkdir -p "$pins/v1/veth-s"
        # One child for all the time: a signal that comes while the shell forks may be lost on it.
        sleep 60 & sleeper=$!
        trap load HUP
        trap 'kill $sleeper; echo bye >&2; exit 0' TERM
        echo "starting" >&2
        echo "enforcing on veth-s" >&2
        while kill -0 $sleeper; do wait $sleeper; done ;;
    detach) rmdir "$pins/v1/veth-s"; echo detached >"${pins##*/}.log" ;;
    dump)
        n=$(cat /proc/self/net/dev | grep -c veth-s)
        echo '{"interfaces":[{"iface":"veth-s","xdp_mode":"native","mode":"enforce","generation":1,' \
            '"totals":{"packets":'"$n"',"bytes":60,"passed":1,"dropped":0},' \
            '"scopes":[{"scope":"default","reasons":{"conforming":{"packets":1,"bytes":60}}}],' \
            '"sources":{"entries":1,"max":2},"events":{"sent":0,"lost":0}}]}' ;;
    fail) echo "said: $all" >&2; exit 4 ;;
esac
"#;

fn stand_in() -> (TempDir, PathBuf) {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("throttler");
    // The detach of the stand-in logs beside it.
    fs::write(
        &path,
        STAND_IN.replace(
            "${pins##*/}.log",
            &directory.path().join("log").display().to_string(),
        ),
    )
    .expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    (directory, path)
}

fn alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_daemon_runs_answers_and_is_cleaned_up() {
    let lab = Lab::new("daemon").expect("a lab");
    let (directory, binary) = stand_in();
    let mut daemon = Daemon::start(&lab, &binary, "good", &[]).expect("a daemon");
    let (pid, pins, state) = (
        daemon.pid().expect("a pid"),
        daemon.bpffs().to_owned(),
        daemon.state_dir(),
    );
    assert!(alive(pid) && pins.join("v1/veth-s").exists() && state.exists());

    let counters = daemon.counters().expect("counters");
    assert_eq!(
        (counters.packets, counters.reason("default", "conforming")),
        (1, (1, 60))
    );
    daemon
        .wait_counters(|counters| counters.passed == 1, Duration::from_secs(5))
        .expect("counters");
    let error = daemon
        .wait_counters(|counters| counters.passed == 2, Duration::from_millis(20))
        .expect_err("a limit");
    assert!(error.to_string().contains("not as awaited"), "{error}");

    let output = daemon.cli(&["fail", "now"]).expect("an end");
    assert_eq!(output.code(), Some(4));
    assert!(
        output
            .stderr
            .starts_with("said: fail now --bpffs /sys/fs/bpf/thr-lab-"),
        "{output:?}"
    );

    assert!(
        matches!(daemon.reload().expect("a word"), Reload::Applied(line) if line == "policy generation 2")
    );
    daemon.rewrite_policy("bad").expect("a policy");
    assert!(matches!(
        daemon.reload().expect("a word"),
        Reload::Refused(_)
    ));

    drop(daemon);
    assert!(!alive(pid) && !pins.exists() && !state.exists());
    assert!(directory.path().join("log").exists(), "detach was run");
}

#[test]
fn a_stopped_or_killed_daemon_keeps_its_pins_and_starts_again() {
    let lab = Lab::new("again").expect("a lab");
    let (_directory, binary) = stand_in();
    let mut daemon = Daemon::start(&lab, &binary, "good", &[]).expect("a daemon");
    assert!(daemon.restart().is_err(), "it runs");
    assert!(daemon.stop().expect("an end").success());
    daemon
        .wait_stderr(0, "bye", Duration::from_secs(5))
        .expect("a last word");
    assert!(daemon.pid().is_none() && daemon.stop().is_err() && daemon.reload().is_err());
    daemon.restart().expect("a second run");
    assert_eq!(daemon.kill().expect("an end").code(), None);
    assert!(daemon.bpffs().join("v1/veth-s").exists());
    daemon.counters().expect("counters with the daemon down");
    daemon.restart().expect("a third run");
    assert_eq!(
        daemon
            .stderr_lines()
            .iter()
            .filter(|line| line.starts_with("enforcing on"))
            .count(),
        3
    );
}

#[test]
fn a_daemon_that_does_not_attach_is_an_error_with_its_words() {
    let lab = Lab::new("refuse").expect("a lab");
    let (_directory, binary) = stand_in();
    let error = Daemon::start(&lab, &binary, "good", &["--refuse"])
        .expect_err("a refusal")
        .to_string();
    assert!(
        error.contains("no such mode") && error.contains("78"),
        "{error}"
    );
    let error = Daemon::start(&lab, Path::new("/no/such/throttler"), "good", &[])
        .expect_err("no binary")
        .to_string();
    assert!(error.contains("/no/such/throttler"), "{error}");
}

#[test]
fn a_panic_cleans_up_too() {
    let (_directory, binary) = stand_in();
    let mut left = None;
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let lab = Lab::new("unwind").expect("a lab");
        let daemon = Daemon::start(&lab, &binary, "good", &[]).expect("a daemon");
        left = Some((
            daemon.pid().expect("a pid"),
            daemon.bpffs().to_owned(),
            lab.server().name().to_owned(),
        ));
        panic!("wanted by the test");
    }));
    assert!(result.is_err());
    let (pid, pins, name) = left.expect("what was made");
    assert!(!alive(pid) && !pins.exists() && !Path::new("/run/netns").join(name).exists());
}
