//! A token bucket whose level is an exact fraction, twice: as fast as the policy says, and as slow as the documented
//! rounding may make it. What the fast one refuses must be refused; what the slow one admits must be admitted.

use crate::policy::{Rate, Unit};
use crate::rational::{gcd, mul_div};

/// Times are counted in ticks of 1/64 ns (ARCHITECTURE.md, Arithmetic).
const TICKS: i128 = 64;
/// Rounding slows a limit in bytes by less than a 2^16th.
const BYTES_PRECISION: i128 = 1 << 16;
/// A conversion is rounded down by less than a 2^22nd (`gcra::convert`) ...
const CONVERSION: i128 = 1 << 22;
/// ... and to whole ticks, twice.
const CONVERSION_TICKS: i128 = 2;

/// A rate, or a share of one, with its burst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spec {
    unit: Unit,
    /// So many units in ...
    count: i128,
    /// ... so many ticks.
    ticks: i128,
    burst: u64,
}

impl Spec {
    pub(crate) fn new(rate: &Rate, unit: Unit, percent: u8, burst: u64) -> Self {
        let (count, ticks) = (rate.count * i128::from(percent), rate.per * TICKS * 100);
        let common = gcd(count, ticks);
        Self {
            unit,
            count: count / common,
            ticks: ticks / common,
            burst,
        }
    }

    pub(crate) fn unit(&self) -> Unit {
        self.unit
    }
}

/// One of the two. The level is in 1/`ticks` of a unit: a tick adds `count`, and nothing is ever rounded.
#[derive(Clone, Debug)]
struct Level {
    count: i128,
    ticks: i128,
    full: i128,
    now: i128,
    /// What a packet costs beyond its units.
    extra: i128,
}

impl Level {
    fn fast(spec: &Spec) -> Self {
        let full = i128::from(spec.burst) * spec.ticks;
        Self {
            count: spec.count,
            ticks: spec.ticks,
            full,
            now: full,
            extra: 0,
        }
    }

    fn slow(spec: &Spec) -> Self {
        if spec.ticks % spec.count == 0 {
            // Whole ticks a unit: nothing is rounded.
            return Self::fast(spec);
        }
        let (count, ticks, extra) = match spec.unit {
            Unit::Packets | Unit::Connections => (1, spec.ticks / spec.count + 1, 0),
            Unit::Bytes => {
                let count = spec.count * BYTES_PRECISION;
                (count, spec.ticks * (BYTES_PRECISION + 1), count)
            }
        };
        let full = (i128::from(spec.burst) * ticks - extra).max(0);
        Self {
            count,
            ticks,
            full,
            now: full,
            extra,
        }
    }

    fn cost(&self, units: u64) -> i128 {
        i128::from(units) * self.ticks + self.extra
    }

    fn pass(&mut self, nanos: u64) {
        self.now = self
            .full
            .min(self.now + i128::from(nanos) * TICKS * self.count);
    }

    fn is_full(&self) -> bool {
        self.now == self.full
    }

    /// Nanoseconds until so much is there, rounded up; `None`: never.
    fn wait(&self, level: i128) -> Option<u64> {
        let missing = (level - self.now).max(0);
        let rate = self.count * TICKS;
        (level <= self.full)
            .then(|| u64::try_from((missing + rate - 1) / rate).expect("at most 366 days"))
    }
}

/// What a bucket says of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    Admit,
    Refuse,
    /// The exact bucket admits it; the rounding may have delayed it.
    Either,
}

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) spec: Spec,
    fast: Level,
    slow: Level,
    /// Monotonic nanoseconds.
    at: u64,
}

impl Bucket {
    pub(crate) fn full(spec: Spec, at: u64) -> Self {
        Self {
            fast: Level::fast(&spec),
            slow: Level::slow(&spec),
            spec,
            at,
        }
    }

    pub(crate) fn pass(&mut self, now: u64) {
        let nanos = now - self.at;
        self.fast.pass(nanos);
        self.slow.pass(nanos);
        self.at = now;
    }

    pub(crate) fn says(&self, units: u64) -> Says {
        if self.fast.now < self.fast.cost(units) {
            Says::Refuse
        } else if self.slow.now >= self.slow.cost(units) {
            Says::Admit
        } else {
            Says::Either
        }
    }

    /// A packet was admitted; `surely`: by this bucket.
    pub(crate) fn charge(&mut self, units: u64, surely: bool) {
        if surely {
            self.fast.now -= self.fast.cost(units);
        }
        // The bucket had what it gave.
        self.slow.now = (self.slow.now - self.slow.cost(units)).max(0);
    }

    /// Nanoseconds until so many units conform, exactly and at the latest; `None`: never.
    pub(crate) fn waits(&self, units: u64) -> [Option<u64>; 2] {
        [
            self.fast.wait(self.fast.cost(units)),
            self.slow.wait(self.slow.cost(units)),
        ]
    }

    /// Nanoseconds until it is full.
    pub(crate) fn until_full(&self) -> u64 {
        let waits = [&self.fast, &self.slow].map(|level| level.wait(level.full));
        waits.into_iter().flatten().max().unwrap_or(0)
    }

    /// A reload or another plan: one that is not full keeps what is left, in units, at most the new burst; a full one stays
    /// full. `lost`: it has missed two changes, and begins empty unless it is full.
    pub(crate) fn convert(&mut self, spec: Spec, lost: bool) {
        let mut next = Self::full(spec, self.at);
        if !self.fast.is_full() {
            let (left, cut) = mul_div(self.fast.now, next.fast.ticks, self.fast.ticks);
            let left = if lost { 0 } else { left + i128::from(cut) };
            next.fast.now = next.fast.full.min(left);
        }
        if !self.slow.is_full() {
            let left = if lost { 0 } else { self.slow_left(&next) };
            next.slow.now = next.slow.full.min(left);
        }
        *self = next;
    }

    fn slow_left(&self, next: &Self) -> i128 {
        let scaled = |level| mul_div(level, next.slow.ticks, self.slow.ticks).0;
        // Whole packets and connections are kept as such.
        let (whole, part) = match self.spec.unit {
            Unit::Bytes => (0, self.slow.now),
            _ => (
                self.slow.now / self.slow.ticks,
                self.slow.now % self.slow.ticks,
            ),
        };
        let part = scaled(part);
        let rounded = part - part / CONVERSION - 1 - CONVERSION_TICKS * next.slow.count;
        whole * next.slow.ticks + rounded.max(0)
    }

    /// A plan had lifted the limit, and another holds the source to it again: it is full when it would have been without
    /// that, or after the time that an empty one takes.
    pub(crate) fn lowered(&mut self, spec: Spec) {
        let mut next = Self::full(spec, self.at);
        let debt = |level: &Level| level.full - level.now;
        if !self.fast.is_full() {
            let (debt, _) = mul_div(debt(&self.fast), next.slow.count, self.fast.count);
            // In time, the slower one is the deeper: it has more left.
            let (debt, _) = mul_div(debt, next.fast.ticks, next.slow.ticks);
            next.fast.now = (next.fast.full - debt).max(0);
        }
        if !self.slow.is_full() {
            let (mut debt, _) = mul_div(debt(&self.slow), next.slow.count, self.slow.count);
            debt += 1 + CONVERSION_TICKS * next.slow.count;
            // As ticks of the fastest that the limit may be.
            debt += debt / BYTES_PRECISION + 1;
            next.slow.now = (next.slow.full - debt).max(0);
        }
        *self = next;
    }
}
