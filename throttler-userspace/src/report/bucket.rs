//! One source's state in one scope, made readable.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::Result;
use ipnet::IpNet;
use serde::Serialize;
use throttler_common::abi::{
    Addr, CLASS_KEY_LEAD, ClassKey, LimitParams, PolicyHead, SlotRecord,
};
use throttler_common::ban::{Ban, MOMENT_SHIFT};
use throttler_common::class::{self, Kind, Word};
use throttler_common::gcra::{self, ticks};

use super::attached::Attachment;
use super::counters::Count;
use super::output::seconds;

#[derive(Debug, Serialize)]
pub(super) struct LimitReport {
    pub(super) limit: String,
    pub(super) unit: String,
    pub(super) rate: String,
    pub(super) burst: u64,
    pub(super) remaining: u64,
    pub(super) reset_s: f64,
    pub(super) retry_after_s: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct Bucket {
    pub(super) iface: String,
    pub(super) source: String,
    pub(super) scope: String,
    pub(super) class: &'static str,
    pub(super) plan: Option<String>,
    pub(super) limits: Vec<LimitReport>,
    pub(super) passed: Count,
    pub(super) dropped: Count,
    /// `None`: never.
    pub(super) last_seen_s: Option<f64>,
    pub(super) banned_for_s: f64,
}

/// Reads buckets of one attachment; keeps what does not change between them.
pub(super) struct Reader<'a> {
    pub(super) attachment: &'a Attachment,
    pub(super) head: PolicyHead,
}

impl<'a> Reader<'a> {
    pub(super) fn new(attachment: &'a Attachment) -> Result<Self> {
        let bank = attachment.description.generation % 2;
        let head = attachment.tables.heads.get(&bank)?;
        let head = head.ok_or_else(|| anyhow::anyhow!("the policy's head is missing"))?;
        Ok(Self { attachment, head })
    }

    /// The source of an address, as a prefix.
    pub(super) fn source(&self, family: usize, addr: Addr) -> IpNet {
        let ip = ip(family, addr);
        let bits = self.head.source_prefix[family] as u8;
        // The prefix length is one that the policy's checks let through.
        IpNet::new(ip, bits).map_or_else(|_| IpNet::from(ip), |net| net.trunc())
    }

    /// The class in force for a source (or, at full length, for an address).
    pub(super) fn resolve(&self, family: usize, addr: Addr, full: bool) -> Result<Word> {
        let bits = match (full, family) {
            (false, _) => self.head.source_prefix[family],
            (true, 0) => 32,
            (true, _) => 128,
        };
        let key = ClassKey {
            prefix_len: CLASS_KEY_LEAD + bits,
            bank: (self.head.generation % 2) as u8,
            family: if family == 0 { 4 } else { 6 },
            reserved: [0; 2],
            addr,
        };
        let chain = self.attachment.tables.classes.get(&key)?;
        let now = self.attachment.clock.monotonic_ns;
        Ok(match (&chain, full) {
            (Some(chain), true) => class::resolve_steps(chain, self.head.tag, now),
            _ => class::resolve(chain.as_ref(), self.head.tag, now),
        })
    }

    /// The bucket of a source; `record` is `None` where the source has none yet.
    pub(super) fn bucket(
        &self,
        family: usize,
        (addr, scope): (Addr, u8),
        record: Option<&SlotRecord>,
        word: Word,
    ) -> Result<Bucket> {
        let now = self.attachment.clock.monotonic_ns;
        let description = &self.attachment.description;
        let state = record.copied().unwrap_or_default();
        Ok(Bucket {
            iface: self.attachment.iface().to_owned(),
            source: self.source(family, addr).to_string(),
            scope: description.scope_name(scope),
            class: class_name(word),
            plan: description.plan(word.plan()).map(|plan| plan.name.clone()),
            limits: self.limits(scope, word, &state)?,
            passed: state.passed.into(),
            dropped: state.dropped.into(),
            last_seen_s: record.map(|r| seconds(now.saturating_sub(r.last_seen))),
            banned_for_s: seconds((Ban(state.ban).until() << MOMENT_SHIFT).saturating_sub(now)),
        })
    }

    fn limits(&self, scope: u8, word: Word, state: &SlotRecord) -> Result<Vec<LimitReport>> {
        let described = self.attachment.description.scope(scope);
        let (Some(described), Kind::Plan | Kind::Mixed) = (described, word.kind()) else {
            return Ok(Vec::new());
        };
        let bank = self.head.generation % 2;
        let row = u32::from(word.plan()) * self.head.row_stride + u32::from(scope);
        let index = bank * throttler_common::abi::MAX_ROWS as u32 + row;
        let Some(row) = self.attachment.tables.rows.get(&index)? else {
            return Ok(Vec::new());
        };
        let now = ticks(self.attachment.clock.monotonic_ns);
        let limits = self.attachment.description.limits(described, word.plan());
        Ok(limits
            .iter()
            .map(|limit| {
                let slot = usize::from(limit.index) % state.tat.len();
                let params: &LimitParams = &row.limits[slot];
                let tat = state.tat[slot];
                let seconds_of = |ticks| seconds(gcra::nanos_ceil(ticks));
                LimitReport {
                    limit: limit.name.clone(),
                    unit: limit.unit.clone(),
                    rate: limit.rate.clone(),
                    burst: limit.burst,
                    remaining: gcra::remaining(params, tat, now),
                    reset_s: seconds_of(gcra::reset(tat, now)),
                    retry_after_s: seconds_of(gcra::retry_after(params, tat, now)),
                }
            })
            .collect())
    }
}

/// The name of a class in JSON and tables.
pub(super) fn class_name(word: Word) -> &'static str {
    match (word.kind(), word.plan()) {
        (Kind::Exempt, _) => "exempt",
        (Kind::Block, _) => "block",
        (Kind::Mixed, _) => "mixed",
        (Kind::Plan, 0) => "default",
        (Kind::Plan, _) => "plan",
    }
}

pub(super) fn ip(family: usize, addr: Addr) -> IpAddr {
    let bytes = addr.to_bytes();
    if family == 0 {
        IpAddr::V4(Ipv4Addr::new(bytes[0], bytes[1], bytes[2], bytes[3]))
    } else {
        IpAddr::V6(Ipv6Addr::from(bytes))
    }
}
