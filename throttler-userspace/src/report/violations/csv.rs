//! The rows of a report as comma-separated values (RFC 4180), for spreadsheets.

use std::io::Write;

use anyhow::Result;
use csv::Writer;

use super::Found;
use super::json::{Grouped, Sums};

const SUMS: [&str; 11] = [
    "refused_packets",
    "refused_bytes",
    "bytes_estimated",
    "banned_packets",
    "banned_bytes",
    "bans",
    "banned_until",
    "first",
    "last",
    "longest_wait_s",
    "sources",
];

/// Prints the rows, or the groups asked for, under a line of heads.
///
/// # Errors
/// The writer's.
pub fn csv(out: &mut impl Write, found: &Found) -> Result<()> {
    let mut csv = Writer::from_writer(out);
    if found.ask.by.is_empty() {
        rows(&mut csv, found)?;
    } else {
        groups(&mut csv, found)?;
    }
    csv.flush()?;
    Ok(())
}

fn rows(csv: &mut Writer<impl Write>, found: &Found) -> Result<()> {
    let names = [
        "iface",
        "source",
        "scope",
        "plan",
        "limit",
        "unit",
        "rate",
        "reason",
        "monitored",
    ];
    csv.write_record(names.iter().chain(&SUMS))?;
    for row in found.rows.items() {
        let row = found.violation(row);
        let text = |text: Option<&str>| plain(text.unwrap_or_default());
        let mut record = vec![
            plain(row.iface),
            plain(&row.source),
            plain(row.scope),
            text(row.plan),
            text(row.limit),
            text(row.unit),
            text(row.rate),
            plain(row.reason),
            row.monitored.to_string(),
        ];
        record.extend(sums(&row.sums, row.sources));
        csv.write_record(&record)?;
    }
    Ok(())
}

fn groups(csv: &mut Writer<impl Write>, found: &Found) -> Result<()> {
    let keys = ["source", "network", "scope", "plan", "limit"];
    let all: Vec<Grouped<'_>> = found
        .groups
        .items()
        .iter()
        .map(|one| found.grouped(one))
        .collect();
    let asked = super::groups::names(&found.ask.by);
    let keys: Vec<&str> = keys.into_iter().filter(|key| asked.contains(key)).collect();
    let spared = ["spared_packets", "spared_bytes"];
    csv.write_record(keys.iter().chain(&SUMS).chain(&spared))?;
    for group in all {
        let key = |key: &&str| {
            let text = group.key.get(*key).and_then(Option::as_deref);
            plain(text.unwrap_or_default())
        };
        let mut record: Vec<String> = keys.iter().map(key).collect();
        record.extend(sums(&group.sums, group.sources));
        record.extend([group.spared.packets, group.spared.bytes].map(|sum| sum.to_string()));
        csv.write_record(&record)?;
    }
    Ok(())
}

fn sums(sums: &Sums, sources: u64) -> [String; 11] {
    let time = |time: &Option<String>| time.clone().unwrap_or_default();
    [
        sums.refused.packets.to_string(),
        sums.refused.bytes.to_string(),
        sums.bytes_estimated.to_string(),
        sums.banned.packets.to_string(),
        sums.banned.bytes.to_string(),
        sums.bans.to_string(),
        time(&sums.banned_until),
        time(&sums.first),
        time(&sums.last),
        sums.longest_wait_s.to_string(),
        sources.to_string(),
    ]
}

/// A text that no spreadsheet takes for a formula (OWASP, "CSV injection").
fn plain(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn formulas_are_text() {
        let said = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "api", ""].map(plain);
        assert_eq!(
            said,
            ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "api", ""]
        );
    }
}
