//! `Snapshot -> Report`: what was read from the maps, as tables and JSON.

mod attached;
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
mod live;
mod metrics;
mod names;
mod output;
mod overrides;
mod parallel;
mod policy;
mod question;
mod rank;
mod reader;
mod reason;
mod sources;
mod status;
mod sweep;

pub use attached::{Attachment, attachments, attachments_so_far, nothing_attached, published};
pub use bans::bans;
pub use buckets::buckets;
pub use counters::counters;
pub use explain::explain;
pub use generation::Generation;
pub use live::{
    Counted, Interface, Live, Query, SHOWN, Snapshot, Sort, Source as LiveSource, Tallies,
};
pub use metrics::{escape as label, metrics};
pub use output::{Format, Table, seconds};
pub use overrides::overrides;
pub use policy::{plans, scopes};
pub use question::Question;
pub use rank::BucketFilter;
pub use sources::sources;
pub use status::status;

/// Version of every JSON document's shape.
pub const SCHEMA_VERSION: u32 = 1;
