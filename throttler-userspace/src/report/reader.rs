//! Reads one interface's sources; keeps what does not change between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use throttler_common::abi::{
    Addr, CLASS_KEY_LEAD, ClassKey, PARENT_PREFIX, PolicyHead, SlotRecord, head_flag, region,
};
use throttler_common::class::{self, Kind, Word};

use super::attached::Attachment;
use super::bucket::Bucket;
use super::generation::Generation;
use super::names::Names;
use super::question::Classifier;
use super::sweep::Spot;
use crate::compile::Clock;
use crate::kernel::publish;

pub(super) struct Reader<'a> {
    pub(super) attachment: &'a Attachment,
    pub(super) names: Arc<Names>,
    pub(super) classifier: Arc<OnceLock<Classifier>>,
    pub(super) clock: Clock,
    /// The policy was reloaded since: its trie is gone, and what slots say of their class must do.
    superseded: AtomicBool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(attachment: &'a Attachment) -> Self {
        let names = Names::of(
            attachment.iface(),
            &attachment.description,
            &attachment.generation,
        );
        let clock = attachment.clock;
        Self::with(attachment, Arc::new(names), Arc::default(), clock)
    }

    /// The same with names and tables that were made ready before, at another time than the attachment was opened.
    pub(super) fn with(
        attachment: &'a Attachment,
        names: Arc<Names>,
        classifier: Arc<OnceLock<Classifier>>,
        clock: Clock,
    ) -> Self {
        Self {
            attachment,
            names,
            classifier,
            clock,
            superseded: AtomicBool::new(false),
        }
    }

    pub(super) fn head(&self) -> &PolicyHead {
        &self.attachment.generation.head
    }

    pub(super) fn generation(&self) -> &'a Generation {
        &self.attachment.generation
    }

    /// Monotonic nanoseconds.
    pub(super) fn now(&self) -> u64 {
        self.clock.monotonic_ns
    }

    /// The class in force for a source (or, at full length, for an address).
    pub(super) fn resolve(&self, family: usize, addr: Addr, full: bool) -> Result<Word> {
        let head = self.head();
        if head.flags & head_flag::SOURCES == 0 {
            return Ok(Word::new(head.tag, Kind::Plan, 0, 0));
        }
        let bits = match full {
            false => head.source_prefix[family],
            true => [32, 128][family],
        };
        let key = ClassKey {
            prefix_len: CLASS_KEY_LEAD + bits,
            bank: (head.generation % 2) as u8,
            family: [4, 6][family],
            reserved: [0; 2],
            addr,
        };
        let chain = self.attachment.tables.classes.get(&key)?;
        Ok(match (&chain, full) {
            (Some(chain), true) => class::resolve_steps(chain, head.tag, self.now()),
            _ => class::resolve(chain.as_ref(), head.tag, self.now()),
        })
    }

    /// The class of a source that has a slot. A trie that cannot be read says nothing new.
    pub(super) fn class(&self, family: usize, record: &SlotRecord) -> Word {
        let kept = Word(record.class);
        if kept.holds(self.head().tag, self.now()) || self.is_known_superseded() {
            return kept;
        }
        self.resolve(family, record.addr, false).unwrap_or(kept)
    }

    /// Whether the policy is known to have been reloaded since it was read.
    pub(super) fn is_known_superseded(&self) -> bool {
        self.superseded.load(Ordering::Relaxed)
    }

    /// The same, asked of the kernel. If it is new, the classes that were just looked up may be those of nothing.
    pub(super) fn is_superseded(&self) -> bool {
        if self.is_known_superseded() {
            return true;
        }
        let generation = publish::generation(&self.attachment.tables);
        let other = generation.is_ok_and(|found| found != self.head().generation);
        if other {
            self.superseded.store(true, Ordering::Relaxed);
        }
        other
    }

    /// The bucket at a place of the table, unless it is gone.
    pub(super) fn bucket_at(&self, spot: Spot) -> Option<Bucket<'_>> {
        let sources = &self.attachment.tables.sources;
        let record = spot.read(sources)?;
        let region = spot.region(&sources.head);
        let parent = region >= region::PARENTS;
        let family = region % 2;
        let word = if parent {
            Word::new(self.head().tag, Kind::Plan, 0, 0)
        } else {
            self.class(family, &record)
        };
        Some(self.bucket(family, parent, record, word, true))
    }

    /// A source's bucket; `seen` says whether it has one yet.
    pub(super) fn bucket(
        &self,
        family: usize,
        parent: bool,
        mut record: SlotRecord,
        word: Word,
        seen: bool,
    ) -> Bucket<'_> {
        let generation = &self.attachment.generation;
        let row = generation.index(word.plan(), record.scope);
        record.tat = generation.renewed(&record, u32::from(record.scope), word, self.now());
        Bucket {
            names: &self.names,
            family,
            bits: if parent {
                u32::from(PARENT_PREFIX[family])
            } else {
                self.head().source_prefix[family]
            },
            parent,
            word,
            limits: match word.kind() {
                Kind::Plan | Kind::Mixed => self.names.limits(row),
                Kind::Exempt | Kind::Block => &[],
            },
            record,
            seen,
            now: self.now(),
        }
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

/// Family and bytes of an address.
pub(super) fn bytes(addr: IpAddr) -> (usize, Addr) {
    match addr {
        IpAddr::V4(v4) => (0, Addr::from_v4(v4.octets())),
        IpAddr::V6(v6) => (1, Addr::from_bytes(v6.octets())),
    }
}
