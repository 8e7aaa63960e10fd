//! What is delivered: alerts as one JSON document, the same bytes at every attempt.

use std::fmt::Write as _;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::queue::Taken;
use crate::alert::Alert;
use crate::kernel::sys;
use crate::report::SCHEMA_VERSION;

/// A delivery.
#[derive(Debug)]
pub(super) struct Batch {
    /// Unique, and the same at every attempt, so that receivers know one that they have had.
    pub(super) id: String,
    pub(super) body: Bytes,
    /// How many alerts are in it.
    pub(super) alerts: u64,
    /// How many were lost before it.
    pub(super) lost: u64,
    pub(super) made: Instant,
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    notify: &'a str,
    host: &'a str,
    sent: Timestamp,
    id: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    dropped: u64,
    alerts: Vec<&'a Alert>,
}

impl Batch {
    /// Of what was taken out of the queue of `notify`.
    pub(super) fn new(notify: &str, host: &str, taken: &Taken) -> Self {
        Self::of(notify, host, taken, false)
    }

    /// One without alerts, which says that it is a test.
    pub(super) fn test(notify: &str, host: &str) -> Self {
        let nothing = Taken {
            alerts: Vec::new(),
            lost: 0,
        };
        Self::of(notify, host, &nothing, true)
    }

    fn of(notify: &str, host: &str, taken: &Taken, test: bool) -> Self {
        let id = id();
        let document = Document {
            schema_version: SCHEMA_VERSION,
            notify,
            host,
            sent: Timestamp::now(),
            id: &id,
            test,
            dropped: taken.lost,
            alerts: taken.alerts.iter().map(AsRef::as_ref).collect(),
        };
        // Names, numbers and times: nothing that JSON cannot say.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        Self {
            body: body.into(),
            alerts: taken.alerts.len() as u64,
            lost: taken.lost,
            made: Instant::now(),
            id,
        }
    }
}

/// 128 random bits. Without the kernel's, the time, which no other batch of this daemon has.
fn id() -> String {
    let words = sys::random_words::<2>();
    let words = words.unwrap_or_else(|_| [sys::monotonic_ns(), u64::from(std::process::id())]);
    let mut id = String::with_capacity(32);
    for word in words {
        // Writing to a string does not fail.
        let _ = write!(id, "{word:016x}");
    }
    id
}
