//! The policy file's fixed words: modes and units.

use std::fmt;

use super::model::Protocol;

/// Whether refusals drop packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Drop what is over a limit.
    Enforce,
    /// Count what would be dropped, drop nothing.
    Monitor,
}

/// What becomes of the program when the daemon ends in good order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// Take it off the interface.
    Detach,
    /// Leave it, still enforcing.
    Keep,
}

/// What one token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// One packet.
    Packets,
    /// One byte of L3 length.
    Bytes,
    /// One TCP SYN without ACK.
    Connections,
}

impl Mode {
    pub(crate) const ALL: [Self; 2] = [Self::Enforce, Self::Monitor];

    /// As the policy file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Monitor => "monitor",
        }
    }
}

impl OnExit {
    pub(crate) const ALL: [Self; 2] = [Self::Detach, Self::Keep];

    /// As the policy file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Detach => "detach",
            Self::Keep => "keep",
        }
    }
}

impl Unit {
    pub(crate) const ALL: [Self; 3] = [Self::Packets, Self::Bytes, Self::Connections];

    /// As the policy file writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packets => "packets",
            Self::Bytes => "bytes",
            Self::Connections => "connections",
        }
    }
}

macro_rules! display_as_str {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.as_str())
            }
        }
    )*};
}
display_as_str!(Mode, OnExit, Unit, Protocol);
