//! The validated policy. Whoever holds a [`Config`] need not check anything again.

use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::rate::Rate;
use super::words::{Mode, OnExit, Unit};
use crate::alert::Kind;

/// A policy file that holds together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What happens to packets over a limit, unless their scope says otherwise.
    pub mode: Mode,
    /// IPv4 source addresses are masked to this many bits, 8..=32.
    pub ipv4_prefix: u8,
    /// IPv6 source addresses are masked to this many bits, 16..=128.
    pub ipv6_prefix: u8,
    /// Entries of the source table per address family, 1024..=16777216.
    pub max_sources: u32,
    /// What becomes of the program when the daemon ends.
    pub on_exit: OnExit,
    /// `default` first, even if the file has none, then the others in file order; with `layers` at most 255.
    pub scopes: Vec<Scope>,
    /// Buckets that span scopes, in file order.
    pub layers: Vec<Layer>,
    /// In file order; at most 1023.
    pub plans: Vec<Plan>,
    /// In file order; rules whose time is over are left out.
    pub sources: Vec<SourceRule>,
    /// When the datapath bans by itself; `None` means never.
    pub abuse: Option<Abuse>,
    /// What the daemon keeps of refusals.
    pub history: History,
    /// Who is told of what, in file order; at most 16.
    pub notify: Vec<Notify>,
    /// Rendered, one line each, with file and line.
    pub warnings: Vec<String>,
}

/// A named class of traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// 1..=31 characters of `[a-z0-9_-]`, beginning with a letter; unique among scopes and layers.
    pub name: String,
    /// Any one suffices. Empty for `default`, which takes the rest, and for no other.
    pub matches: Vec<Match>,
    /// Overrides [`Config::mode`].
    pub mode: Option<Mode>,
    /// Per source; all must hold. At most 4, in file order.
    pub limits: Vec<Limit>,
    /// For all sources together. At most 4, in file order.
    pub global: Vec<Limit>,
    /// Names of plans that are served from the reserved share of every `global` limit first, then from the common one.
    pub protected: Vec<String>,
    /// That share in per cent, 1..=99; 0 if no plan is protected. See [`super::split`].
    pub reserved: u8,
}

/// One entry of a scope's `match`; every part that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// `None` is any, or TCP and UDP if there are ports.
    pub protocol: Option<Protocol>,
    /// Destination ports; empty is any.
    pub ports: Vec<PortRange>,
    /// Destination prefixes, without host bits; empty is any.
    pub to: Vec<IpNet>,
}

/// `first..=last`, both 0..=65535 and in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    /// The lowest port.
    pub first: u16,
    /// The highest port.
    pub last: u16,
}

/// A transport protocol, in normal form: 6, 17 and 58 have their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// 6.
    Tcp,
    /// 17.
    Udp,
    /// ICMP and ICMPv6: 1 and 58.
    Icmp,
    /// ICMPv6 alone: 58.
    Icmpv6,
    /// Any other, by its IANA protocol number.
    Number(u8),
}

/// A set of buckets per source that several scopes share and that must hold as well as their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Like a scope's; unique among scopes and layers.
    pub name: String,
    /// Names of scopes, at least one; a scope is in at most one layer.
    pub scopes: Vec<String>,
    /// At most 4, in file order.
    pub limits: Vec<Limit>,
}

/// A named token bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// 1..=31 characters of `[a-z0-9_-]`, beginning with a letter; unique in its scope.
    pub name: String,
    /// How fast the bucket refills.
    pub rate: Rate,
    /// The bucket's size in whole units, at least 1.
    pub burst: u64,
    /// What is counted.
    pub unit: Unit,
}

/// A named set of overrides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// 1..=31 characters of `[a-z0-9_-]`, beginning with a letter.
    pub name: String,
    /// Scopes or layers by name; those not named keep their own limits.
    pub scopes: Vec<(String, PlanScope)>,
}

/// What a plan makes of one scope or layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanScope {
    /// No limit holds, `global` ones included.
    Unlimited,
    /// By limit name; those not named keep the scope's own rate.
    Limits(Vec<(String, PlanLimit)>),
}

/// What a plan makes of one limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanLimit {
    /// It does not hold.
    Unlimited,
    /// In the unit of the scope's limit.
    Rate {
        /// How fast the bucket refills.
        rate: Rate,
        /// The bucket's size in whole units, at least 1.
        burst: u64,
    },
}

/// What some source prefixes resolve to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRule {
    /// Without host bits; the longest prefix of all rules wins.
    pub prefixes: Vec<IpNet>,
    /// What they resolve to.
    pub class: Class,
    /// `None` is for good; otherwise it was in the future when the file was read.
    pub until: Option<jiff::Timestamp>,
    /// Free text for people.
    pub reason: Option<String>,
    /// Where it stands: `throttler.toml:41`, or the name of the list file.
    pub origin: String,
    /// Who says so.
    pub by: By,
}

/// Who gave a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The policy file.
    Policy,
    /// An operator, or an application, over the control socket. Such an exemption holds whatever covers the source; such
    /// a ban whatever covers it but an exemption.
    Operator,
}

/// What a source resolves to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The limits of this plan.
    Plan(String),
    /// No limit.
    Exempt,
    /// Nothing passes.
    Block,
}

/// When the datapath bans a source by itself, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abuse {
    /// `None`: only operators and applications ban.
    pub ban_after: Option<BanAfter>,
    /// `None`: only sources are banned, never their whole prefix. `Some` only where `ban_after` is.
    pub widen_after: Option<WidenAfter>,
    /// The first ban, up to 366 days; it doubles each time.
    pub ban_for: Duration,
    /// The longest ban, at least `ban_for` and up to 366 days.
    pub ban_max: Duration,
}

/// How many refusals in what time make a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanAfter {
    /// 1..=1000000.
    pub refusals: u32,
    /// Up to 366 days.
    pub within: Duration,
}

/// How many banned sources of one parent prefix (/24, /48) in what time have the whole of it banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WidenAfter {
    /// 2..=65536.
    pub sources: u32,
    /// Up to 366 days.
    pub within: Duration,
}

/// Who is told of what, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notify {
    /// 1..=31 characters of `[a-z0-9_-]`, beginning with a letter; unique.
    pub name: String,
    /// Who is told.
    pub to: Destination,
    /// Of what.
    pub wants: Interest,
    /// Alerts of a batch, 1..=1000.
    pub most: u32,
    /// How long a batch waits for more of them: 1 s to 1 h.
    pub within: Duration,
    /// For one attempt, all included: 1 s to 5 min.
    pub timeout: Duration,
    /// For a batch, where who is told answers that it failed: 1..=1000.
    pub attempts: u32,
    /// Where it stands: `throttler.toml:41`.
    pub origin: String,
}

/// Who is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// By an HTTP request.
    Webhook(Webhook),
    /// A program with its arguments; the first is an absolute path.
    Exec(Vec<String>),
}

/// Where to post, and what beside the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// If it stands here, one that [`super::load`] has found good.
    pub url: Told,
    /// The key of the signature, if there is to be one.
    pub secret: Option<SecretRef>,
    /// More headers, with what they say.
    pub headers: Vec<(String, Told)>,
    /// PEM file of authorities that are trusted beside the system's; an absolute path.
    pub ca_file: Option<PathBuf>,
}

/// A text of the policy, or where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It stands in the policy.
    Literal(String),
    /// It does not.
    Kept(SecretRef),
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In a file, by its absolute path; a line feed at its end is no part of it.
    File(PathBuf),
    /// In a variable of the daemon's environment.
    Env(String),
}

/// What somebody wants to hear of. An empty filter is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interest {
    /// At least one, in the order of [`Kind::ALL`].
    pub events: Vec<Kind>,
    /// Scopes and layers by name.
    pub scopes: Vec<String>,
    /// Plans by name.
    pub plans: Vec<String>,
    /// As in the abuse log: `NAME`, `LAYER.NAME` or `global.NAME`.
    pub limits: Vec<String>,
    /// Without host bits.
    pub sources: Vec<IpNet>,
    /// By name.
    pub ifaces: Vec<String>,
}

/// What the daemon keeps of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Whether it keeps anything.
    pub enabled: bool,
    /// How long, an hour to 366 days.
    pub keep: Duration,
    /// What the database may grow to in bytes, 16 * 10^6 to 10^12.
    pub max_size: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            enabled: true,
            keep: Duration::from_secs(30 * 86_400),
            max_size: 256_000_000,
        }
    }
}
