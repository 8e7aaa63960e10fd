//! When refusals ban, from README.md and ARCHITECTURE.md ("Bans"): `refusals` of them `within` a window that begins with
//! the first; each ban is twice as long as the one before, and each `ban_max` without one takes a doubling back.

use crate::policy::Abuse;

/// Times of bans are kept in steps of 2^20 ns (1.05 ms): durations rounded up, times down, and a step more for that.
const STEP: u64 = 1 << 20;

/// How a source has behaved in a scope.
#[derive(Clone, Default)]
pub(crate) struct Conduct {
    /// Steps at which the refusals of the window in force came.
    refusals: Vec<u64>,
    /// The step at which the latest ban ends.
    until: u64,
    /// Doublings of the next ban.
    doublings: u32,
}

impl Conduct {
    pub(crate) fn is_banned(&self, now: u64) -> bool {
        now / STEP < self.until
    }

    /// Nanoseconds until the window of refusals ends, and the ban.
    pub(crate) fn edges(&self, abuse: Option<Abuse>, now: u64) -> [Option<u64>; 2] {
        let window = self.refusals.first().zip(abuse);
        let window = window.map(|(first, abuse)| first + abuse.within.div_ceil(STEP));
        [window, Some(self.until)].map(|step| (step? * STEP).checked_sub(now))
    }

    /// A limit of the source's own, or its layer's, has refused a packet.
    pub(crate) fn refused(&mut self, abuse: Option<Abuse>, now: u64) {
        let Some(abuse) = abuse else { return };
        let at = now / STEP;
        let steps = |nanos: u64| nanos.div_ceil(STEP);
        if self
            .refusals
            .first()
            .is_some_and(|first| at >= first + steps(abuse.within))
        {
            self.refusals.clear();
        }
        self.refusals.push(at);
        if (self.refusals.len() as u64) < abuse.refusals {
            return;
        }
        self.refusals.clear();
        let longest = steps(abuse.ban_max);
        let forgiven = at.saturating_sub(self.until) / longest;
        self.doublings = self
            .doublings
            .saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX));
        let first = u128::from(steps(abuse.ban_for));
        let length = (first << self.doublings.min(60)).min(u128::from(longest));
        self.doublings += 1;
        self.until = at + u64::try_from(length).expect("at most the longest") + 1;
    }
}
