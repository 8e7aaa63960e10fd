//! The class trie's entries: each prefix carries the chain of rules that cover it, so that a rule
//! which ends uncovers the next without anybody touching the trie.

use std::collections::BTreeMap;

use ipnet::IpNet;
use throttler_common::abi::{
    CLASS_KEY_LEAD, ClassChain, ClassKey, ClassStep, MAX_CLASSES, chain_flag,
};
use throttler_common::class::{Kind, until_units};

use super::CompileError;
use super::classifier::address;
use super::covering::Covering;
use super::identify::Ids;
use super::tables::Clock;
use crate::config::{Class, Config, SourceRule};

/// The trie of one generation.
pub(super) struct Classes {
    /// Entries with bank 0, sorted.
    pub(super) entries: Vec<(ClassKey, ClassChain)>,
    /// Prefixes that rules name.
    pub(super) prefixes: usize,
    /// As [`PolicyTables::cut`](super::PolicyTables::cut).
    pub(super) cut: u32,
}

/// `rules` says which description each of the sources' rules has.
pub(super) fn classes(
    config: &Config,
    sources: &[&SourceRule],
    ids: &Ids,
    rules: &[u32],
    clock: Clock,
) -> Result<Classes, CompileError> {
    let mut own: BTreeMap<Prefix, Covering> = BTreeMap::new();
    let is_over = |rule: &SourceRule| rule.until.is_some_and(|until| until <= clock.wall);
    let rules = sources.iter().zip(rules);
    for (rule, index) in rules.filter(|(rule, _)| !is_over(rule)) {
        let until = rule.until.map(|until| clock.monotonic(until));
        let step = step(*index, &rule.class, until, ids);
        for prefix in &rule.prefixes {
            own.entry(Prefix::from(*prefix))
                .or_default()
                .add(rule, step);
        }
    }
    let prefixes = own.len();
    let mixed = mixed(config, &own);
    for prefix in &mixed {
        own.entry(*prefix).or_default();
    }
    if own.len() > MAX_CLASSES / 2 {
        return Err(CompileError::TooManyClasses { need: own.len() });
    }

    // In this order a prefix follows all that contain it: those still open are its ancestors.
    let mut open: Vec<(Prefix, Covering)> = Vec::new();
    let mut entries = Vec::with_capacity(own.len());
    let mut cut = 0;
    for (prefix, mut covering) in own {
        while open
            .last()
            .is_some_and(|(outer, _)| !outer.contains(&prefix))
        {
            open.pop();
        }
        let mut flags = 0;
        if covering.is_empty() {
            flags |= chain_flag::INHERITED;
        }
        if mixed.binary_search(&prefix).is_ok() {
            flags |= chain_flag::MIXED;
        }
        covering.within(open.last().map(|(_, outer)| outer));
        let mut chain = ClassChain {
            flags,
            ..ClassChain::default()
        };
        let steps = covering.chain();
        for (to, from) in chain.steps.iter_mut().zip(&steps) {
            *to = *from;
        }
        if steps.len() > chain.steps.len() {
            let ends = chain.steps.iter().map(|step| step.until);
            cut = ends
                .chain([cut])
                .filter(|until| *until > 0)
                .min()
                .unwrap_or(0);
        }
        entries.push((prefix.key(), chain));
        open.push((prefix, covering));
    }
    Ok(Classes {
        entries,
        prefixes,
        cut,
    })
}

/// The prefixes of sources that hold longer prefixes: each needs an entry of its own length to say so.
fn mixed(config: &Config, own: &BTreeMap<Prefix, Covering>) -> Vec<Prefix> {
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
    mixed
}

fn step(rule: u32, class: &Class, until: Option<u64>, ids: &Ids) -> ClassStep {
    let (kind, plan) = match class {
        Class::Plan(name) => (Kind::Plan, ids.plans[name]),
        Class::Exempt => (Kind::Exempt, 0),
        Class::Block => (Kind::Block, 0),
    };
    ClassStep {
        until: until.map_or(0, until_units),
        rule,
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
