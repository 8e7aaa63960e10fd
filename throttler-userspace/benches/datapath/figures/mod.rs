//! What was measured, and everything made of it: targets, tables, JSON, a plot. Nothing here measures.

pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod markdown;
pub(crate) mod svg;
pub(crate) mod targets;
pub(crate) mod zipf;

use std::fmt;

/// Which sources the packets came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Draw {
    /// One; of two CPUs, both the same.
    One,
    /// Each CPU one of its own.
    OneEach,
    Uniform(u32),
    Zipf(u32),
    EverNew,
}

impl fmt::Display for Draw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("1"),
            Self::OneEach => f.write_str("1 a CPU"),
            Self::Uniform(sources) => f.write_str(&format::thousands(u64::from(*sources))),
            Self::Zipf(sources) => write!(f, "{} Zipf", format::thousands(u64::from(*sources))),
            Self::EverNew => f.write_str("ever new"),
        }
    }
}

/// A packet's cost in the kernel, or why it is not known.
#[derive(Clone, Debug)]
pub(crate) struct Cost {
    pub(crate) program: &'static str,
    pub(crate) case: &'static str,
    /// 4 or 6.
    pub(crate) family: u8,
    pub(crate) draw: Draw,
    pub(crate) cpus: u8,
    /// Nanoseconds a packet of the driver with the program, and of the driver with the floor.
    pub(crate) nanos: Result<[u32; 2], String>,
}

impl Cost {
    /// Nanoseconds above the floor.
    pub(crate) fn net(&self) -> Option<u32> {
        let [whole, floor] = *self.nanos.as_ref().ok()?;
        Some(whole.saturating_sub(floor))
    }

    /// Times the floor.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let [whole, floor] = *self.nanos.as_ref().ok()?;
        Some(f64::from(whole) / f64::from(floor.max(1)))
    }
}

/// What one core did with as many packets as could be sent to it.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) program: &'static str,
    pub(crate) draw: Draw,
    pub(crate) seen: Result<Handled, String>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Handled {
    /// Packets a second.
    pub(crate) pps: f64,
    /// The receiving core's share that this took.
    pub(crate) busy: f64,
    /// The share of packets that came as far as the IP layer.
    pub(crate) passed: f64,
}

/// What a flood of a fixed rate cost, and what an honest client saw of it.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) program: &'static str,
    pub(crate) seen: Result<Share, String>,
}

impl Handled {
    /// Packets a second of a core that does nothing else: what others take of it meanwhile, or a sender that
    /// does not keep it busy, is left out.
    pub(crate) fn capacity(&self) -> f64 {
        self.pps / self.busy.max(0.001)
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    /// Packets a second that the receiving side handled.
    pub(crate) pps: f64,
    pub(crate) busy: f64,
    /// Round trips in microseconds; of none, `None`.
    pub(crate) p50: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) sent: usize,
    pub(crate) lost: usize,
}

/// A policy put in force.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) prefixes: u32,
    pub(crate) seen: Result<Times, String>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// Milliseconds.
    pub(crate) parse: f64,
    pub(crate) compile: f64,
    pub(crate) publish: f64,
    /// A packet's cost on another CPU meanwhile, as times what it was before.
    pub(crate) meanwhile: f64,
}

/// A single figure that no table fits, such as a daemon's memory.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) value: Result<f64, String>,
}

/// Where and when.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) date: String,
    /// Rounds and packets, as a sentence.
    pub(crate) effort: String,
}

/// A whole run.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) costs: Vec<Cost>,
    pub(crate) live: Vec<Live>,
    pub(crate) loads: Vec<Load>,
    pub(crate) published: Vec<Published>,
    pub(crate) facts: Vec<Fact>,
}

impl Report {
    pub(crate) fn cost(&self, program: &str, case: &str, draw: Draw, cpus: u8) -> Option<&Cost> {
        self.costs.iter().find(|cost| {
            (cost.program, cost.case, cost.draw) == (program, case, draw)
                && (cost.family, cost.cpus) == (4, cpus)
        })
    }

    pub(crate) fn fact(&self, name: &str) -> Option<f64> {
        let fact = self.facts.iter().find(|fact| fact.name == name)?;
        fact.value.as_ref().ok().copied()
    }
}
