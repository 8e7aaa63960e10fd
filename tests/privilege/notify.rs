//! `[[notify]]` of a daemon that is nobody: commands have less than it has, and it reads no secret that is not its own.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use throttler_lab::topology::SERVER_IFACE;

use crate::{
    confined::{NEEDED, NOBODY, assert_confined},
    daemon::{Daemon, FIVE, Site},
};

const RUN: [&str; 5] = ["run", "--iface", SERVER_IFACE, "-c", "policy.toml"];

#[test]
fn a_command_has_none_of_the_daemons_capabilities() {
    let site = Site::new("hooked");
    let (hook, seen) = (site.confined.path("hook"), site.confined.path("state/seen"));
    fs::write(
        &hook,
        format!("#!/bin/sh\ncat /proc/self/status > {seen:?}\n"),
    )
    .expect("a script");
    fs::set_permissions(&hook, Permissions::from_mode(0o755)).expect("a mode");
    site.confined
        .policy(&format!("{FIVE}[[notify]]\nexec = [{hook:?}]\n"));
    let daemon = Daemon::run(site.confined.command(&site.lab, &NEEDED, &RUN));
    assert_confined(daemon.pid());
    let said = site.ok(&["notify", "test"]);
    assert!(said.contains(": delivered in "), "{said}");
    let status = fs::read_to_string(seen).expect("what the command saw");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name} in {status}"))
            .trim()
    };
    for set in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
        assert_eq!(u64::from_str_radix(field(set), 16), Ok(0), "{status}");
    }
    assert_eq!(field("NoNewPrivs:"), "1", "{status}");
    assert!(field("Uid:").starts_with(&NOBODY.to_string()), "{status}");
    daemon.signal("-TERM");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_secret_that_the_daemons_user_may_not_read_is_named_with_the_mend() {
    let site = Site::new("locked");
    let key = site.confined.path("key");
    fs::write(&key, "s3cret").expect("a key");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a mode");
    site.confined.policy(&format!(
        "{FIVE}[[notify]]\nwebhook = \"http://127.0.0.1:1\"\nsecret = {{ file = {key:?} }}\n"
    ));
    let said = site.confined.say(&site.lab, &RUN);
    assert_eq!(said.code(), Some(78), "{said:?}");
    let place = format!(
        "policy.toml:5: notify `notify-1`: cannot read {}: Permission denied",
        key.display()
    );
    assert!(said.stderr.contains(&place), "{said:?}");
    assert!(said.stderr.contains("make them readable to it"), "{said:?}");
}
