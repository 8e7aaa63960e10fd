//! Whom is asked about: an address, its class on an interface now, and the rule that gives it.

use std::net::IpAddr;

use anyhow::Result;
use throttler_common::abi::{Addr, CLASS_KEY_LEAD, ClassKey, ClassStep, UNTIL_SHIFT, head_flag};
use throttler_common::class::{Kind, Word, ended, resolve_steps};

use super::digits;
use super::reader::{Reader, bytes};
use crate::compile::RuleDescription;

/// An address on an interface.
pub(super) struct Subject<'a> {
    pub(super) addr: IpAddr,
    /// 0: IPv4, 1: IPv6.
    pub(super) family: usize,
    pub(super) bytes: Addr,
    /// The source that it belongs to.
    pub(super) source: Addr,
    /// The class of packets from this very address.
    pub(super) word: Word,
    /// What gives that class; `None` where no rule does.
    step: Option<ClassStep>,
    pub(super) rule: Option<&'a RuleDescription>,
}

impl<'a> Subject<'a> {
    /// Asks the trie, once. An IPv4 address as a socket of both families has it (`::ffff:192.0.2.1`) is an IPv4 address.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn of(reader: &Reader<'a>, addr: IpAddr) -> Result<Self> {
        let addr = addr.to_canonical();
        let (family, bytes) = bytes(addr);
        let (head, now) = (reader.head(), reader.now());
        let chain = match head.flags & head_flag::SOURCES {
            0 => None,
            _ => {
                let key = key(reader, family, bytes, WHOLE[family]);
                reader.attachment.tables.classes.get(&key)?
            }
        };
        let word = chain.as_ref().map_or_else(
            || Word::new(head.tag, Kind::Plan, 0, 0),
            |chain| resolve_steps(chain, head.tag, now),
        );
        let steps = chain.iter().flat_map(|chain| chain.steps);
        let nothing = |step: &ClassStep| step.kind == Kind::Plan as u8 && step.plan == 0;
        let step = steps
            .into_iter()
            .find(|step| !ended(step.until, now))
            .filter(|step| !nothing(step));
        let rules = &reader.attachment.description.rules;
        Ok(Self {
            addr,
            family,
            bytes,
            source: bytes.masked(head.source_mask[family]),
            word,
            rule: step.and_then(|step| rules.get(step.rule as usize)),
            step,
        })
    }

    /// Monotonic nanoseconds when its class ends; `None`: it does not.
    pub(super) fn ends(&self) -> Option<u64> {
        let until = self.step?.until;
        (until != 0).then(|| u64::from(until) << UNTIL_SHIFT)
    }

    /// The widest prefix around it for which the same was said: what an operator named.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn named(&self, reader: &Reader<'_>) -> Result<String> {
        let mut bits = WHOLE[self.family];
        for shorter in 0..WHOLE[self.family] {
            let key = key(reader, self.family, self.bytes, shorter);
            let chain = reader.attachment.tables.classes.get(&key)?;
            let now = reader.now();
            let first = chain.and_then(|chain| {
                let mut steps = chain.steps.into_iter();
                steps.find(|step| !ended(step.until, now))
            });
            if first.is_some() && first == self.step {
                bits = shorter;
                break;
            }
        }
        let ip = super::reader::ip(self.family, self.bytes);
        let net = ipnet::IpNet::new(ip, bits as u8)?;
        Ok(net.trunc().to_string())
    }

    /// A prefix that holds it, as text.
    pub(super) fn within(&self, network: Addr, bits: u32) -> String {
        let mut out = Vec::new();
        digits::prefix(&mut out, self.family, network, bits);
        String::from_utf8_lossy(&out).into_owned()
    }
}

/// Bits of an address, by family.
const WHOLE: [u32; 2] = [32, 128];

fn key(reader: &Reader<'_>, family: usize, addr: Addr, bits: u32) -> ClassKey {
    ClassKey {
        prefix_len: CLASS_KEY_LEAD + bits,
        bank: (reader.head().generation % 2) as u8,
        family: [4, 6][family],
        reserved: [0; 2],
        addr,
    }
}
