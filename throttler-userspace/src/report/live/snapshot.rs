//! One look at the maps, as `top` shows it.

use ipnet::IpNet;
use throttler_common::Reason;

/// What sources are shown, and in what order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The order.
    pub sort: Sort,
    /// Only those whose source lies in this prefix, or holds it.
    pub source: Option<IpNet>,
    /// Only those in scopes whose name holds this text.
    pub scope: Option<String>,
}

impl Query {
    /// Whether a source is wanted.
    #[must_use]
    pub fn wants(&self, source: &IpNet) -> bool {
        self.source
            .is_none_or(|within| within.contains(source) || source.contains(&within))
    }

    /// Whether a scope is wanted.
    #[must_use]
    pub fn wants_scope(&self, name: &str) -> bool {
        self.scope.as_ref().is_none_or(|text| name.contains(text))
    }
}

/// An order of sources, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Packets dropped since the look before.
    #[default]
    DropRate,
    /// Packets passed since the look before.
    PassRate,
    /// Packets dropped in all.
    Dropped,
    /// The latest packet.
    LastSeen,
}

impl Sort {
    /// What decides, and what does among equals.
    #[must_use]
    pub fn key(self, of: &Tallies) -> [u64; 4] {
        let Tallies {
            passed,
            dropped,
            new_passed,
            new_dropped,
            last_seen,
        } = *of;
        match self {
            Self::DropRate => [new_dropped, dropped, new_passed, passed],
            Self::PassRate => [new_passed, passed, new_dropped, dropped],
            Self::Dropped => [dropped, new_dropped, passed, new_passed],
            Self::LastSeen => [last_seen, new_dropped, new_passed, dropped],
        }
    }
}

/// Packets of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Passed in all.
    pub passed: u64,
    /// Dropped in all.
    pub dropped: u64,
    /// Passed since the look before.
    pub new_passed: u64,
    /// Dropped since the look before.
    pub new_dropped: u64,
    /// Monotonic time of the latest, in steps of 67 ms.
    pub last_seen: u64,
}

/// A source in a scope.
#[derive(Clone, Debug)]
pub struct Source {
    /// Interface.
    pub iface: String,
    /// The source, or a parent prefix.
    pub source: IpNet,
    /// Scope or layer.
    pub scope: String,
    /// Its plan, or the kind of its class.
    pub class: String,
    /// Its packets.
    pub tallies: Tallies,
    /// Nanoseconds between the two looks; `None` in the first.
    pub elapsed: Option<u64>,
    /// Nanoseconds since its latest packet.
    pub idle: u64,
    /// Nanoseconds that its ban still lasts; 0: none.
    pub banned_for: u64,
}

/// Packets of a scope that ended in a reason, since attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// Scope or layer.
    pub scope: String,
    /// Why.
    pub reason: Reason,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// An interface.
#[derive(Clone, Debug, Default)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// `native`, `generic`, or `none` where our program does not run.
    pub xdp_mode: &'static str,
    /// `enforce` or `monitor`.
    pub mode: String,
    /// Whether everything passes.
    pub paused: bool,
    /// Whether a daemon serves it.
    pub daemon: bool,
    /// Generation of the policy in force.
    pub generation: u32,
    /// Its scopes, in the policy's order.
    pub scopes: Vec<String>,
    /// What was counted.
    pub counted: Vec<Counted>,
    /// Sources in the table.
    pub entries: u64,
    /// Room for sources, of each family.
    pub room: u64,
    /// Sources and prefixes that are banned.
    pub banned: u64,
}

/// One look at all interfaces.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Monotonic nanoseconds when it began.
    pub at: u64,
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// The first [`SHOWN`] sources of those that were asked for, in order.
    pub sources: Vec<Source>,
    /// How many were asked for.
    pub matching: u64,
}

/// Sources in a snapshot at most: more than anybody scrolls through.
pub const SHOWN: usize = 1_000;
