//! What the lookout (`daemon/lookout`) reads of an interface's maps: who has nearly used a long limit up, whose ban is on
//! or over, and how much is refused.

mod bans;
mod buckets;
mod long;

use std::path::Path;

use anyhow::Result;
use throttler_common::Reason;

pub use self::bans::{BanEnd, BanId};
pub use self::buckets::{BucketId, Standing, Used};
use self::long::Long;
use super::attached::{Attachment, attachments_so_far};
use super::counters;
use crate::compile::{Clock, Description};
use crate::kernel::sources::Sources;
use crate::kernel::{monotonic, publish, sys};

/// Rules of a policy whose memory is worth giving back to the system.
const MANY_RULES: usize = 10_000;

/// An interface's maps, as the lookout keeps them open.
pub struct View {
    attachment: Attachment,
    long: Long,
}

/// Packets of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// All of them.
    pub seen: u64,
    /// Those that were refused, or would have been but for monitor mode.
    pub refused: u64,
}

/// What counts as refused in [`Share`]: what a limit refused, or a ban for refusals, or the table for want of room. Not what is
/// `blocked`, which somebody wants blocked however much of it comes, nor what is `malformed`, which no limit is about. In
/// monitor mode blocked packets are counted as `monitored` with all others, and so count here.
const REFUSED: [Reason; 5] = [
    Reason::OverLimit,
    Reason::GlobalLimit,
    Reason::Banned,
    Reason::TableFull,
    Reason::Monitored,
];

impl View {
    /// Opens the maps of an interface; `None` where there are none.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(bpffs: &Path, iface: &str) -> Result<Option<Self>> {
        let found = attachments_so_far(bpffs, &[iface.to_owned()])?.pop();
        Ok(found.map(|mut attachment| {
            // One each for a hundred thousand bans: the classes in the table say what is needed of them.
            let rules = std::mem::take(&mut attachment.description.rules);
            if rules.len() > MANY_RULES {
                drop(rules);
                sys::give_memory_back();
            }
            Self {
                long: Long::of(&attachment.description, &attachment.generation),
                attachment,
            }
        }))
    }

    /// Whether what is open is what is pinned, of the generation in force.
    #[must_use]
    pub fn is_current(&self) -> bool {
        let one = &self.attachment;
        self.is_same_table()
            && publish::generation(&one.tables)
                .is_ok_and(|found| found == one.description.generation)
    }

    /// Whether the source table that is open is the one that is pinned.
    #[must_use]
    pub fn is_same_table(&self) -> bool {
        let one = &self.attachment;
        Sources::pinned_id(&one.pins.dir).is_ok_and(|id| id == one.tables.sources.id)
    }

    /// The kernel's identifier of the source table.
    #[must_use]
    pub fn table(&self) -> u32 {
        self.attachment.tables.sources.id
    }

    /// Names and texts of the generation.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.attachment.description
    }

    /// Sets the clock that all answers are for.
    pub fn at(&mut self, clock: Clock) {
        self.attachment.clock = clock;
    }

    /// Whether any limit has a period of an hour or more.
    #[must_use]
    pub fn has_long_limits(&self) -> bool {
        !self.long.is_empty() || !self.long.globals.is_empty()
    }

    /// Packets since attach.
    ///
    /// # Errors
    /// The kernel's.
    pub fn share(&self) -> Result<Share> {
        let sums = counters::by_reason(&self.attachment)?;
        let count = |reason: &Reason| sums.get(reason).map_or(0, |tally| tally.packets);
        let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
        Ok(Share {
            seen: sum(&mut Reason::ALL.iter().map(count)),
            refused: sum(&mut REFUSED.iter().map(count)),
        })
    }

    /// Packets of newcomers that found no room, since attach.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        counters::refused(&self.attachment.tables)
    }

    fn now(&self) -> u64 {
        self.attachment.clock.monotonic_ns
    }
}

/// The clock of now, for [`View::at`].
#[must_use]
pub fn clock() -> Clock {
    monotonic::now()
}
