//! What a thread has had of the processors: unlike the time of day, the same on a machine that is busy.

use std::time::Duration;

/// CPU time beyond which a case counts as one that never ends; the longest takes a tenth of it, in a debug build.
pub(crate) const ENDLESS: Duration = Duration::from_secs(20);

/// CPU time of this thread, to a few milliseconds.
///
/// # Panics
/// The kernel does not tell (CONFIG_SCHED_INFO).
pub(crate) fn spent() -> Duration {
    let path = "/proc/thread-self/schedstat";
    let text = std::fs::read_to_string(path).expect(path);
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(first.expect("a time"))
}
