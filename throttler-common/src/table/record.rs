//! A way as a whole, for whoever reads the table from outside.

use super::header::{self, LIVE};
use super::layout;
use super::words::Words;
use crate::abi::{Addr, MAX_LIMITS, SEEN_SHIFT, SlotRecord, Tally, WAYS};

/// Readings of a way that may be torn by packets in between before the last one is taken as it is.
const READINGS: usize = 16;

/// What a way holds, at one moment; `None` where it is nobody's. All words are read twice and must be the
/// same: a source whose packets come faster than that for sixteen readings has the last one, of which
/// each word is right.
#[must_use]
pub fn record<W: Words>(set: &W, way: usize) -> Option<SlotRecord> {
    let mut last = read(set, way);
    for _ in 0..READINGS {
        let next = read(set, way);
        if next == last {
            break;
        }
        last = next;
    }
    last
}

/// What a way holds that is always somebody's: a `global` bucket, or the newcomers'.
#[must_use]
pub fn fixed_record<W: Words>(set: &W, way: usize) -> SlotRecord {
    fields(set, way, set.load(layout::header(way)))
}

/// How many ways of a set are somebody's.
#[must_use]
pub fn live_ways<W: Words>(set: &W) -> u64 {
    let mut live = 0;
    for way in 0..WAYS {
        live += set.load(layout::header(way)) >> 63;
    }
    live
}

fn read<W: Words>(set: &W, way: usize) -> Option<SlotRecord> {
    let before = set.load(layout::header(way));
    if before & LIVE == 0 {
        return None;
    }
    Some(fields(set, way, before))
}

fn fields<W: Words>(set: &W, way: usize, found: u64) -> SlotRecord {
    let tally = |word| Tally {
        packets: set.load(word),
        bytes: set.load(word + 1),
    };
    let mut tat = [0; MAX_LIMITS];
    for (index, tat) in tat.iter_mut().enumerate() {
        *tat = set.load(layout::tat(way, index));
    }
    SlotRecord {
        addr: Addr {
            words: [
                set.load(layout::address(way, 0)),
                set.load(layout::address(way, 1)),
            ],
        },
        scope: header::scope(found),
        twice: found & header::TWICE != 0,
        last_seen: u64::from(header::seen(found)) << SEEN_SHIFT,
        tat,
        class: set.load(layout::class(way)),
        ban: set.load(layout::ban(way)),
        strikes: set.load(layout::strikes(way)),
        refused: set.load(layout::refused(way)),
        passed: tally(layout::passed(way)),
        dropped: tally(layout::dropped(way)),
    }
}
