//! The datapath on the host: the same [`throttler_common::decide`] over memory instead of BPF maps.
//! It is the second implementation of the core's traits, for tests and for the differential check.

mod frame;
mod policy;
mod slots;
mod words;

pub use frame::SliceFrame;
pub use policy::HostPolicy;
pub use slots::{HostSlots, Told};
pub use words::HostWords;
