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
    parts
        .into_iter()
        .fold(Entries::default(), |sum, part| Entries {
            families: [
                sum.families[0] + part.families[0],
                sum.families[1] + part.families[1],
            ],
            banned: sum.banned + part.banned,
        })
}
