//! Numbers and times for people.

use super::sum::timestamp;

/// Digits in threes: `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three digits and a letter, as an axis has room for: `1.2k`, `34M`.
pub(super) fn short(number: u64) -> String {
    scaled(number, 1000, &["", "k", "M", "G", "T", "P", "E"])
}

/// Bytes: `1.2 MB`.
pub(super) fn bytes(number: u64) -> String {
    scaled(
        number,
        1000,
        &[" B", " kB", " MB", " GB", " TB", " PB", " EB"],
    )
}

fn scaled(number: u64, step: u64, units: &[&str]) -> String {
    let (mut unit, mut value) = (0, number as f64);
    let step = step as f64;
    // What would be rounded up to a thousand is one of the next.
    while value >= step - 0.5 && unit + 1 < units.len() {
        value /= step;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or_default();
    if unit == 0 || value >= 9.95 {
        format!("{value:.0}{name}")
    } else {
        format!("{value:.1}{name}")
    }
}

/// A time to the second, `2026-11-21T08:00:00Z`.
pub(super) fn to_the_second(millis: i64) -> String {
    let text = timestamp(millis.div_euclid(1000) * 1000);
    text.replace(".000Z", "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let said = [
            0, 7, 999, 1_000, 9_949, 9_950, 99_500, 999_499, 999_500, 1_500_000,
        ]
        .map(short);
        let expected = [
            "0", "7", "999", "1.0k", "9.9k", "10k", "100k", "999k", "1.0M", "1.5M",
        ];
        assert_eq!(said, expected);
        assert_eq!(short(u64::MAX), "18E");
        assert_eq!(bytes(1_536), "1.5 kB");
    }

    #[test]
    fn digits_come_in_threes() {
        let said = [0, 999, 1_000, 123_456, 1_234_567].map(count);
        assert_eq!(said, ["0", "999", "1,000", "123,456", "1,234,567"]);
    }
}
