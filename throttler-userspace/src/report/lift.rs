//! Takes bans back that the datapath gave. Nothing else of a source changes: what it used of its limits and what was
//! counted of it stay, and so does how often it was banned.

use std::path::Path;

use anyhow::Result;
use ipnet::IpNet;
use jiff::Timestamp;
use throttler_common::ban::{MOMENT_SHIFT, moment};

use super::attached::Attachment;
use super::bans::banned;
use super::overrides;
use crate::kernel::sys;
use crate::overrides::Kind;

/// A ban that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifted {
    /// The source, or the prefix.
    pub source: IpNet,
    /// Whether it is a prefix that was banned for its sources.
    pub prefix: bool,
    /// Name of the scope.
    pub scope: String,
    /// How many bans there had been, less those forgiven.
    pub times: u64,
    /// When it would have ended.
    pub until: Timestamp,
}

/// Takes the datapath's bans back of the source that an address or prefix is of, or of all sources and prefixes inside it.
#[must_use]
pub fn lift(attachment: &Attachment, within: IpNet) -> Vec<Lifted> {
    let sources = &attachment.tables.sources;
    let within = asked_for(attachment, within);
    // The datapath's clock may be a tick behind: for it, too, the ban is then over.
    let at = moment(sys::monotonic_ns().saturating_sub(sys::tick_ns()));
    let inside = banned(attachment, 0, Some(within))
        .into_iter()
        .filter(|one| within.contains(&one.net));
    let lifted = inside.filter_map(|one| {
        let ban = one.spot.way(sources)?.lift_ban(at)?;
        Some(Lifted {
            source: one.net,
            prefix: one.prefix,
            scope: attachment.description.scope_name(one.record.scope),
            times: ban.times(),
            until: attachment.clock.wall(ban.until() << MOMENT_SHIFT),
        })
    });
    lifted.collect()
}

/// The banned prefixes around it that stay: an operator's, and the datapath's.
///
/// # Errors
/// The kernel's.
pub fn holders(attachment: &Attachment, state_dir: &Path, within: IpNet) -> Result<Vec<IpNet>> {
    let within = asked_for(attachment, within);
    let around = |net: &IpNet| *net != within && net.contains(&within);
    let operators = overrides::in_force(attachment, state_dir, Kind::Ban)?;
    let given = banned(attachment, 0, Some(within));
    let nets = operators.iter().map(|one| one.net);
    let mut nets: Vec<IpNet> = nets
        .chain(given.iter().map(|one| one.net))
        .filter(around)
        .collect();
    nets.sort_unstable();
    nets.dedup();
    Ok(nets)
}

/// A prefix that is longer than a source's means the source.
fn asked_for(attachment: &Attachment, net: IpNet) -> IpNet {
    let family = usize::from(net.addr().is_ipv6());
    let bits = attachment.generation.head.source_prefix[family];
    let bits = u8::try_from(bits).unwrap_or(u8::MAX).min(net.prefix_len());
    IpNet::new(net.addr(), bits).map_or(net, |shorter| shorter.trunc())
}
