//! Finding a known source.

use super::header::{self, MATCH, OVERFLOW};
use super::way::Way;
use super::words::Words;
use super::{Place, answer, layout};
use crate::abi::{Addr, WAYS};
use crate::ban::Ban;
use crate::class;

/// A known source: its way, and what was read of it at one moment.
#[derive(Clone, Copy)]
pub struct Found<W> {
    /// Its way.
    pub way: Way<W>,
    /// Its class.
    pub class: class::Word,
    /// Its latest ban.
    pub ban: Ban,
}

/// An answer of [`at_home`]: the source has no way.
pub const ABSENT: u64 = 1;

/// The source's way in its first set, if one way there has its scope and tag, and it is that; [`ABSENT`]
/// where it surely has none; 0 where that takes a [`search`].
///
/// Most sources are at home: their line and their tally's are asked for together with the header's, so
/// that the three come from memory at once. The others' way is found without a branch for each: a
/// mispredicted one costs more than all of this.
#[inline(always)]
pub fn at_home<W: Words>(set: &W, place: &Place, addr: &Addr) -> u64 {
    let home = header::home(place.wanted);
    set.prefetch(layout::passed(home));
    let found = in_way(set, home, place, addr);
    if found != 0 {
        return found;
    }
    let (mut fitting, mut sum) = (0, 0);
    let mut way = 0;
    while way < WAYS {
        let fits = W::is_zero((set.load(layout::header(way)) ^ place.wanted) & MATCH);
        fitting += fits;
        sum += fits * way as u64;
        way += 1;
    }
    if fitting == 1 {
        return in_way(set, sum as usize & (WAYS - 1), place, addr);
    }
    u64::from(fitting == 0 && set.load(layout::header(0)) & OVERFLOW == 0) * ABSENT
}

/// The source's way anywhere in its sets, as an [`answer`]; 0 if it has none. `second` is asked for
/// only where the first set has overflowed.
#[inline(always)]
pub fn search<W: Words>(
    first: &W,
    second: impl FnOnce() -> Option<W>,
    place: &Place,
    addr: &Addr,
) -> u64 {
    let found = in_set(first, place, addr);
    if found != 0 || first.load(layout::header(0)) & OVERFLOW == 0 {
        return found;
    }
    match second() {
        Some(set) => match in_set(&set, place, addr) {
            0 => 0,
            found => found | answer::SECOND,
        },
        None => 0,
    }
}

/// The source's way in this set; 0 if there is none.
#[inline(always)]
pub(super) fn in_set<W: Words>(set: &W, place: &Place, addr: &Addr) -> u64 {
    let mut way = 0;
    while way < WAYS {
        let found = in_way(set, way, place, addr);
        if found != 0 {
            return found;
        }
        way += 1;
    }
    0
}

#[inline(always)]
fn in_way<W: Words>(set: &W, way: usize, place: &Place, addr: &Addr) -> u64 {
    let found = set.load(layout::header(way));
    if (found ^ place.wanted) & MATCH == 0
        && set.load(layout::address(way, 0)) == addr.words[0]
        && set.load(layout::address(way, 1)) == addr.words[1]
    {
        return found & header::IDENTITY | way as u64;
    }
    0
}

impl<W: Words> Found<W> {
    /// Nothing: a class that no generation has resolved, no ban, and a way that is nobody's.
    #[inline(always)]
    #[must_use]
    pub fn nothing(way: Way<W>) -> Self {
        Self {
            way: Way { handle: 0, ..way },
            class: class::Word(0),
            ban: Ban(0),
        }
    }

    /// Whether the source is known.
    #[inline(always)]
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.way.handle != 0
    }
}

/// Reads what a packet needs of the way, and marks it as seen; nothing where the way was taken
/// meanwhile. `now` is in monotonic nanoseconds and may be a timer tick old.
#[inline(always)]
pub fn found<W: Words>(way: Way<W>, now: u64) -> Found<W> {
    let class = class::Word(way.load(layout::class(way.index())));
    let ban = Ban(way.load(layout::ban(way.index())));
    let header = way.load(layout::header(way.index()));
    if !way.is(header) {
        return Found::nothing(way);
    }
    let again = header::again(header, header::seen_units(now));
    if again != header {
        // Where this fails, another CPU has marked it, or taken it: then the charge will tell.
        way.words
            .compare_exchange(layout::header(way.index()), header, again);
    }
    Found { way, class, ban }
}
