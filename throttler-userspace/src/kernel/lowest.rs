//! The lowest kernel that is supported; `cargo xtask kernels` includes this file, and tests that it is so.

/// Version and patch level of the lowest Linux that the smoke test passes on. On what lies between this and the
/// features' own releases (`features.rs`) Throttler may run, but nobody has tried.
pub(crate) const LOWEST: (u32, u32) = (6, 1);
