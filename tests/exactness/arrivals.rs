//! When packets arrive: processes that each find faults which the others pass by.

use crate::harness::Rng;

/// Packets in a row by the same process, from the same source.
const PHASE: u64 = 60;
/// The longest silence: five days.
const SILENCE: u64 = 5 * 86_400_000_000_000;

#[derive(Clone, Copy, Debug)]
enum Process {
    /// Independent of one another, at this mean gap (a Poisson process).
    Poisson(u64),
    /// All at once, then a silence.
    OnOff(u64),
    /// Evenly, a little above or below the limit's rate.
    Constant(u64),
    /// At the very instants of refills and of ends, and a nanosecond beside them.
    Refills,
    /// As fast as a CPU can.
    Flood,
}

/// A stream of arrivals.
pub(crate) struct Arrivals {
    process: Process,
    left: u64,
    /// Source that most packets of the phase are from.
    pub(crate) source: usize,
    /// Nanoseconds that silences may still take.
    budget: u64,
}

/// What a process may go by.
pub(crate) struct Pace {
    /// Nanoseconds a unit of some limit of the source.
    pub(crate) interval: u64,
    /// Nanoseconds until the packet that was refused last conforms.
    pub(crate) waits: [Option<u64>; 2],
    /// Nanoseconds until a ban ends, or a rule, or a window of refusals.
    pub(crate) edges: Vec<u64>,
}

impl Arrivals {
    pub(crate) fn new(budget: u64) -> Self {
        Self {
            process: Process::Flood,
            left: 0,
            source: 0,
            budget,
        }
    }

    /// Begins another phase now and then.
    pub(crate) fn turn(&mut self, rng: &mut Rng, sources: usize, pace: &Pace) {
        if self.left > 0 {
            self.left -= 1;
            return;
        }
        self.left = PHASE / 2 + rng.below(PHASE);
        self.source = rng.below(sources as u64) as usize;
        let interval = pace.interval.max(1);
        self.process = match rng.below(6) {
            0 => Process::Poisson(interval),
            1 => Process::Poisson(interval / 4 + 1),
            2 => Process::OnOff(interval.saturating_mul(2 + rng.below(20))),
            3 => Process::Constant(interval + rng.below(3) - 1),
            4 => Process::Refills,
            _ => Process::Flood,
        };
    }

    /// Nanoseconds until the next packet.
    pub(crate) fn gap(&mut self, rng: &mut Rng, pace: &Pace) -> u64 {
        let gap = match self.process {
            Process::Poisson(mean) => exponential(rng, mean),
            Process::OnOff(silence) => {
                if rng.one_in(15) {
                    silence
                } else {
                    0
                }
            }
            Process::Constant(gap) => gap,
            Process::Refills => {
                let mut wait = rng.pick(&pace.waits).unwrap_or(pace.interval);
                if rng.one_in(6) && !pace.edges.is_empty() {
                    wait = rng.pick(&pace.edges);
                }
                match rng.below(3) {
                    0 => wait.saturating_sub(1),
                    1 => wait,
                    _ => wait + 1,
                }
            }
            Process::Flood => rng.below(3) * 50,
        };
        let gap = gap.min(SILENCE).min(self.budget);
        self.budget -= gap;
        gap
    }
}

/// Exponentially distributed with this mean, by inversion.
fn exponential(rng: &mut Rng, mean: u64) -> u64 {
    let uniform = (rng.any() >> 11) as f64 / (1_u64 << 53) as f64;
    (-(1.0 - uniform).ln() * mean as f64) as u64
}
