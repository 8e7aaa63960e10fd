//! Environment variables do what the flags do, the embedded policy, and which stream is for what. Needs root.

use std::{process::Command, time::Duration};

use throttler_lab::{Daemon, Lab, topology::SERVER_IFACE};

use crate::{
    attached::{Attached, POLICY},
    said::{binary, clean, run, snapshot, throttler, without_log_times},
};

/// Clean of flags: the directories come from the environment alone.
fn by_environment(daemon: &Daemon, args: &[&str]) -> Command {
    let mut command = throttler(args);
    command
        .env("THROTTLER_BPFFS", daemon.bpffs())
        .env("THROTTLER_STATE_DIR", daemon.state_dir())
        .env("THROTTLER_SOCKET", daemon.socket());
    command
}

#[test]
fn variables_work_like_flags_and_flags_win() {
    let attached = Attached::new("env");
    let daemon = &attached.daemon;
    // The interface is in another namespace, but pins have none.
    let scopes = run(by_environment(daemon, &["dump", "scopes", "-o", "json"]));
    assert_eq!(scopes.code(), Some(0), "{scopes:?}");
    assert_eq!(
        scopes.stdout,
        attached.result(&["dump", "scopes", "-o", "json"])
    );

    let status = run(by_environment(daemon, &["status", "-o", "json"]));
    let pid = format!("\"daemon_pid\":{}", daemon.pid().expect("a daemon"));
    assert!(
        status.stdout.contains(&pid),
        "THROTTLER_STATE_DIR: {status:?}"
    );

    let nowhere = run(by_environment(
        daemon,
        &["dump", "scopes", "--bpffs", "/sys/fs/bpf/thr-nowhere"],
    ));
    assert_eq!(nowhere.code(), Some(3), "{nowhere:?}");

    let mut bad = by_environment(daemon, &["dump", "scopes"]);
    bad.env("THROTTLER_COLOR", "sometimes");
    assert_eq!(run(bad).code(), Some(2));
}

#[test]
fn run_takes_its_options_from_variables() {
    let lab = Lab::new("env-run").expect("a lab");
    let daemon = Daemon::start(&lab, binary(), POLICY, &[]).expect("a daemon");
    let mut command = clean(lab.server().command(binary()));
    command
        .arg("run")
        .env("THROTTLER_IFACE", SERVER_IFACE)
        .env("THROTTLER_CONFIG", daemon.policy_path())
        .env("THROTTLER_BPFFS", daemon.bpffs())
        .env("THROTTLER_STATE_DIR", daemon.state_dir())
        .env("THROTTLER_LOG_FORMAT", "json");
    // That it names the daemon that is there shows that interface and directories were understood.
    let second = run(command);
    assert_eq!((second.code(), second.stdout.as_str()), (Some(1), ""));
    let line: serde_json::Value = serde_json::from_str(&second.stderr).expect("one JSON line");
    let expected = format!(
        "another daemon (process {}) serves {SERVER_IFACE}: end it first, or send it SIGHUP to reload its policy",
        daemon.pid().expect("a daemon")
    );
    assert_eq!(line["level"], "error");
    assert_eq!(line["message"], expected);
}

#[test]
fn the_embedded_policy_is_announced() {
    let lab = Lab::new("embedded").expect("a lab");
    let mut daemon = Daemon::start_without_policy(&lab, binary(), &[]).expect("a daemon");
    let status = daemon.json(&["status", "-o", "json"]).expect("a document");
    let interface = &status["interfaces"][0];
    assert_eq!(
        (&interface["policy"], &interface["mode"]),
        (&"embedded default".into(), &"monitor".into())
    );
    daemon.stop().expect("an end");
    snapshot!(
        "run_embedded_policy",
        without_log_times(&daemon.stderr_lines().join("\n"))
    );
}

#[test]
fn json_logs_are_json_and_go_to_standard_error() {
    let lab = Lab::new("logs").expect("a lab");
    let mut daemon =
        Daemon::start(&lab, binary(), POLICY, &["--log-format", "json"]).expect("a daemon");
    daemon
        .wait_stderr(0, "enforcing on", Duration::from_secs(5))
        .expect("a line");
    daemon.stop().expect("an end");
    for line in daemon.stderr_lines() {
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert!(
            value["time"]
                .as_str()
                .is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok()),
            "{line}"
        );
        assert!(
            value["level"].is_string() && value["message"].is_string(),
            "{line}"
        );
    }
}

#[test]
fn what_changes_something_says_so_on_standard_output() {
    let attached = Attached::new("acts");
    let mut all = String::new();
    for args in [
        &["pause"][..],
        &["status"],
        &["pause", "--for", "90s"],
        &["status"],
        &["resume"],
        &["status"],
        &["detach"],
    ] {
        let said = attached.result(args);
        let first = said.lines().next().expect("a line");
        // The seconds that a pause has left.
        let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        let words = first
            .split(' ')
            .map(|word| if is_number(word) { "N" } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        all += &format!("$ throttler {}\n{line}\n", args.join(" "));
    }
    snapshot!("actions", all.trim_end());
    let again = attached.daemon.cli(&["detach"]).expect("an end");
    assert_eq!((again.code(), again.stdout.as_str()), (Some(3), ""));
}
