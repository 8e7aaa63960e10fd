//! Runs the binary and makes what it says comparable: paths, times and process numbers become words.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use throttler_lab::CliOutput;

const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_throttler"))
}

/// The top of the tree, where commands run, so that files have the same names on every machine.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the workspace").to_owned()
}

/// A command of a binary that sees nothing of the shell around the test.
pub(crate) fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("THROTTLER_") {
            command.env_remove(name);
        }
    }
    // clap folds its help at the width that COLUMNS gives.
    command.env_remove("COLUMNS").current_dir(root());
    command
}

pub(crate) fn throttler(args: &[&str]) -> Command {
    let mut command = clean(Command::new(binary()));
    command.args(args);
    command
}

/// Runs a command to its end.
pub(crate) fn run(mut command: Command) -> CliOutput {
    throttler_lab::run(&mut command, LIMIT).expect("an end by itself")
}

/// Runs `throttler` with these arguments to its end.
pub(crate) fn say(args: &[&str]) -> CliOutput {
    run(throttler(args))
}

/// Status and both streams, as a snapshot shows them.
pub(crate) fn shown(output: &CliOutput) -> String {
    let code = output
        .code()
        .map_or_else(|| "none".to_owned(), |code| code.to_string());
    let (stdout, stderr) = (output.stdout.trim_end(), output.stderr.trim_end());
    format!("status {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
}

/// `text` with each of these replaced, in order.
pub(crate) fn replaced(text: &str, replacements: &[(&str, &str)]) -> String {
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    replacements.iter().fold(text.to_owned(), replace)
}

/// `text` with the numbers that depend on the clock as `S`: those with a decimal point, which are all seconds.
pub(crate) fn without_seconds(text: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ';', ')']);
        if bare.contains('.') && bare.parse::<f64>().is_ok() {
            word.replacen(bare, "S", 1)
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// `text` with how long things have been so, as `status` says it, as `AGE`.
pub(crate) fn without_ages(text: &str) -> String {
    let line = |line: &str| {
        let Some((head, age)) = line.rsplit_once(" for ") else {
            return line.to_owned();
        };
        let end = age.find([';', ':']).unwrap_or(age.len());
        let is_age = age[..end].ends_with(" s") || age[..end].ends_with(" min");
        let is_whole = age[..end].bytes().all(|byte| byte != b'.');
        match is_age && is_whole && age.starts_with(|first: char| first.is_ascii_digit()) {
            true => format!("{head} for AGE{}", &age[end..]),
            false => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Whether a text is a time of about now; those that policies name lie far off.
pub(crate) fn is_near(text: &str) -> bool {
    let Ok(time) = text.parse::<jiff::Timestamp>() else {
        return false;
    };
    let away = time.duration_since(jiff::Timestamp::now()).abs();
    away < jiff::SignedDuration::from_hours(48)
}

/// `text` with such times as `TIME`.
pub(crate) fn without_near_times(text: &str) -> String {
    let word = |word: &str| {
        if is_near(word) {
            "TIME".to_owned()
        } else {
            word.to_owned()
        }
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// `text` with the times at the start of log lines as `TIME`.
pub(crate) fn without_log_times(text: &str) -> String {
    let line = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if time.parse::<jiff::Timestamp>().is_ok() => format!("TIME {rest}"),
        _ => line.to_owned(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A snapshot beside the tests, named by the test alone.
macro_rules! snapshot {
    ($name:expr, $text:expr) => {
        insta::with_settings!({
            omit_expression => true,
            prepend_module_to_snapshot => false,
            snapshot_path => "snapshots",
        }, {
            insta::assert_snapshot!($name, $text);
        })
    };
}
pub(crate) use snapshot;
