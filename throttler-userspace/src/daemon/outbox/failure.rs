//! Why a batch was not delivered, and what that means for the next attempt.

use std::time::Duration;

/// One attempt's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// For people: what, and the mend; never a secret.
    pub(super) text: String,
    /// When it wants to be asked again.
    pub(super) after: Option<Duration>,
}

/// What it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody is there, or has time: a batch is kept until somebody is.
    Unreachable,
    /// Somebody is there and failed, perhaps because of what the batch says: it is tried a limited number of times.
    Failed,
    /// Trying again would be refused again.
    Refused,
}

impl Failure {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self {
            kind,
            text: text.into(),
            after: None,
        }
    }
}
