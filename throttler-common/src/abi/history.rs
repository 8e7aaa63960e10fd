//! What limits were before they changed; read once a source and change.

use super::MAX_LIMITS;

/// Ticks a unit costs, and how many units a tick buys, as normalised fractions: `mantissa * 2^exponent`
/// with the mantissa's top bit set, both rounded down. Two of them give the ratio of two rates without
/// a division; see [`crate::gcra::convert`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    /// Of the ticks a unit costs.
    pub ticks: u32,
    /// Of the units a tick buys.
    pub units: u32,
    /// Exponent of `ticks`.
    pub ticks_exponent: i16,
    /// Exponent of `units`.
    pub units_exponent: i16,
}

impl Scale {
    /// One tick a unit.
    pub const ONE: Self = Self {
        ticks: 1 << 31,
        units: 1 << 31,
        ticks_exponent: -31,
        units_exponent: -31,
    };
}

/// What a limit is and was, for slots that have not been used since it changed.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LimitHistory {
    /// The scale in force.
    pub scale: Scale,
    /// The scale before the latest change.
    pub before: Scale,
    /// [`super::LimitParams::increment`] before the latest change.
    pub increment_before: u64,
    /// [`super::LimitParams::depth`] before the latest change.
    pub depth_before: u64,
    /// Generations since the change before the latest one.
    pub changed_before_ago: u32,
    /// [`super::LimitParams::unit`] before the latest change; [`super::unit::NONE`] where the limit is new.
    pub unit_before: u8,
    /// [`super::LimitParams::shift`] before the latest change.
    pub shift_before: u8,
    /// Zero.
    pub reserved: u16,
}

/// The histories of a row's limits.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// By limit index.
    pub limits: [LimitHistory; MAX_LIMITS],
}
