//! The shape of a capture: what stays from run to run. Numbers, rates, times and bars do not, and lines that are sorted
//! by them change places.

use std::collections::BTreeMap;

/// Lines of one that the other has not, as `-` (kept) and `+` (shown) in front of their shapes.
pub(super) fn differences(kept: &str, shown: &str) -> Vec<String> {
    let mut balance = BTreeMap::<String, i32>::new();
    for (text, sign) in [(kept, -1), (shown, 1)] {
        for line in text.lines() {
            *balance.entry(shape(line)).or_default() += sign;
        }
    }
    let uneven = balance.into_iter().filter(|(_, count)| *count != 0);
    let line =
        |(line, count): (String, i32)| format!("{} {line}", if count < 0 { '-' } else { '+' });
    uneven.map(line).collect()
}

/// The names of the checks of a report of `doctor`, a line each.
pub(super) fn checks(report: &str) -> String {
    let name = |line: &str| {
        let rest = line.strip_prefix("  ")?;
        let (level, rest) = rest.split_once(' ')?;
        let name = rest.trim_start().split("  ").next()?;
        ["ok", "warn", "FAIL"]
            .contains(&level)
            .then(|| format!("{name}\n"))
    };
    report.lines().filter_map(name).collect()
}

/// A line with `#` for each word that is a figure, digits elsewhere as `0`, and without bars.
fn shape(line: &str) -> String {
    let words = line.split_whitespace().map(|word| {
        let word: String = word.chars().filter(|char| !is_bar(*char)).collect();
        if is_address(&word) {
            word
        } else if is_figure(&word) {
            "#".to_owned()
        } else {
            masked(&word)
        }
    });
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    ages(words).join(" ")
}

/// `# min # s` and the like as one word: how long ago is said in one unit or two.
fn ages(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        let unit = word.trim_end_matches([',', ';', ':', ')']);
        if ["d", "h", "min", "s"].contains(&unit) && kept.last().is_some_and(|last| last == "#") {
            kept.pop();
            if kept.last().is_some_and(|last| last == "AGE") {
                kept.pop();
            }
            kept.push(word.replacen(unit, "AGE", 1));
        } else {
            kept.push(word);
        }
    }
    kept
}

fn is_bar(char: char) -> bool {
    ('\u{2581}'..='\u{2588}').contains(&char)
}

/// An address or prefix: what is shown is of it.
fn is_address(word: &str) -> bool {
    let address = word.split('/').next().unwrap_or_default();
    address.parse::<std::net::IpAddr>().is_ok()
}

/// A number with or without its unit, or `-` where there is none.
fn is_figure(word: &str) -> bool {
    let number = word.trim_end_matches(|char: char| "kMGTsmhd/;,".contains(char));
    word == "-"
        || !number.is_empty()
            && number
                .chars()
                .all(|char| char.is_ascii_digit() || char == '.')
}

fn masked(word: &str) -> String {
    let mut masked = String::new();
    for char in word.chars() {
        match char {
            '0'..='9' if masked.ends_with('0') => {}
            '0'..='9' => masked.push('0'),
            other => masked.push(other),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::{checks, differences, shape};

    #[test]
    fn figures_and_bars_are_masked_and_words_are_not() {
        for (line, expected) in [
            (
                "passed  12.3k/s  dropped 4/s (26.8 %)",
                "passed # dropped # (0.0 %)",
            ),
            (
                "192.0.2.1/32 dns  free  20  1.2k  0.1s  -",
                "192.0.2.1/32 dns free # # # #",
            ),
            ("passed   ▁▂█▇   1.2k/s", "passed #"),
            (
                "  policy   p.toml, generation 12 of 2026-11-21T03:06:44Z",
                "policy p.toml, generation # of 0-0-0T0:0:0Z",
            ),
        ] {
            assert_eq!(shape(line), expected);
        }
    }

    #[test]
    fn an_age_is_one_word() {
        let one = shape("  XDP      native (asked for), attached for 42 s");
        assert_eq!(one, "XDP native (asked for), attached for AGE");
        assert_eq!(
            one,
            shape("  XDP      native (asked for), attached for 1 h 3 min")
        );
        assert_eq!(
            shape("daemon 12, up for 1 min 2 s; on exit: detach"),
            "daemon # up for AGE; on exit: detach"
        );
    }

    #[test]
    fn what_doctor_looks_at_is_the_same_everywhere() {
        let here = "this host\n  ok    kernel       Linux 6.18\n  warn  wall clock   not set\n                     -> run it\n";
        assert_eq!(checks(here), "kernel\nwall clock\n");
    }

    #[test]
    fn lines_may_change_places_but_not_words() {
        let kept = "a 1\nb 2\n";
        assert!(differences(kept, "b 30\na 0.4\n").is_empty());
        assert_eq!(differences(kept, "a 1\nc 2\n"), ["- b #", "+ c #"]);
        assert_eq!(differences(kept, "a 1\n"), ["- b #"]);
        assert_eq!(differences(kept, "a 1\nb 2\nb 2\n"), ["+ b #"]);
    }
}
