//! What the throttler says it saw: `dump counters` and `dump buckets` as JSON, sorted by client.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use throttler_lab::{Counters, Daemon, Lab};

use super::clients::{CLIENTS, COUNT, Class};

const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// Packets passed and dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) dropped: u64,
}

/// All that was seen since the start.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) counters: Counters,
    /// Packets sent, by client, as the clients say.
    pub(super) sent: [u64; COUNT],
    /// By client; then by source and scope.
    pub(super) clients: [BTreeMap<(String, String), Tally>; COUNT],
}

/// Waits until the throttler has counted every packet that the client's interface sent, and reads it all.
pub(super) fn settled(daemon: &Daemon, lab: &Lab, sent: [u64; COUNT]) -> Result<Seen> {
    let wire = lab.client_stats()?;
    ensure!(
        wire.tx_dropped == 0,
        "the link itself lost {} packets",
        wire.tx_dropped
    );
    let counters =
        daemon.wait_counters(|counters| counters.packets >= wire.tx_packets, SETTLE_LIMIT)?;
    let buckets = daemon.json(&["dump", "buckets", "-o", "json"])?;
    let mut seen = Seen {
        counters,
        sent,
        ..Seen::default()
    };
    for bucket in buckets["buckets"]
        .as_array()
        .context("no `buckets` in the dump")?
    {
        let text = |key: &str| {
            let text = bucket[key].as_str();
            text.with_context(|| format!("no text `{key}` in {bucket}"))
        };
        let source = text("source")?;
        let client = CLIENTS
            .iter()
            .position(|client| client.sources().iter().any(|own| own == source));
        let client = client.with_context(|| format!("{source} is none of the demo's clients"))?;
        let tally = Tally {
            passed: packets(bucket, "passed")?,
            dropped: packets(bucket, "dropped")?,
        };
        seen.clients[client].insert((source.to_owned(), text("scope")?.to_owned()), tally);
    }
    Ok(seen)
}

fn packets(bucket: &Value, key: &str) -> Result<u64> {
    let packets = bucket[key]["packets"].as_u64();
    packets.with_context(|| format!("no number `{key}.packets` in {bucket}"))
}

impl Seen {
    /// A client's sum over its sources and scopes.
    pub(super) fn tally(&self, client: usize) -> Tally {
        self.clients[client]
            .values()
            .fold(Tally::default(), |sum, tally| Tally {
                passed: sum.passed + tally.passed,
                dropped: sum.dropped + tally.dropped,
            })
    }

    /// The sum over all clients of some classes.
    pub(super) fn dropped_of(&self, class: impl Fn(Class) -> bool) -> u64 {
        let clients = CLIENTS.iter().enumerate();
        let wanted = clients.filter(|(_, client)| class(client.class));
        wanted.map(|(index, _)| self.tally(index).dropped).sum()
    }

    /// What came after `before`.
    pub(super) fn since(&self, before: &Self) -> [(u64, Tally); COUNT] {
        std::array::from_fn(|client| {
            let (now, then) = (self.tally(client), before.tally(client));
            let tally = Tally {
                passed: now.passed - then.passed,
                dropped: now.dropped - then.dropped,
            };
            (self.sent[client] - before.sent[client], tally)
        })
    }
}
