//! A lab for end-to-end tests, the demo and benchmarks: two network namespaces joined by a veth pair, traffic from one
//! to the other, and a `throttler` daemon between them.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use std::{path::Path, time::Duration};
//! use throttler_lab::{Daemon, Injector, Lab, frames, topology::SERVER_V4};
//!
//! let lab = Lab::new("example")?;
//! let daemon = Daemon::start(&lab, Path::new("target/debug/throttler"), "[scopes.default.limits]\n…", &[])?;
//! Injector::new(&lab)?.send(&frames::udp([192, 0, 2, 1].into(), SERVER_V4.into(), 1000, 53, 100))?;
//! daemon.wait_counters(|counters| counters.reason("default", "conforming").0 == 1, Duration::from_secs(5))?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything needs root, and each guard cleans up after itself, also on a panic; [`sweep`] removes what killed
//! processes left. Tests may run at the same time: names carry the process id and a counter.

mod bpffs;
mod connect;
pub mod counters;
pub mod daemon;
mod doom;
pub mod frames;
mod interrupt;
pub mod link;
mod lock;
pub mod netns;
mod process;
pub mod sinks;
mod sys;
mod terminal;
pub mod topology;
pub mod traffic;
mod volley;

pub use bpffs::PinDir;
pub use connect::tcp_connect_attempts;
pub use counters::Counters;
pub use daemon::{Daemon, Reload};
pub use doom::kill_before;
pub use interrupt::Interrupts;
pub use netns::{Netns, require_root};
pub use process::{CliOutput, run};
pub use sinks::{TcpSink, UdpSink};
pub use terminal::{PROMPT, Terminal};
pub use topology::Lab;
pub use traffic::{Injector, ping, udp_burst};
pub use volley::Volley;

/// Removes the namespaces and pins that dead processes left behind; gives their names.
///
/// # Errors
/// If one of them cannot be removed.
pub fn sweep() -> anyhow::Result<Vec<String>> {
    let mut swept = Netns::sweep()?;
    swept.extend(
        bpffs::sweep_pins()?
            .iter()
            .map(|path| path.display().to_string()),
    );
    let terminals = terminal::sweep()?;
    swept.extend(terminals.iter().map(|path| path.display().to_string()));
    Ok(swept)
}
