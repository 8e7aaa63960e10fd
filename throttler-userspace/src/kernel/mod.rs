//! Everything that touches the kernel: system calls, pins, maps, links, loading and publishing.

pub mod canary;
pub mod capabilities;
pub mod checks;
pub mod features;
pub mod geometry;
pub mod interface;
pub mod link;
pub mod load;
mod lowest;
pub mod map;
pub mod monotonic;
pub mod netdev;
mod netlink;
pub mod pins;
pub mod programs;
pub mod publish;
pub mod resize;
pub mod sources;
pub mod sys;
pub mod tables;
pub mod takeover;
pub mod topology;
