//! How long ago something was, in the two largest units that say it.

use jiff::Timestamp;

const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];

/// A time in words: `42 s`, `3 min 5 s`, `2 h`, `4 d 3 h`.
pub(super) fn words(seconds: u64) -> String {
    let largest = UNITS.iter().position(|(unit, _)| seconds >= *unit);
    let first = largest.unwrap_or(UNITS.len() - 1);
    let mut rest = seconds;
    let mut said = Vec::new();
    for (unit, name) in UNITS.iter().skip(first).take(2) {
        let count = rest / unit;
        rest %= unit;
        if count > 0 || said.is_empty() {
            said.push(format!("{count} {name}"));
        }
    }
    said.join(" ")
}

/// The time since `then`, in words; nothing passes backwards.
pub(super) fn since(then: Timestamp, now: Timestamp) -> String {
    words(u64::try_from(now.as_second() - then.as_second()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn two_units_say_it() {
        let said = [
            0, 1, 59, 60, 185, 3_600, 7_259, 7_260, 90_000, 86_400, 356_400,
        ]
        .map(words);
        assert_eq!(
            said,
            [
                "0 s",
                "1 s",
                "59 s",
                "1 min",
                "3 min 5 s",
                "1 h",
                "2 h",
                "2 h 1 min",
                "1 d 1 h",
                "1 d",
                "4 d 3 h"
            ]
        );
    }
}
