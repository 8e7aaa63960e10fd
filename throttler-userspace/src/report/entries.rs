//! How many sources there are, and how many are banned.

use throttler_common::abi::region;
use throttler_common::ban::Ban;
use throttler_common::table::{Words as _, layout};

use super::attached::Attachment;
use super::bans::holds;
use super::sweep::sweep;

/// What the source table holds, counted where it lies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Entries {
    /// Sources by family.
    pub(super) families: [u64; 2],
    /// Sources and prefixes that are banned.
    pub(super) banned: u64,
}

pub(super) fn entries(attachment: &Attachment) -> Entries {
    let sources = &attachment.tables.sources;
    let parts = sweep(sources, |sum: &mut Entries, spot, set, way| {
        let region = spot.region(&sources.head);
        if region < region::PARENTS {
            sum.families[region % 2] += 1;
        }
        let ban = Ban(set.load(layout::ban(way)));
        sum.banned += u64::from(holds(attachment, region, ban));
    });
    parts.into_iter().fold(Entries::default(), Entries::and)
}

impl Entries {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let [v4, v6] = self.families;
        Self {
            families: [v4 + other.families[0], v6 + other.families[1]],
            banned: self.banned + other.banned,
        }
    }
}
