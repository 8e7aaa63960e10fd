//! Rates: what came between two looks, by the time between them.

use std::collections::{BTreeMap, VecDeque};

use throttler_common::{Reason, Verdict};

use crate::report::{Interface, Snapshot};

/// Looks that the sparklines remember: as many as the widest screen shows.
const KEPT: usize = 512;

/// Packets and bytes, since attach and a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flow {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) packet_rate: f64,
    pub(super) byte_rate: f64,
}

impl Flow {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            packets: self.packets.saturating_add(other.packets),
            bytes: self.bytes.saturating_add(other.bytes),
            packet_rate: self.packet_rate + other.packet_rate,
            byte_rate: self.byte_rate + other.byte_rate,
        }
    }
}

/// The counters of a look, with their rates since the one before.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// Whether there was a look before.
    pub(super) known: bool,
    /// By interface, scope and reason.
    pub(super) flows: BTreeMap<(String, String, Reason), Flow>,
}

impl Rates {
    pub(super) fn between(before: &Snapshot, now: &Snapshot) -> Self {
        let seconds = now.at.saturating_sub(before.at) as f64 / 1e9;
        let known = before.at > 0 && seconds > 0.0;
        let counts = |of: &Snapshot| -> BTreeMap<_, _> {
            let each = |interface: &Interface| {
                let name = interface.name.clone();
                let counted = interface.counted.clone().into_iter();
                counted.map(move |one| {
                    let key = (name.clone(), one.scope, one.reason);
                    (key, (one.packets, one.bytes))
                })
            };
            of.interfaces.iter().flat_map(each).collect()
        };
        let old = counts(before);
        let flows = counts(now).into_iter().map(|(key, (packets, bytes))| {
            let (was, of) = old.get(&key).copied().unwrap_or_default();
            // Counters that begin again have all come since.
            let rate = |now: u64, was: u64| match known {
                true => now.checked_sub(was).unwrap_or(now) as f64 / seconds,
                false => 0.0,
            };
            let flow = Flow {
                packets,
                bytes,
                packet_rate: rate(packets, was),
                byte_rate: rate(bytes, of),
            };
            (key, flow)
        });
        Self {
            known,
            flows: flows.collect(),
        }
    }

    /// The sum of what passed, or was dropped.
    pub(super) fn total(&self, verdict: Verdict) -> Flow {
        let ours = self.flows.iter();
        let ours = ours.filter(|((_, _, reason), _)| reason.verdict() == verdict);
        ours.fold(Flow::default(), |sum, (_, flow)| sum.and(*flow))
    }
}

/// Packets a second that passed and were dropped, the latest last.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) passed: VecDeque<u64>,
    pub(super) dropped: VecDeque<u64>,
}

impl History {
    pub(super) fn add(&mut self, rates: &Rates) {
        if !rates.known {
            return;
        }
        let both = [
            (&mut self.passed, Verdict::Pass),
            (&mut self.dropped, Verdict::Drop),
        ];
        for (line, verdict) in both {
            if line.len() == KEPT {
                line.pop_front();
            }
            line.push_back(rates.total(verdict).packet_rate.round() as u64);
        }
    }
}
