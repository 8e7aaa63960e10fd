//! Numbers in five or six characters.

/// Units of a thousand each.
const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];

/// A count or a rate: `0`, `0.4`, `12`, `1.2k`, `45k`, `3.4M`.
pub(super) fn short(value: f64) -> String {
    let (mut value, mut unit) = (value.max(0.0), 0);
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let name = UNITS[unit];
    match value {
        // 9.95 would be shown as 10.0.
        value if value < 9.95 && !(unit == 0 && value.fract() == 0.0) => {
            format!("{value:.1}{name}")
        }
        value => format!("{value:.0}{name}"),
    }
}

/// A rate where there is one.
pub(super) fn rate(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}

/// Nanoseconds as the largest unit that makes one of them: `0.4s`, `59s`, `12m`, `3h`, `20d`.
pub(super) fn span(nanos: u64) -> String {
    let seconds = nanos as f64 / 1e9;
    match seconds {
        s if s < 9.95 => format!("{s:.1}s"),
        s if s < 100.0 => format!("{s:.0}s"),
        s if s < 6_000.0 => format!("{:.0}m", s / 60.0),
        s if s < 172_800.0 => format!("{:.0}h", s / 3_600.0),
        s => format!("{:.0}d", s / 86_400.0),
    }
}

/// A part of a whole, in percent.
pub(super) fn share(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 {
        100.0 * part / whole
    } else {
        0.0
    };
    format!("{percent:.1} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_take_five_characters_at_most() {
        for (value, text) in [
            (0.0, "0"),
            (0.04, "0.0"),
            (0.4, "0.4"),
            (7.0, "7"),
            (9.96, "10"),
            (12.3, "12"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (1_234.0, "1.2k"),
            (45_000.0, "45k"),
            (999_500.0, "1.0M"),
            (3.4e9, "3.4G"),
            (-1.0, "0"),
        ] {
            assert_eq!(short(value), text);
        }
        assert!(short(u64::MAX as f64).len() <= 9);
    }

    #[test]
    fn spans_have_one_unit() {
        let seconds = |s: f64| span((s * 1e9) as u64);
        for (value, text) in [
            (0.0, "0.0s"),
            (0.44, "0.4s"),
            (59.0, "59s"),
            (99.0, "99s"),
            (120.0, "2m"),
            (7_200.0, "2h"),
            (864_000.0, "10d"),
        ] {
            assert_eq!(seconds(value), text);
        }
    }
}
