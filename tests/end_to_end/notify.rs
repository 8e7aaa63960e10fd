//! What the service manager is told (sd_notify(3)), by a socket in its place.

use std::{
    os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr, unix::net::UnixDatagram},
    path::Path,
    process::{Child, Command, Stdio},
};

use throttler::kernel::sys::monotonic_ns;
use throttler_lab::topology::SERVER_IFACE;

use crate::site::{FIVE_A_DAY, LONG, Site, address};

/// A daemon under a service manager, killed on drop.
struct Managed {
    child: Child,
    manager: UnixDatagram,
}

impl Managed {
    /// Starts it in the place of the site's.
    fn start(site: &mut Site, manager: UnixDatagram, address: &str, watchdog_us: u64) -> Self {
        assert!(site.daemon.stop().expect("an end").success());
        manager.set_read_timeout(Some(LONG)).expect("a time limit");
        let policy = site.daemon.policy_path();
        let policy = policy.to_str().expect("a path");
        let run = ["run", "--iface", SERVER_IFACE, "-c", policy];
        let mut command = site.daemon.cli_command(&run);
        command.env("NOTIFY_SOCKET", address);
        command.env("WATCHDOG_USEC", watchdog_us.to_string());
        command.stderr(Stdio::null());
        let child = command.spawn().expect("a daemon");
        Self { child, manager }
    }

    /// The next message that is no ping, by line.
    fn hear(&self) -> Vec<String> {
        loop {
            let lines = self.hear_any();
            if lines != ["WATCHDOG=1"] {
                return lines;
            }
        }
    }

    fn hear_any(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let length = self.manager.recv(&mut message).expect("a message");
        let text = std::str::from_utf8(&message[..length]).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    /// The next message that begins so; what lies between may be a status after a self-check.
    fn wait(&self, first: &str) -> Vec<String> {
        loop {
            let lines = self.hear();
            if lines[0] == first {
                return lines;
            }
            assert!(lines[0].starts_with("STATUS="), "{lines:?}");
        }
    }

    fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.arg(signal).arg(self.child.id().to_string()).status();
        assert!(sent.expect("kill").success());
    }

    /// Awaits a reload; when it began, in microseconds.
    fn reloads(&self, generation: u32) -> u64 {
        let begun = self.wait("RELOADING=1");
        let time = begun[1].strip_prefix("MONOTONIC_USEC=").expect("a time");
        assert_eq!(
            self.wait("READY=1")[1],
            format!("STATUS=enforcing on {SERVER_IFACE} (generation {generation})")
        );
        time.parse().expect("a number")
    }
}

impl Drop for Managed {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(path: &Path) -> UnixDatagram {
    UnixDatagram::bind(path).expect("a socket")
}

#[test]
fn the_manager_hears_of_readiness_reloads_and_the_end() {
    let mut site = Site::start("notify", FIVE_A_DAY, &[]);
    let path = site.daemon.state_dir().join("notify");
    let address_of = path.to_str().expect("a path").to_owned();
    let mut managed = Managed::start(&mut site, socket(&path), &address_of, 60_000_000);
    let ready = managed.hear();
    assert_eq!(
        ready,
        [
            "READY=1".to_owned(),
            format!("STATUS=enforcing on {SERVER_IFACE} (generation 1)")
        ]
    );
    // Not a packet later.
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);

    let before = monotonic_ns() / 1000;
    managed.signal("-HUP");
    let began = managed.reloads(2);
    assert!(before <= began && began <= monotonic_ns() / 1000);
    site.cli_ok(&["reload"]);
    managed.reloads(3);
    // A manager that was told RELOADING waits for READY, whatever became of the reload.
    site.daemon
        .rewrite_policy("nonsense = 1")
        .expect("a policy");
    managed.signal("-HUP");
    managed.wait("RELOADING=1");
    let ready = managed.wait("READY=1");
    assert!(ready[1].contains("the latest reload failed"), "{ready:?}");
    assert!(ready[1].contains("(generation 3)"), "{ready:?}");

    managed.signal("-TERM");
    assert_eq!(managed.wait("STOPPING=1")[1], "STATUS=ending");
    assert!(managed.child.wait().expect("an end").success());
}

#[test]
fn the_watchdog_is_told_over_an_abstract_socket() {
    let mut site = Site::start("watchdog", FIVE_A_DAY, &[]);
    let name = format!("throttler-test-{}", std::process::id());
    // Abstract names belong to a network namespace.
    let manager = site.lab.server().run(|| {
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        UnixDatagram::bind_addr(&address).expect("a socket")
    });
    let managed = Managed::start(&mut site, manager, &format!("@{name}"), 100_000);
    assert_eq!(managed.hear()[0], "READY=1");
    for _ in 0..3 {
        while managed.hear_any() != ["WATCHDOG=1"] {}
    }
}
