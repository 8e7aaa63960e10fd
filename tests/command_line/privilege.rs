//! Without privileges: status 77 for what needs them, and what does not need them goes on. Needs root to drop it.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::Command,
};

use tempfile::TempDir;
use throttler::history;
use throttler_lab::CliOutput;

use crate::{
    past,
    said::{binary, clean, replaced, run, shown, snapshot},
};

/// `nobody`; any user without privileges does.
const NOBODY: u32 = 65_534;

/// The binary where everybody may run it: the tree may lie where only its owner may look.
struct Public {
    directory: TempDir,
}

impl Public {
    fn new() -> Self {
        throttler_lab::require_root().expect("root");
        let directory = TempDir::with_prefix("thr-public-").expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        let public = Self { directory };
        // By another process: a child that a test beside this one forks while the copy is open for writing here would
        // keep it so for a moment, and it could not be run (ETXTBSY).
        let mut copy = Command::new("cp");
        copy.arg(binary()).arg(public.path("throttler"));
        let copied = run(copy);
        assert!(copied.status.success(), "{copied:?}");
        public
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs it as nobody.
    fn say(&self, args: &[&str]) -> CliOutput {
        let mut command = clean(Command::new(self.path("throttler")));
        command.args(args).current_dir(self.directory.path());
        // std drops the supplementary groups, too.
        command.uid(NOBODY).gid(NOBODY);
        run(command)
    }
}

#[test]
fn what_needs_privileges_is_77() {
    let public = Public::new();
    let mut all = String::new();
    for args in [
        &["run", "--iface", "lo"][..],
        &["status"],
        &["detach"],
        &["pause"],
        &["resume"],
        &["dump", "counters"],
        &["dump", "buckets", "-o", "json"],
        &["explain", "10.0.0.1"],
    ] {
        let output = public.say(args);
        assert_eq!(
            (output.code(), output.stdout.as_str()),
            (Some(77), ""),
            "{args:?}: {output:?}"
        );
        let last = output.stderr.lines().last().expect("a message");
        all += &format!("$ throttler {}\n{last}\n", args.join(" "));
    }
    snapshot!("without_privileges", all.trim_end());
}

#[test]
fn a_history_that_may_not_be_read_is_77() {
    let public = Public::new();
    let state = public.path("state");
    fs::create_dir(&state).expect("a directory");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).expect("a mode");
    past::keep(&state, "eth0", &[past::violation("192.0.2.1/32", 1, 1)]);
    let at = state.to_str().expect("a path");
    let report = || public.say(&["report", "--state-dir", at, "--socket", "/nonexistent"]);
    for secret in [history::path(&state, "eth0"), state.clone()] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("a mode");
        let output = report();
        assert_eq!(
            (output.code(), output.stdout.as_str()),
            (Some(77), ""),
            "{output:?}"
        );
        let named = secret.to_str().expect("a path");
        assert!(
            output.stderr.contains(named) && output.stderr.contains("sudo"),
            "{output:?}"
        );
    }
}

#[test]
fn doctor_says_what_it_lacks() {
    let public = Public::new();
    let output = public.say(&["doctor", "--iface", "lo", "-o", "json"]);
    assert_eq!(output.code(), Some(1), "{output:?}");
    let json: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    let all = json["findings"].as_array().expect("findings");
    let of = |check: &str| {
        all.iter()
            .find(|one| one["check"] == check)
            .expect("a finding")
    };
    assert_eq!(of("capabilities")["level"], "fail");
    let found = of("capabilities")["found"].as_str().expect("a text");
    assert!(
        found.contains("CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON"),
        "{found}"
    );
    // What needs none is still looked at, and what cannot be tried is not called broken.
    assert_eq!(of("kernel")["level"], "warn");
    assert_eq!(of("link")["iface"], "lo");
}

#[test]
fn check_needs_none_and_a_bad_policy_is_found_first() {
    let public = Public::new();
    let write = |name: &str, text: &str| {
        let path = public.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("a mode");
    };
    write(
        "good.toml",
        "[scopes.default.limits]\nflood = { rate = \"5000/s\" }\n",
    );
    write(
        "bad.toml",
        "[scopes.default.limits]\nflood = { rate = \"5000\" }\n",
    );
    let checked = public.say(&["check", "good.toml"]);
    assert_eq!((checked.code(), checked.stderr.as_str()), (Some(0), ""));
    let refused = public.say(&["run", "--iface", "lo", "-c", "bad.toml"]);
    assert_eq!(refused.code(), Some(78), "{refused:?}");
    snapshot!("run_bad_policy_without_privileges", shown(&refused));
}

#[test]
fn a_policy_that_may_not_be_read_is_named() {
    let public = Public::new();
    let path = public.path("secret.toml");
    fs::write(&path, "").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a mode");
    let output = public.say(&["check", "secret.toml"]);
    let directory = public.directory.path().to_str().expect("a path");
    snapshot!(
        "check_unreadable",
        replaced(&shown(&output), &[(directory, "DIR")])
    );
}
