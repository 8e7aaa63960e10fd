//! `Snapshot -> Report`: what was read from the maps, as tables and JSON.

mod ago;
mod answer;
mod attached;
mod ban;
mod bans;
mod bucket;
mod bucket_json;
mod bucket_table;
mod buckets;
mod counters;
mod digits;
mod entries;
mod explain;
mod generation;
mod global;
mod headers;
mod kept;
mod lift;
mod live;
mod load;
mod lookout;
mod metrics;
mod names;
mod output;
mod overrides;
mod parallel;
mod policy;
mod question;
mod rank;
mod rates;
mod reader;
mod reason;
mod sources;
mod status;
mod status_text;
mod subject;
mod sweep;
pub mod violations;

pub use attached::{Attachment, attachments, attachments_so_far, nothing_attached, published};
pub use bans::bans;
pub use buckets::buckets;
pub use counters::counters;
pub use explain::explain;
pub use generation::Generation;
pub use kept::Kept;
pub use lift::{Lifted, holders, lift};
pub use live::{
    Counted, Interface, Live, Query, SHOWN, Snapshot, Sort, Source as LiveSource, Tallies,
};
pub use load::{Load, load};
pub use lookout::{BanEnd, BanId, BucketId, Share, Standing, Used, View, clock};
pub use metrics::{escape as label, metrics};
pub use output::{Format, Table, harmless, json, seconds};
pub use overrides::overrides;
pub use policy::{plans, scopes};
pub use question::Question;
pub use rank::BucketFilter;
pub use rates::{Rates, rates};
pub use sources::sources;
pub use status::{Beside, status};

/// Version of every JSON document's shape.
pub const SCHEMA_VERSION: u32 = 1;
