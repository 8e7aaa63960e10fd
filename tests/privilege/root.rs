//! Started as root, the daemon gives up all but the three, and with `--user` root itself.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use throttler::kernel::{pins::Pins, tables::Tables};
use throttler_common::abi::{MAX_ROWS, Row, active};
use throttler_lab::topology::SERVER_IFACE;

use crate::{
    confined::{NOBODY, assert_least},
    daemon::{Daemon, FIVE, LONG, Site},
};

impl Site {
    /// A daemon that root starts.
    fn start(&self, more: &[&str]) -> Daemon {
        let run = ["run", "--iface", SERVER_IFACE, "-c", "policy.toml"];
        let often = ["--check-every-ms", "20", "--on-exit", "keep"];
        let args = [&run[..], &often, more].concat();
        Daemon::run(self.confined.root_command(&self.lab, &args))
    }

    /// Runs a command of root's that must succeed.
    fn root(&self, args: &[&str]) -> String {
        let mut command = self.confined.root_command(&self.lab, args);
        let output = throttler_lab::run(&mut command, LONG).expect("an end by itself");
        assert_eq!(output.code(), Some(0), "{args:?}: {output:?}");
        output.stdout
    }

    /// Whose the daemon's files and pins are.
    fn assert_owner(&self, user: u32) {
        let pins = Pins::of(self.confined.bpffs(), SERVER_IFACE);
        for path in [
            self.confined.path("state"),
            self.confined.path("state/veth-s.lock"),
            self.confined.path("state/veth-s.overrides.json"),
            self.confined.path("state/veth-s.policy.toml"),
            self.confined.path("state/veth-s.standing.json"),
            self.confined.path("run"),
            self.confined.path("run/socket"),
            pins.dir.clone(),
            pins.link(),
        ] {
            let there = fs::symlink_metadata(&path).expect("a file");
            assert_eq!(there.uid(), user, "{}", path.display());
        }
    }
}

/// Somebody writes another limit, and the daemon puts its own back.
fn heals(site: &Site, daemon: &Daemon) {
    let pins = Pins::of(site.confined.bpffs(), SERVER_IFACE);
    let tables = Tables::open(&pins.dir).expect("the maps");
    let generation = tables.active.get(&active::GENERATION).expect("a word");
    let first = (generation.expect("a word") as u32 % 2) * MAX_ROWS as u32;
    let row = Row::default();
    tables.rows.set(&first, &row).expect("a write");
    daemon.wait_line("publishing anew");
}

#[test]
fn root_keeps_three_and_hands_over_to_a_user() {
    let site = Site::new("least");
    site.confined.policy(FIVE);
    // The directories were another user's.
    let daemon = site.start(&[]);
    assert_least(daemon.pid(), 0);
    assert_eq!(site.offer(7), (5, 2));
    site.root(&["ban", "add", "198.51.100.9", "--for", "1h"]);
    site.assert_owner(0);
    daemon.signal("-HUP");
    daemon.wait_line("policy generation 3 in force");
    heals(&site, &daemon);
    daemon.signal("-TERM");
    assert_eq!(daemon.ended().code(), Some(0));

    let daemon = site.start(&["--user", "nobody"]);
    assert_least(daemon.pid(), NOBODY);
    site.assert_owner(NOBODY);
    assert_eq!(site.offer(1), (5, 3), "adopted");
    assert!(site.root(&["ban", "list"]).contains("198.51.100.9"));
    daemon.signal("-HUP");
    daemon.wait_line("in force");
    heals(&site, &daemon);

    // A second one takes nothing from a daemon that runs.
    let run = ["run", "--iface", SERVER_IFACE, "-c", "policy.toml"];
    let mut second = site.confined.root_command(&site.lab, &run);
    let refused = throttler_lab::run(&mut second, LONG).expect("an end by itself");
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--user"), "{refused:?}");
    site.assert_owner(NOBODY);
    daemon.signal("-TERM");
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_policy_that_only_root_may_read_is_read_once() {
    let site = Site::new("unread");
    site.confined.policy(FIVE);
    let policy = site.confined.path("policy.toml");
    fs::set_permissions(&policy, Permissions::from_mode(0o600)).expect("a mode");
    let daemon = site.start(&["--user", "nobody"]);
    assert_eq!(site.offer(7), (5, 2));
    daemon.signal("-HUP");
    let said = daemon.wait_line("make them readable to it").join("\n");
    assert!(said.contains("keeping the old policy"), "{said}");
    fs::set_permissions(&policy, Permissions::from_mode(0o644)).expect("a mode");
    daemon.signal("-HUP");
    daemon.wait_line("policy generation 2 in force");
}

#[test]
fn only_root_becomes_another_user() {
    let site = Site::new("become");
    site.confined.policy(FIVE);
    let run = ["run", "--iface", SERVER_IFACE, "-c", "policy.toml"];
    let output = site
        .confined
        .say(&site.lab, &[&run[..], &["--user", "root"]].concat());
    assert_eq!(output.code(), Some(77), "{output:?}");
    assert!(output.stderr.contains("only root becomes user `root`"));
}
