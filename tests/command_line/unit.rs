//! The systemd unit: how much it leaves open, by systemd's own measure.

use std::process::Command;

use crate::said::{clean, root, run};

/// What the contract allows, of 10.
const MOST: f64 = 3.0;

#[test]
fn the_unit_is_confined() {
    let mut analyze = clean(Command::new("systemd-analyze"));
    if analyze.arg("--version").output().is_err() {
        eprintln!("systemd-analyze is not installed: the unit was not measured");
        return;
    }
    let mut analyze = clean(Command::new("systemd-analyze"));
    analyze.args(["security", "--offline=true", "--no-pager"]);
    analyze.arg(root().join("packaging/systemd/throttler.service"));
    let said = run(analyze);
    assert_eq!(said.code(), Some(0), "{said:?}");
    let line = said
        .stdout
        .lines()
        .find(|line| line.contains("Overall exposure level"));
    let score = line.and_then(|line| {
        line.split(": ")
            .nth(1)?
            .split(' ')
            .next()?
            .parse::<f64>()
            .ok()
    });
    let score = score.unwrap_or_else(|| panic!("no score in {}", said.stdout));
    assert!(score < MOST, "{score}: {}", said.stdout);
}
