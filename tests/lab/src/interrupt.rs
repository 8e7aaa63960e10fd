//! Ctrl-C as something to look for and wait for, so that guards are dropped in order instead of the process just ending.

use std::{
    io,
    os::{fd::AsFd, unix::net::UnixStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::sys::{self, interrupt::Caught};

/// From its making to its drop, SIGINT, SIGTERM and SIGHUP no longer end the process; [`Interrupts::wait`] tells of them.
///
/// Children that a terminal's Ctrl-C also reaches are on their own.
pub struct Interrupts {
    pipe: UnixStream,
    // In this order: the handlers go before the end that they write to.
    _caught: Caught,
}

impl Interrupts {
    /// Starts to listen; one at a time in a process.
    ///
    /// # Errors
    /// If somebody listens already, or the kernel refuses.
    pub fn listen() -> Result<Self> {
        let open = || {
            let (pipe, written) = UnixStream::pair()?;
            written.set_nonblocking(true)?;
            let signals = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];
            let _caught = sys::interrupt::catch(&signals, written.into())?;
            Ok::<_, io::Error>(Self { pipe, _caught })
        };
        open().context("cannot listen for Ctrl-C")
    }

    /// Waits this long, or until a signal comes; whether one has come by then.
    ///
    /// # Errors
    /// If the kernel cannot wait.
    pub fn wait(&self, time: Duration) -> Result<bool> {
        let end = Instant::now() + time;
        loop {
            // The byte is never read, so that a signal stays seen.
            let mut entries = [sys::poll_entry(self.pipe.as_fd(), libc::POLLIN)];
            let left = end.saturating_duration_since(Instant::now());
            sys::poll(&mut entries, Some(left)).context("cannot wait for Ctrl-C")?;
            if entries[0].revents != 0 {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
        }
    }

    /// Whether a signal has come.
    ///
    /// # Errors
    /// As [`Interrupts::wait`].
    pub fn seen(&self) -> Result<bool> {
        self.wait(Duration::ZERO)
    }
}

impl std::fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupts").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_signal_is_seen_and_ends_nothing() {
        let interrupts = Interrupts::listen().expect("handlers");
        assert!(Interrupts::listen().is_err(), "one at a time");
        assert!(!interrupts.seen().expect("poll"));
        let pid = std::process::id().to_string();
        let mut kill = Command::new("kill")
            .args(["-TERM", &pid])
            .spawn()
            .expect("kill");
        assert!(interrupts.wait(Duration::from_secs(10)).expect("poll"));
        assert!(interrupts.seen().expect("poll"), "it stays seen");
        assert!(kill.wait().expect("kill").success());
        drop(interrupts);
        Interrupts::listen().expect("free again");
    }
}
