//! What `throttler dump counters -o json` says of one interface, as tests ask for it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

/// Packets and bytes.
pub type Pair = (u64, u64);

/// The counters of one interface since attach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// `native` or `generic`.
    pub xdp_mode: String,
    /// `enforce` or `monitor`.
    pub mode: String,
    /// The policy generation.
    pub generation: u64,
    /// All packets seen.
    pub packets: u64,
    /// All bytes seen.
    pub bytes: u64,
    /// Packets passed.
    pub passed: u64,
    /// Packets dropped.
    pub dropped: u64,
    /// Sources in the table.
    pub sources: u64,
    /// Events sent.
    pub events_sent: u64,
    /// Events lost.
    pub events_lost: u64,
    /// By scope, then reason.
    pub scopes: BTreeMap<String, BTreeMap<String, Pair>>,
}

impl Counters {
    /// Reads the interface `iface` out of the whole dump.
    ///
    /// # Errors
    /// If the interface or a field of the contract is missing; the error names it.
    pub fn from_json(dump: &Value, iface: &str) -> Result<Self> {
        let interfaces = dump["interfaces"]
            .as_array()
            .context("no `interfaces` in the dump of counters")?;
        let found = interfaces
            .iter()
            .find(|interface| interface["iface"] == iface)
            .with_context(|| format!("no interface {iface} in the dump of counters"))?;
        let scopes = found["scopes"]
            .as_array()
            .context("no `scopes` in the dump of counters")?;
        Ok(Self {
            xdp_mode: text(found, "/xdp_mode")?,
            mode: text(found, "/mode")?,
            generation: number(found, "/generation")?,
            packets: number(found, "/totals/packets")?,
            bytes: number(found, "/totals/bytes")?,
            passed: number(found, "/totals/passed")?,
            dropped: number(found, "/totals/dropped")?,
            sources: number(found, "/sources/entries")?,
            events_sent: number(found, "/events/sent")?,
            events_lost: number(found, "/events/lost")?,
            scopes: scopes.iter().map(scope).collect::<Result<_>>()?,
        })
    }

    /// Packets and bytes of one reason of one scope; zeroes where there were none.
    pub fn reason(&self, scope: &str, reason: &str) -> Pair {
        self.scopes
            .get(scope)
            .and_then(|reasons| reasons.get(reason))
            .copied()
            .unwrap_or_default()
    }

    /// Packets and bytes of one reason over all scopes.
    pub fn reason_total(&self, reason: &str) -> Pair {
        let found = self
            .scopes
            .values()
            .filter_map(|reasons| reasons.get(reason));
        found.fold((0, 0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1))
    }
}

fn scope(value: &Value) -> Result<(String, BTreeMap<String, Pair>)> {
    let reasons = value["reasons"]
        .as_object()
        .context("no `reasons` of a scope in the dump of counters")?;
    let reasons = reasons
        .iter()
        .map(|(reason, counts)| {
            Ok((
                reason.clone(),
                (number(counts, "/packets")?, number(counts, "/bytes")?),
            ))
        })
        .collect::<Result<_>>()?;
    Ok((text(value, "/scope")?, reasons))
}

fn number(value: &Value, pointer: &str) -> Result<u64> {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.with_context(|| format!("no number `{pointer}` in the dump of counters: {value}"))
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no text `{pointer}` in the dump of counters: {value}"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = r#"{"schema_version":1,"interfaces":[{"iface":"veth-s","xdp_mode":"native","mode":"enforce",
        "generation":3,"totals":{"packets":7,"bytes":700,"passed":5,"dropped":2},
        "scopes":[{"scope":"api","reasons":{"conforming":{"packets":4,"bytes":400},"over_limit":{"packets":2,"bytes":200}}},
                  {"scope":"default","reasons":{"conforming":{"packets":1,"bytes":100}}}],
        "sources":{"entries":1,"max":262144},"events":{"sent":1,"lost":0}}]}"#;

    #[test]
    fn the_contract_is_read_and_absence_is_zero() {
        let dump = serde_json::from_str(DUMP).expect("JSON");
        let counters = Counters::from_json(&dump, "veth-s").expect("counters");
        assert_eq!(
            (
                counters.packets,
                counters.passed,
                counters.dropped,
                counters.generation
            ),
            (7, 5, 2, 3)
        );
        assert_eq!(counters.reason("api", "over_limit"), (2, 200));
        assert_eq!(counters.reason("api", "banned"), (0, 0));
        assert_eq!(counters.reason_total("conforming"), (5, 500));
        let error = Counters::from_json(&dump, "eth9").expect_err("no such interface");
        assert!(error.to_string().contains("eth9"), "{error}");
    }
}
