//! The header of a way: whose it is, when it was last used, and the set's lock.
//!
//! ```text
//! 63    62        61     60    59 .. 52  51 .. 40  39 .. 32  31 .. 0
//! live  overflow  twice  lock  version   tag       scope     last seen, 2^26 ns
//! ```
//! `lock` and `overflow` are the set's and lie in way 0's header alone.

use crate::abi::SEEN_SHIFT;

/// The way is somebody's.
pub const LIVE: u64 = 1 << 63;
/// Way 0: a source whose first set this is may be in its second.
pub const OVERFLOW: u64 = 1 << 62;
/// The source was seen at least twice.
pub const TWICE: u64 = 1 << 61;
/// Way 0: a CPU is taking or changing a way of this set.
pub const LOCK: u64 = 1 << 60;

const SCOPE_SHIFT: u32 = 32;
const TAG_SHIFT: u32 = 40;
const TAG_BITS: u32 = 12;
const VERSION_SHIFT: u32 = 52;
const SEEN: u64 = (1 << SCOPE_SHIFT) - 1;
const SCOPE: u64 = 0xff << SCOPE_SHIFT;
const TAG: u64 = ((1 << TAG_BITS) - 1) << TAG_SHIFT;
const VERSION: u64 = 0xff << VERSION_SHIFT;

/// What a source's header must hold to be its own.
pub const MATCH: u64 = LIVE | TAG | SCOPE;
/// What stays as long as the way is one source's.
pub const IDENTITY: u64 = MATCH | VERSION;
/// What belongs to the set.
pub const OF_SET: u64 = LOCK | OVERFLOW;

/// A source that has been seen twice keeps its way for 2^38 ns (4.6 minutes) after its last packet, in
/// units of [`SEEN_SHIFT`], even where its buckets are full again.
pub const KEPT: u32 = 1 << (38 - SEEN_SHIFT);

/// [`MATCH`] bits of a source: its scope, and a tag from its hash.
#[inline(always)]
#[must_use]
pub const fn wanted(scope: u8, hash: u64) -> u64 {
    LIVE | (scope as u64) << SCOPE_SHIFT | (hash << TAG_SHIFT & TAG)
}

/// The way that a source is put into if it is free.
#[inline(always)]
#[must_use]
pub const fn home(wanted: u64) -> usize {
    (wanted >> TAG_SHIFT) as usize & 7
}

/// The scope.
#[inline(always)]
#[must_use]
pub const fn scope(header: u64) -> u8 {
    (header >> SCOPE_SHIFT) as u8
}

/// Coarse time of the last packet.
#[inline(always)]
#[must_use]
pub const fn seen(header: u64) -> u32 {
    (header & SEEN) as u32
}

/// Monotonic nanoseconds as [`seen`] counts them. 32 bits last nine years.
#[inline(always)]
#[must_use]
pub const fn seen_units(now: u64) -> u32 {
    (now >> SEEN_SHIFT) as u32
}

/// The header of a new source in a way that had `before`.
#[inline(always)]
#[must_use]
pub const fn fresh(before: u64, wanted: u64, seen: u32) -> u64 {
    let version = (before & VERSION).wrapping_add(1 << VERSION_SHIFT) & VERSION;
    before & OF_SET | wanted | version | seen as u64
}

/// The same header seen again, now.
#[inline(always)]
#[must_use]
pub const fn again(header: u64, seen: u32) -> u64 {
    let later = if seen > self::seen(header) {
        seen
    } else {
        self::seen(header)
    };
    header & !SEEN | TWICE | later as u64
}

/// Whether a newcomer may not displace the source, even if its buckets are full.
#[inline(always)]
#[must_use]
pub const fn kept(header: u64, now: u32) -> bool {
    header & TWICE != 0 && now.saturating_sub(seen(header)) < KEPT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap() {
        let parts = [LIVE, OVERFLOW, TWICE, LOCK, VERSION, TAG, SCOPE, SEEN];
        let sum = parts.iter().fold(0u64, |sum, part| {
            assert_eq!(sum & part, 0);
            sum | part
        });
        assert_eq!(sum, u64::MAX);
    }

    #[test]
    fn a_new_source_has_a_new_identity_even_if_it_is_the_same_one() {
        let want = wanted(7, 0xabc);
        let first = fresh(LOCK, want, 3);
        let second = fresh(first, want, 3);
        assert_eq!(first & MATCH, second & MATCH);
        assert_ne!(first & IDENTITY, second & IDENTITY);
        assert_eq!((scope(first), seen(first), first & LOCK), (7, 3, LOCK));
        assert_eq!(first & TWICE, 0);
    }

    #[test]
    fn seen_twice_is_kept_for_minutes() {
        let once = fresh(0, wanted(0, 1), 100);
        assert!(!kept(once, 100));
        let twice = again(once, 90);
        assert_eq!(seen(twice), 100, "time does not run backwards");
        assert!(kept(twice, 100 + KEPT - 1));
        assert!(!kept(twice, 100 + KEPT));
    }
}
