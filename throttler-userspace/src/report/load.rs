//! How much of the room for sources and events is used, for `doctor`.

use anyhow::Result;

use super::attached::Attachment;
use super::counters::{refused, stats};
use super::entries::entries;

/// How much of an interface's room is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Sources of the family that has more.
    pub fullest: u64,
    /// Sources that a family has room for.
    pub max: u64,
    /// Packets of newcomers that were refused for want of room, since attach.
    pub refused: u64,
    /// Events since attach that the ring took.
    pub events_sent: u64,
    /// Events since attach that it had no room for.
    pub events_lost: u64,
}

/// Reads how much is used.
///
/// # Errors
/// The kernel's.
pub fn load(attachment: &Attachment) -> Result<Load> {
    let tables = &attachment.tables;
    let stats = stats(tables)?;
    let [ipv4, ipv6] = entries(attachment).families;
    Ok(Load {
        fullest: ipv4.max(ipv6),
        max: u64::from(tables.sources.capacity()),
        refused: refused(tables),
        events_sent: stats.events_sent,
        events_lost: stats.events_lost,
    })
}
