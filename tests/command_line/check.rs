//! `check`: good files in full on standard output, bad ones with line, caret and help on standard error.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::said::{binary, clean, root, run, say, shown, snapshot};

#[test]
fn every_policy_that_is_shipped_is_valid() {
    let mut files: Vec<_> = fs::read_dir(root().join("policies"))
        .expect("policies")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "{files:?}");
    for name in files {
        let output = say(&["check", &format!("policies/{name}")]);
        assert_eq!(output.code(), Some(0), "{name}: {}", output.stderr);
        let stem = name.trim_end_matches(".toml");
        snapshot!(format!("check_{stem}"), shown(&output));
    }
}

/// What `check` says of a policy in a file of its own directory.
fn check(text: &str) -> String {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("bad.toml"), text).expect("a file");
    let output = check_in(directory.path(), "bad.toml");
    assert_eq!((output.code(), output.stdout.as_str()), (Some(78), ""));
    shown(&output)
}

fn check_in(directory: &Path, file: &str) -> throttler_lab::CliOutput {
    let mut command = clean(std::process::Command::new(binary()));
    command.args(["check", file]).current_dir(directory);
    run(command)
}

macro_rules! bad {
    ($($name:ident: $text:expr,)*) => {$(
        #[test]
        fn $name() {
            snapshot!(concat!("bad_", stringify!($name)), check($text));
        }
    )*};
}

bad! {
    syntax: "[throttler\nmode = \"enforce\"\n",
    unknown_key: "[throttler]\nmodus = \"enforce\"\n",
    bad_rate: "[scopes.default.limits]\nflood = { rate = \"10 / min\" }\n",
    unknown_plan: "[[sources]]\nfrom = [\"198.51.100.0/24\"]\nplan = \"gold\"\n",
    host_bits: "[[sources]]\nfrom = [\"10.0.0.1/8\"]\nexempt = true\n",
    overlap: "[scopes.a]\nmatch = [{ protocol = \"tcp\", ports = [\"80-90\"] }]\n\
              [scopes.b]\nmatch = [{ protocol = \"tcp\", ports = [\"85-95\"] }]\n",
    several_at_once: "[throttler]\nmode = \"enforced\"\nipv4_prefix = 33\n[scopes.default.limits]\nflood = { rate = \"0/s\" }\n",
    missing_list: "[[sources]]\nfile = \"partners.txt\"\nexempt = true\n",
}

#[test]
fn a_file_that_is_not_there_is_a_bad_policy() {
    let directory = TempDir::new().expect("a directory");
    let output = check_in(directory.path(), "nowhere.toml");
    assert_eq!(output.code(), Some(78));
    snapshot!("check_missing_file", shown(&output));
}

#[test]
fn colour_comes_only_when_asked_for() {
    let directory = TempDir::new().expect("a directory");
    fs::write(directory.path().join("bad.toml"), "mode = 1\n").expect("a file");
    let stderr = |arguments: &[&str], no_color: bool| {
        let mut command = clean(std::process::Command::new(binary()));
        command
            .args(["check", "bad.toml"])
            .args(arguments)
            .current_dir(directory.path());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        run(command).stderr
    };
    assert!(!stderr(&[], false).contains('\x1b'), "not a terminal");
    assert!(
        stderr(&["--color", "always"], true).contains('\x1b'),
        "asked for by name"
    );
    assert!(!stderr(&["--color", "never"], false).contains('\x1b'));
}
