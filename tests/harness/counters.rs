//! The program's counters, and what moved between two readings.

use std::collections::BTreeMap;

use throttler_common::Reason;

/// Packets and bytes by scope name and reason; what is zero is left out.
pub(crate) type Counters = BTreeMap<(String, Reason), (u64, u64)>;

/// What was counted after `before`.
///
/// # Panics
/// If a counter ran backwards.
pub(crate) fn moved(before: &Counters, after: &Counters) -> Counters {
    for key in before.keys() {
        assert!(
            after.contains_key(key),
            "the counter of {key:?} went back to zero"
        );
    }
    let grown = after.iter().map(|(key, (packets, bytes))| {
        let (packets_before, bytes_before) = before.get(key).copied().unwrap_or_default();
        let packets = packets
            .checked_sub(packets_before)
            .expect("packets only grow");
        let bytes = bytes.checked_sub(bytes_before).expect("bytes only grow");
        (key.clone(), (packets, bytes))
    });
    grown.filter(|(_, tally)| *tally != (0, 0)).collect()
}
