//! The figures for people.

use std::fmt::Write as _;

use super::{Files, MEASURED, reasons::Reasons};

/// A line a crate.
pub(super) fn summary(files: &Files) -> String {
    let mut text = String::new();
    for folder in MEASURED {
        let (all, run) = sums(files, folder);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{folder:25} {run} of {all} lines run by tests, {}",
            share(run, all)
        );
    }
    text
}

/// The whole report.
pub(super) fn markdown(files: &Files, reasons: &Reasons) -> String {
    let mut text = String::from(
        "# Coverage\n\nMade by `cargo xtask prove coverage --long`; do not edit. Lines with code of the core and of the \
         daemon that tests run on the host; files' own tests are not counted. What a test never runs has its reason in \
         `tests/coverage.reasons`, or the command fails.\n\n",
    );
    text += "| crate | lines | run | |\n| --- | --: | --: | --: |\n";
    for folder in MEASURED {
        let (all, run) = sums(files, folder);
        let _ = writeln!(
            text,
            "| `{}` | {all} | {run} | {} |",
            folder.trim_end_matches("/src/"),
            share(run, all)
        );
    }
    text += "\n| file | lines | run | never run | why |\n| --- | --: | --: | --- | --- |\n";
    for (file, lines) in files {
        let missed = lines.missed();
        let (all, run) = (lines.all(), lines.all() - missed.len());
        let why = reasons.of(file).filter(|_| !missed.is_empty());
        let why = why.map_or("", |reason| reason.why.as_str());
        let _ = writeln!(
            text,
            "| `{file}` | {all} | {} | {} | {why} |",
            share(run, all),
            ranges(&missed)
        );
    }
    text
}

fn sums(files: &Files, folder: &str) -> (usize, usize) {
    let of = files.iter().filter(|(file, _)| file.starts_with(folder));
    of.fold((0, 0), |(all, run), (_, lines)| {
        (all + lines.all(), run + lines.all() - lines.missed().len())
    })
}

/// In tenths of a per cent, rounded down: 100 % is all of it.
fn share(run: usize, all: usize) -> String {
    let tenths = (1000 * run).checked_div(all).unwrap_or(1000);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// `1-3, 7`.
fn ranges(lines: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let text = ranges.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    text.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{ranges, share};

    #[test]
    fn neighbours_make_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[]), "");
    }

    #[test]
    fn less_than_all_is_never_100() {
        assert_eq!(share(9_999, 10_000), "99.9 %");
        assert_eq!(share(3, 3), "100.0 %");
    }
}
