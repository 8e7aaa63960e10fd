//! Tells the service manager how the daemon does (sd_notify(3)): a datagram of `NAME=value` lines to `$NOTIFY_SOCKET`. With
//! no such socket nothing is said. A manager that does not listen is not worth a fault: enforcement goes on.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use super::desired::Desired;
use crate::kernel::sys;

/// Longer without a self-check than this many of its periods is not alive.
const PATIENCE: u32 = 3;

/// Whom to tell.
#[derive(Debug)]
pub(super) struct Manager {
    socket: Option<UnixDatagram>,
    /// For the watchdog, if there is one.
    pings: Option<Interval>,
    /// How long a self-check may have been ago.
    patience: Duration,
}

impl Manager {
    /// From the environment. To be called in the runtime.
    pub(super) fn of_environment(check_every: Duration) -> Self {
        let address = std::env::var_os("NOTIFY_SOCKET");
        let socket = address.and_then(|address| {
            let connected = connect(&address);
            if let Err(error) = &connected {
                log::warn!(
                    "NOTIFY_SOCKET={}: {error}: the service manager is told nothing",
                    address.display()
                );
            }
            connected.ok()
        });
        let variable = |name| std::env::var(name).ok();
        let period = watchdog(
            variable("WATCHDOG_USEC").as_deref(),
            variable("WATCHDOG_PID").as_deref(),
        );
        let pings = period.filter(|_| socket.is_some()).map(|period| {
            // Half of it: one may come late (sd_watchdog_enabled(3)).
            let mut pings = interval(period / 2);
            pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
            pings
        });
        Self {
            socket,
            pings,
            patience: check_every.saturating_mul(PATIENCE),
        }
    }

    /// Everything that is there is attached and proven.
    pub(super) fn ready(&self, desired: &Desired<'_>) {
        self.say(&format!("READY=1\nSTATUS={}", status(desired)));
    }

    /// From now on until [`Manager::ready`] the policy is read again.
    pub(super) fn reloading(&self) {
        let now = sys::monotonic_ns() / 1000;
        self.say(&format!(
            "RELOADING=1\nMONOTONIC_USEC={now}\nSTATUS=reloading the policy"
        ));
    }

    /// The state has changed otherwise.
    pub(super) fn status(&self, desired: &Desired<'_>) {
        self.say(&format!("STATUS={}", status(desired)));
    }

    /// The daemon ends.
    pub(super) fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=ending");
    }

    /// Until the watchdog is to be told again; for ever, if there is none.
    pub(super) async fn ping(&mut self) {
        match &mut self.pings {
            Some(pings) => {
                pings.tick().await;
            }
            None => std::future::pending().await,
        }
    }

    /// Tells the watchdog that the daemon is alive, if it is: its loop, or this would not run, and its self-checks.
    pub(super) fn alive(&self, checked: Instant) {
        if checked.elapsed() <= self.patience {
            self.say("WATCHDOG=1");
        } else {
            log::error!(
                "no self-check was done for too long: the watchdog is not told that all is well"
            );
        }
    }

    fn say(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what.as_bytes())
        {
            log::debug!("telling the service manager: {error}");
        }
    }
}

/// A path, or the name of an abstract socket behind an at sign.
fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let address = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(address)?,
        _ => return Err(io::Error::other("neither a path nor an abstract socket")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    // A manager that does not read must not keep the daemon from its work.
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The period of the watchdog, if it is this process that it watches.
fn watchdog(microseconds: Option<&str>, process: Option<&str>) -> Option<Duration> {
    let ours = process.is_none_or(|pid| pid.parse() == Ok(std::process::id()));
    let period = microseconds?
        .parse()
        .ok()
        .filter(|usec| *usec > 1 && ours)?;
    Some(Duration::from_micros(period))
}

/// One line for `systemctl status`.
fn status(desired: &Desired<'_>) -> String {
    let waits = |iface: &&String| !desired.attached.iter().any(|one| one.pins.iface == **iface);
    let waiting: Vec<_> = desired.args.iface.iter().filter(waits).cloned().collect();
    let mut parts = Vec::new();
    for one in &desired.attached {
        let iface = &one.pins.iface;
        let does = match &*one.description.mode {
            "monitor" => "monitoring",
            _ => "enforcing",
        };
        parts.push(match one.vitals.fault() {
            Some(fault) => format!("{iface} NOT enforced: {fault}"),
            None => format!(
                "{does} on {iface} (generation {})",
                one.description.generation
            ),
        });
    }
    if !waiting.is_empty() {
        parts.push(format!("waiting for {}", waiting.join(", ")));
    }
    if !desired.reloaded.load(Ordering::Relaxed) {
        parts.push("the latest reload failed, the policy before it stays".to_owned());
    }
    // A line feed would end the value.
    parts.join("; ").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_for_another_process_is_not_ours() {
        let own = std::process::id().to_string();
        let half = Some(Duration::from_micros(500));
        assert_eq!(watchdog(Some("500"), None), half);
        assert_eq!(watchdog(Some("500"), Some(&own)), half);
        assert_eq!(watchdog(Some("500"), Some("1")), None);
        assert_eq!(watchdog(Some("500"), Some("x")), None);
        assert_eq!(watchdog(None, Some(&own)), None);
        assert_eq!(watchdog(Some("0"), None), None);
        assert_eq!(watchdog(Some("soon"), None), None);
    }

    #[test]
    fn the_watchdog_hears_of_self_checks_that_are_alive_alone() {
        let (socket, heard) = UnixDatagram::pair().expect("sockets");
        heard.set_nonblocking(true).expect("a socket");
        let manager = Manager {
            socket: Some(socket),
            pings: None,
            patience: Duration::from_secs(60),
        };
        let mut message = [0; 64];
        let now = Instant::now();
        let long_ago = now.checked_sub(Duration::from_secs(61)).expect("a time");
        manager.alive(long_ago);
        assert!(heard.recv(&mut message).is_err());
        manager.alive(now);
        let length = heard.recv(&mut message).expect("a ping");
        assert_eq!(&message[..length], b"WATCHDOG=1");
    }

    #[test]
    fn a_relative_path_is_no_socket() {
        assert!(connect(OsStr::new("run/notify")).is_err());
        assert!(connect(OsStr::new("")).is_err());
    }
}
