//! `exec`: a command gets the batch on its standard input, and nothing else of the daemon's.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::Value;

use super::{RELOADS, fail, receiver::wait, result, site, tell};
use crate::site::{LONG, Site};

/// A script beside the policy.
fn script(site: &Site, text: &str) -> PathBuf {
    let path = site.daemon.policy_path().with_file_name("hook");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a mode");
    path
}

fn exec(path: &std::path::Path, more: &str) -> String {
    format!(
        "[[notify]]\nname = \"ops\"\nexec = [{path:?}, \"a b\", \"$HOME;*\"]\n{RELOADS}\nbatch = {{ most = 1 }}\n{more}\n"
    )
}

#[test]
fn a_command_gets_the_batch_and_nothing_of_the_daemons() {
    let mut site = site("hook");
    let out = site.daemon.state_dir();
    let script = script(
        &site,
        &format!(
            "cd {out:?}\n(pwd; printf '%s\\n' \"$@\") > args\ncat > body\ncat /proc/self/status > status\n\
             tr '\\0' '\\n' < /proc/self/environ > environ\n(cd /proc/$$/fd && echo *) > fds\nmv body done"
        ),
    );
    tell(&mut site, &exec(&script, ""));
    fail(&mut site, "nonsense");
    wait("the batch", || out.join("done").exists());
    let read = |name: &str| fs::read_to_string(out.join(name)).expect("a file");
    let body: Value = serde_json::from_str(&read("done")).expect("JSON");
    assert_eq!(
        (&body["notify"], &body["alerts"][0]["event"]),
        (&"ops".into(), &"reload_failed".into())
    );
    // No shell looked at it.
    assert_eq!(
        read("args").lines().skip(1).collect::<Vec<_>>(),
        ["a b", "$HOME;*"]
    );
    let mut names: Vec<String> = read("environ")
        .lines()
        .filter_map(|line| line.split_once('=').map(|(name, _)| name.to_owned()))
        // The shell's own.
        .filter(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(&name.as_str()))
        .collect();
    names.sort();
    assert_eq!(names, ["PATH", "THROTTLER_DELIVERY", "THROTTLER_NOTIFY"]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let status = read("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{set}:")));
        assert_eq!(line.map(str::trim), Some("0000000000000000"), "{set}");
    }
    // The three, and the script itself.
    let fds = read("fds");
    let fds: Vec<u32> = fds
        .split_whitespace()
        .map(|fd| fd.parse().expect("a number"))
        .collect();
    assert!(fds.iter().all(|fd| *fd <= 2 || *fd >= 10), "{fds:?}");
    wait("it is counted", || result(&site, "delivered") == 1);
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_all_that_it_started() {
    let mut site = site("slow");
    let out = site.daemon.state_dir();
    let script = script(
        &site,
        &format!("if mkdir {out:?}/once; then sleep 1000 & echo $! > {out:?}/pid; wait; fi"),
    );
    tell(&mut site, &exec(&script, "timeout = \"1s\""));
    fail(&mut site, "nonsense");
    site.daemon
        .wait_stderr(0, "killed: not done within the `timeout`", LONG)
        .expect("a word");
    let pid = fs::read_to_string(out.join("pid")).expect("a number");
    let process = PathBuf::from("/proc").join(pid.trim());
    // Killed, it is somebody's to wait for.
    let is_over = || match fs::read_to_string(process.join("stat")) {
        Err(_) => true,
        Ok(stat) => stat.contains(") Z "),
    };
    wait("the sleeper is killed", is_over);
    // The second attempt is good.
    wait("it is delivered", || result(&site, "delivered") == 1);
}

#[test]
fn a_command_that_fails_is_tried_again_and_says_why() {
    let mut site = site("fails");
    let out = site.daemon.state_dir();
    let script = script(
        &site,
        &format!(
            "if mkdir {out:?}/once; then echo one >&2; echo 'no such channel' >&2; exit 3; fi"
        ),
    );
    tell(&mut site, &exec(&script, ""));
    fail(&mut site, "nonsense");
    let line = site
        .daemon
        .wait_stderr(0, "exit status: 3", LONG)
        .expect("a word");
    assert!(line.contains("exit status: 3: no such channel"), "{line}");
    wait("it is delivered", || result(&site, "delivered") == 1);
    assert_eq!(result(&site, "failed"), 0);
}
