//! What the hammer and those who swing it agree on. Their userspace includes this file.

/// Sources that may be named.
pub(crate) const SOURCES: usize = 4_096;
/// Words of admitted packets: rounds times counted sources.
pub(crate) const ADMITTED: usize = 1 << 16;
/// What the hammer answers a CPU that has done all rounds.
pub(crate) const DONE: u32 = 0xd09e;

/// Indices of the settings.
pub(crate) mod setting {
    /// Rounds to do.
    pub(crate) const ROUNDS: usize = 0;
    /// Packets a CPU and round.
    pub(crate) const PACKETS: usize = 1;
    /// Monotonic nanoseconds of round 0.
    pub(crate) const START: usize = 2;
    /// Nanoseconds between two rounds.
    pub(crate) const STEP: usize = 3;
    /// The first so many sources are counted.
    pub(crate) const COUNTED: usize = 4;
    /// Others of each CPU.
    pub(crate) const OTHERS: usize = 5;
    /// So many packets in 256 are of counted sources.
    pub(crate) const SHARE: usize = 6;
    /// How often a CPU was done with a round. Written by the program.
    pub(crate) const ARRIVED: usize = 7;
}
