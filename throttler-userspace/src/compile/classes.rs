//! The class trie's entries: each prefix carries the chain of rules that cover it, so that a rule
//! which ends uncovers the next without anybody touching the trie.

use std::collections::BTreeMap;

use ipnet::IpNet;
use throttler_common::abi::{
    CLASS_KEY_LEAD, ClassChain, ClassKey, ClassStep, MAX_CLASS_STEPS, MAX_CLASSES, chain_flag,
};
use throttler_common::class::{Kind, until_units};

use super::CompileError;
use super::classifier::address;
use super::identify::Ids;
use super::tables::Clock;
use crate::config::{Class, Config};

/// The trie of one generation.
pub(super) struct Classes {
    /// Entries with bank 0, sorted.
    pub(super) entries: Vec<(ClassKey, ClassChain)>,
    /// Prefixes that rules name.
    pub(super) prefixes: usize,
}

pub(super) fn classes(config: &Config, ids: &Ids, clock: Clock) -> Result<Classes, CompileError> {
    let mut own: BTreeMap<Prefix, Vec<ClassStep>> = BTreeMap::new();
    for (index, rule) in config.sources.iter().enumerate() {
        let step = step(
            index,
            &rule.class,
            rule.until.map(|u| clock.monotonic(u)),
            ids,
        );
        for prefix in &rule.prefixes {
            own.entry(Prefix::from(*prefix)).or_default().push(step);
        }
    }
    let prefixes = own.len();
    // A source that holds longer prefixes needs an entry of its own length to say so.
    let mut mixed = Vec::new();
    for prefix in own.keys() {
        let source = match prefix.family {
            4 => config.ipv4_prefix,
            _ => config.ipv6_prefix,
        };
        if prefix.length > source {
            mixed.push(prefix.truncated(source));
        }
    }
    mixed.sort_unstable();
    mixed.dedup();
    for prefix in &mixed {
        own.entry(*prefix).or_default();
    }
    if own.len() > MAX_CLASSES / 2 {
        return Err(CompileError::TooManyClasses { need: own.len() });
    }

    // In this order a prefix follows all that contain it: those still open are its ancestors.
    let mut open: Vec<(Prefix, Vec<ClassStep>)> = Vec::new();
    let mut entries = Vec::with_capacity(own.len());
    for (prefix, mut steps) in own {
        while open
            .last()
            .is_some_and(|(outer, _)| !outer.contains(&prefix))
        {
            open.pop();
        }
        let mut flags = 0;
        if steps.is_empty() {
            flags |= chain_flag::INHERITED;
        }
        if mixed.binary_search(&prefix).is_ok() {
            flags |= chain_flag::MIXED;
        }
        // Rules that end come before the one that stays.
        steps.sort_by_key(|step| step.until == 0);
        if steps.last().is_none_or(|step| step.until != 0)
            && let Some((_, outer)) = open.last()
        {
            steps.extend_from_slice(outer);
        }
        let mut chain = ClassChain {
            flags,
            ..ClassChain::default()
        };
        for (to, from) in chain
            .steps
            .iter_mut()
            .zip(steps.iter().take(MAX_CLASS_STEPS))
        {
            *to = *from;
        }
        entries.push((prefix.key(), chain));
        open.push((prefix, steps));
    }
    Ok(Classes { entries, prefixes })
}

fn step(rule: usize, class: &Class, until: Option<u64>, ids: &Ids) -> ClassStep {
    let (kind, plan) = match class {
        Class::Plan(name) => (Kind::Plan, ids.plans[name]),
        Class::Exempt => (Kind::Exempt, 0),
        Class::Block => (Kind::Block, 0),
    };
    ClassStep {
        until: until.map_or(0, until_units),
        rule: rule as u32,
        plan,
        kind: kind as u8,
        reserved: 0,
    }
}

/// A prefix that sorts behind those that contain it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Prefix {
    family: u8,
    bytes: [u8; 16],
    length: u8,
}

impl From<IpNet> for Prefix {
    fn from(net: IpNet) -> Self {
        let (family, addr) = address(&net.network());
        Self {
            family: if family == 0 { 4 } else { 6 },
            bytes: addr.to_bytes(),
            length: net.prefix_len(),
        }
    }
}

impl Prefix {
    fn truncated(self, length: u8) -> Self {
        let mask = throttler_common::abi::Addr::mask(length);
        let addr = throttler_common::abi::Addr::from_bytes(self.bytes).masked(mask);
        Self {
            bytes: addr.to_bytes(),
            length,
            ..self
        }
    }

    fn contains(&self, other: &Self) -> bool {
        self.family == other.family
            && self.length <= other.length
            && other.truncated(self.length).bytes == self.bytes
    }

    fn key(self) -> ClassKey {
        ClassKey {
            prefix_len: CLASS_KEY_LEAD + u32::from(self.length),
            bank: 0,
            family: self.family,
            reserved: [0; 2],
            addr: throttler_common::abi::Addr::from_bytes(self.bytes),
        }
    }
}
