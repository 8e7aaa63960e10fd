//! What the benchmark tells its programs. Its userspace includes this file.

/// Index of the way to draw, one of [`mode`].
pub(crate) const MODE: u32 = 0;
/// Index of the number of sources to draw from.
pub(crate) const SOURCES: u32 = 1;
/// Index of the interface that the flood goes out of.
pub(crate) const OUT: u32 = 2;
/// Index of the nanoseconds between two bursts of the flood; 0: as fast as it goes.
pub(crate) const GAP: u32 = 3;
/// How many settings there are.
pub(crate) const COUNT: usize = 4;

/// Packets a burst of a paced flood: what a network card gathers for one interrupt.
pub(crate) const BURST: u32 = 64;

/// Ways to draw a source; 0: the frame stays as it is.
pub(crate) mod mode {
    /// Each source as likely as any other.
    pub(crate) const UNIFORM: u32 = 1;
    /// The n-th source as likely as 1/n.
    pub(crate) const ZIPF: u32 = 2;
    /// One after the other, round and round: this makes all of them known.
    pub(crate) const SWEEP: u32 = 3;
    /// None twice.
    pub(crate) const EVER_NEW: u32 = 4;
    /// One source a CPU.
    pub(crate) const OWN: u32 = 5;
}

/// Runs of ranks that a Zipf draw chooses from; a power of two.
pub(crate) const ZIPF_RUNS: usize = 256;
