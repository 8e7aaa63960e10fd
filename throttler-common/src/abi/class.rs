//! The class trie.

use super::{Addr, MAX_CLASS_STEPS};

/// Key of the class trie: bank and family stand in front of the address, so that one trie serves
/// both generations and an IPv4 address is never mistaken for an IPv6 one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClassKey {
    /// Bits that count, from `bank` on: [`CLASS_KEY_LEAD`] plus the length of the prefix.
    pub prefix_len: u32,
    /// 0 or 1.
    pub bank: u8,
    /// 4 or 6.
    pub family: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// The prefix, host bits zero.
    pub addr: Addr,
}

/// Bits of [`ClassKey`] in front of the address.
pub const CLASS_KEY_LEAD: u32 = 32;

/// One rule that covers an address.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassStep {
    /// End, in units of 2^28 ns of monotonic time; 0: none.
    pub until: u32,
    /// Index of the `[[sources]]` entry.
    pub rule: u32,
    /// Plan identifier where `kind` is [`class::Kind::Plan`](crate::class::Kind).
    pub plan: u16,
    /// A [`class::Kind`](crate::class::Kind).
    pub kind: u8,
    /// Zero.
    pub reserved: u8,
}

/// The rules that cover a prefix, the most specific first: the first that has not ended counts.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassChain {
    /// The rules; after the last the step is all zero, which says "no plan, for ever".
    pub steps: [ClassStep; MAX_CLASS_STEPS],
    /// Bits of [`chain_flag`].
    pub flags: u32,
}

/// Bits of [`ClassChain::flags`].
pub mod chain_flag {
    /// Longer prefixes than a source's lie inside: the class depends on the full address.
    pub const MIXED: u32 = 1;
    /// No rule names this very prefix: the entry repeats what covers it, to carry [`MIXED`].
    pub const INHERITED: u32 = 2;
}
