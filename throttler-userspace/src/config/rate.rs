//! `COUNT/PERIOD`, kept exact: neither the fraction nor the period is ever rounded.

use std::fmt;

use super::grammar::{Decimal, GrammarError, period_ns};
use super::suggest::quote;
use super::words::Unit;

/// A rate of `mantissa / 10^scale` units per `period_ns`, greater than 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    text: String,
    count: Decimal,
    period_ns: u64,
}

impl Rate {
    /// Parses `10/min`, `0.5/s`, `1000/10s`; for bytes the count may end in k, M, G, Ki, Mi or Gi.
    ///
    /// # Errors
    /// Anything else, a count of 0, and numbers beyond 64 bits. Whether the datapath can keep the rate is checked
    /// where its burst is known.
    pub fn parse(text: &str, unit: Unit) -> Result<Self, GrammarError> {
        if text.contains(char::is_whitespace) {
            return Err(spaced(text, unit));
        }
        let Some((count, period)) = text
            .split_once('/')
            .filter(|(_, period)| !period.is_empty())
        else {
            return Err(GrammarError::new(
                format!("rate {} has no period", quote(text)),
                "write COUNT/PERIOD, such as `10/min` or `1000/10s`",
            ));
        };
        if count.is_empty() {
            return Err(GrammarError::new(
                format!("rate {} has no count", quote(text)),
                "write COUNT/PERIOD, such as `10/min` or `1000/10s`",
            ));
        }
        let whole = |error: GrammarError| GrammarError {
            message: format!("in rate {}: {}", quote(text), error.message),
            ..error
        };
        let count = Decimal::parse(count, unit).map_err(whole)?;
        let period_ns = period_ns(period, false).map_err(whole)?;
        if count.mantissa == 0 {
            return Err(GrammarError::new(
                format!("rate {} is zero", quote(text)),
                "write a rate above 0; to refuse sources altogether, give them `block = true` in [[sources]]",
            ));
        }
        Ok(Self {
            text: text.to_owned(),
            count,
            period_ns,
        })
    }

    /// As the policy file writes it, such as `10/min`.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The count's digits without its decimal point, at least 1; byte suffixes are multiplied out.
    #[must_use]
    pub fn mantissa(&self) -> u64 {
        self.count.mantissa
    }

    /// The count is `mantissa / 10^scale` units; 0..=19.
    #[must_use]
    pub fn scale(&self) -> u32 {
        self.count.scale
    }

    /// The period in nanoseconds, at least one second.
    #[must_use]
    pub fn period_ns(&self) -> u64 {
        self.period_ns
    }

    /// The burst of a limit that names none: the whole count, at least 1.
    #[must_use]
    pub fn default_burst(&self) -> u64 {
        self.count.floor().max(1)
    }
}

fn spaced(text: &str, unit: Unit) -> GrammarError {
    let joined: String = text.split_whitespace().collect();
    let mend = match Rate::parse(&joined, unit) {
        Ok(_) => quote(&joined),
        Err(_) => "COUNT/PERIOD, such as `10/min` or `1000/10s`".to_owned(),
    };
    GrammarError::new(
        format!("rate {} has spaces", quote(text)),
        format!("write {mend}"),
    )
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_duration;
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn reads_what_the_systems_write() {
        let rates = [
            ("10/min", Unit::Packets, (10, 0, 60 * SECOND, 10)),
            ("0.5/s", Unit::Packets, (5, 1, SECOND, 1)),
            ("1000/10s", Unit::Packets, (1000, 0, 10 * SECOND, 1000)),
            ("5/30min", Unit::Connections, (5, 0, 1800 * SECOND, 5)),
            ("2.50/second", Unit::Packets, (25, 1, SECOND, 2)),
            ("1.5M/s", Unit::Bytes, (1_500_000, 0, SECOND, 1_500_000)),
            ("0.3Ki/h", Unit::Bytes, (3072, 1, 3600 * SECOND, 307)),
            ("500/day", Unit::Packets, (500, 0, 86_400 * SECOND, 500)),
        ];
        for (text, unit, expected) in rates {
            let rate = Rate::parse(text, unit).unwrap();
            let seen = (
                rate.mantissa(),
                rate.scale(),
                rate.period_ns(),
                rate.default_burst(),
            );
            assert_eq!(seen, expected, "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "/",
            "10",
            "10/",
            "/s",
            "10/0s",
            "0/s",
            "0.0/s",
            ".5/s",
            "5./s",
            "1.2.3/s",
            "-1/s",
            "1e3/s",
            "10/S",
            "10/ms",
            "10/min ",
            "10 /min",
            "10//s",
            "10/s/s",
            "1k/s",
            "10/1.5s",
            "18446744073709551616/s",
            "0.12345678901234567891/s",
            "1/18446744073709551615s",
        ] {
            assert!(Rate::parse(text, Unit::Packets).is_err(), "{text}");
        }
        assert!(Rate::parse("18446744073709551615Gi/s", Unit::Bytes).is_err());
    }

    #[test]
    fn durations_need_a_number() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1h"), Ok(Duration::from_secs(3600)));
        for text in ["", "h", "0s", "90", "367d", "1.5h", " 1h"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_string_panics(text in "\\PC*", near in "[0-9.kMGi]{0,25}/[0-9]{0,25}[a-z]{0,6}") {
            for unit in Unit::ALL {
                let _ = Rate::parse(&text, unit);
                let _ = Rate::parse(&near, unit);
            }
            let _ = parse_duration(&text);
        }

        #[test]
        fn accepted_rates_round_trip(
            whole in 0_u64..1_000_000_000, fraction in "[0-9]{0,3}", suffix in "(|k|M|Ki|Mi)",
            times in "(|[1-9][0-9]{0,4})", period in "(s|sec|second|m|min|minute|h|hour|d|day)",
        ) {
            let point = if fraction.is_empty() { "" } else { "." };
            let text = format!("{whole}{point}{fraction}{suffix}/{times}{period}");
            if let Ok(rate) = Rate::parse(&text, Unit::Bytes) {
                prop_assert_eq!(rate.text(), &text);
                let plain = Decimal { mantissa: rate.mantissa(), scale: rate.scale() }.display();
                let seconds = rate.period_ns() / SECOND;
                let again = Rate::parse(&format!("{plain}/{seconds}s"), Unit::Bytes).unwrap();
                prop_assert_eq!((again.mantissa(), again.scale(), again.period_ns()),
                    (rate.mantissa(), rate.scale(), rate.period_ns()));
            } else {
                prop_assert!(whole == 0, "{} was refused", text);
            }
        }
    }
}
