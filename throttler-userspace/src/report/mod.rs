//! `Snapshot -> Report`: what was read from the maps, as tables and JSON.

mod attached;
mod bucket;
mod buckets;
mod counters;
mod explain;
mod metrics;
mod output;
mod policy;
mod sources;
mod status;

pub use attached::{Attachment, attachments, nothing_attached};
pub use buckets::{BucketFilter, buckets};
pub use counters::counters;
pub use explain::{Question, explain};
pub use metrics::metrics;
pub use output::{Format, Table, seconds};
pub use policy::{plans, scopes};
pub use sources::sources;
pub use status::status;

/// Version of every JSON document's shape.
pub const SCHEMA_VERSION: u32 = 1;
