//! Limits: names, units, rates and bursts, and whether the datapath can keep them.

use throttler_common::gcra;
use toml::Spanned;

use super::bounds::{self, Culprit, FULL_SIZE};
use super::findings::Findings;
use super::grammar::{Decimal, GrammarError};
use super::model::Limit;
use super::names;
use super::rate::Rate;
use super::raw_limits::RawLimit;
use super::raw_scopes::Word;
use super::settings::choice;
use super::suggest::quote;
use super::words::Unit;
use crate::compile::params;

/// The datapath's slot has room for so many.
const MOST: usize = 4;

/// The limits of a scope or layer; those with errors are left out.
pub(crate) fn limits(raw: &[RawLimit], owner: &str, findings: &mut Findings) -> Vec<Limit> {
    if let Some(fifth) = raw.get(MOST) {
        findings.error(
            fifth.name.span(),
            format!("{owner} has {} limits, and {MOST} is the most", raw.len()),
            "merge or remove limits; of two with one unit, the looser at every time scale is not needed",
        );
    }
    raw.iter()
        .filter_map(|limit| self::limit(limit, findings))
        .collect()
}

fn limit(raw: &RawLimit, findings: &mut Findings) -> Option<Limit> {
    let named = names::check(&raw.name, "limit", findings);
    let unit = match &raw.unit {
        Some(found) => unit(found, findings),
        None => Some(Unit::Packets),
    };
    // A broken unit would make a good byte count look bad.
    let (Some(unit), Some(found), false) = (unit, &raw.rate, raw.broken) else {
        return None;
    };
    let (rate, burst) = bucket(found, raw.burst.as_ref(), unit, findings)?;
    named.then(|| Limit {
        name: raw.name.get_ref().clone(),
        rate,
        burst,
        unit,
    })
}

fn unit(found: &Spanned<String>, findings: &mut Findings) -> Option<Unit> {
    if found.get_ref() == "requests" {
        findings.error(
            found.span(),
            "unit `requests` needs the HTTP layer, which this version does not have",
            "use `connections`",
        );
        return None;
    }
    choice(
        "unit",
        found,
        &Unit::ALL.map(|unit| (unit.as_str(), unit)),
        findings,
    )
}

/// A rate with its burst, within the datapath's bounds.
pub(crate) fn bucket(
    rate: &Spanned<String>,
    burst: Option<&Spanned<Word>>,
    unit: Unit,
    findings: &mut Findings,
) -> Option<(Rate, u64)> {
    let parsed = Rate::parse(rate.get_ref(), unit);
    let parsed = report(parsed, rate, findings);
    let given = burst.map(|word| report(parse_burst(word.get_ref(), unit), word, findings));
    let parsed = parsed?;
    let tokens = match given {
        Some(given) => given?,
        None => parsed.default_burst(),
    };
    let (rate_span, burst_span) = (rate.span(), burst.map_or(rate.span(), Spanned::span));
    if let Err((culprit, error)) = bounds::check(&parsed, tokens, unit) {
        let span = match culprit {
            Culprit::Rate => rate_span,
            Culprit::Burst => burst_span,
        };
        findings.error(span, error.message, error.help);
        return None;
    }
    if unit == Unit::Bytes && tokens < FULL_SIZE {
        findings.warn(
            burst_span,
            format!("a burst of {tokens} bytes is below {FULL_SIZE}: a full-size packet would never conform"),
        );
    } else if unit == Unit::Bytes && !holds_full_size(&parsed, tokens) {
        // A packet's cost is rounded up to a tick, and the bucket down to one.
        let enough = (tokens..).find(|tokens| holds_full_size(&parsed, *tokens));
        let enough = enough.unwrap_or(tokens);
        findings.warn(
            burst_span,
            format!("a burst of {tokens} bytes at `{parsed}` is less than a nanosecond short of a full-size packet, which would never conform: write {enough}"),
        );
    }
    Some((parsed, tokens))
}

fn holds_full_size(rate: &Rate, burst: u64) -> bool {
    let limit = params(rate, burst, Unit::Bytes);
    gcra::cost(&limit, FULL_SIZE) <= limit.depth
}

fn report<T, W>(
    parsed: Result<T, GrammarError>,
    word: &Spanned<W>,
    findings: &mut Findings,
) -> Option<T> {
    parsed
        .map_err(|error| findings.error(word.span(), error.message, error.help))
        .ok()
}

fn parse_burst(word: &Word, unit: Unit) -> Result<u64, GrammarError> {
    let example = match unit {
        Unit::Bytes => "write `burst = 65536` or `burst = \"64Ki\"`",
        Unit::Packets | Unit::Connections => "write `burst = 20`",
    };
    let tokens = match word {
        Word::Integer(number) => u64::try_from(*number)
            .map_err(|_| GrammarError::new(format!("burst {number} is out of range"), example))?,
        Word::Text(text) => text_burst(text, unit, example)?,
    };
    if tokens == 0 {
        let help = "write at least `burst = 1`; to refuse sources altogether, give them `block = true` in [[sources]]";
        return Err(GrammarError::new("a burst of 0 lets nothing pass", help));
    }
    Ok(tokens)
}

fn text_burst(text: &str, unit: Unit, example: &str) -> Result<u64, GrammarError> {
    // As bytes, so that the suffix is understood and the mend can multiply it out.
    let count = Decimal::parse(text, Unit::Bytes)?;
    if !count.is_whole() {
        return Err(GrammarError::new(
            format!("burst {} is not a whole number", quote(text)),
            example,
        ));
    }
    if unit != Unit::Bytes {
        return Err(GrammarError::new(
            format!("a burst in {unit} is a plain integer, not {}", quote(text)),
            format!("write `burst = {}` without quotes", count.mantissa),
        ));
    }
    Ok(count.mantissa)
}
