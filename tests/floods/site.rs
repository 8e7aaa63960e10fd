//! A daemon in a lab, and what is read of it: counters of the program, places in its table, its memory.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use throttler::kernel::{pins::Pins, publish, tables::Tables};
use throttler_common::abi::{Addr, SlotRecord, Stats};
use throttler_lab::{Counters, Daemon, Lab, Volley, topology::SERVER_IFACE};

use crate::ground::Source;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Site {
    // In this order: the daemon detaches while its namespace is still there.
    pub(crate) daemon: Daemon,
    pub(crate) volley: Volley,
    tables: Tables,
    /// Scopes by number, as the policy names them.
    scopes: Vec<u8>,
    lab: Lab,
}

impl Site {
    pub(crate) fn start(policy: &str, scopes: &[String]) -> Self {
        throttler_lab::require_root().expect("root");
        let lab = Lab::new("flood").expect("a lab");
        let binary = Path::new(env!("CARGO_BIN_EXE_throttler"));
        let daemon = Daemon::start(&lab, binary, policy, &["--xdp-mode", "native"]);
        let daemon = daemon.expect("a daemon");
        let pins = Pins::of(daemon.bpffs(), SERVER_IFACE);
        let tables = Tables::open(&pins.dir).expect("maps");
        let description = publish::description(&tables).expect("a description");
        let description = description.expect("a policy");
        let id = |name: &String| {
            let found = description.scopes.iter().find(|scope| scope.name == *name);
            found.expect("a scope of the policy").id
        };
        Self {
            volley: Volley::new(&lab).expect("a raw socket"),
            scopes: scopes.iter().map(id).collect(),
            tables,
            daemon,
            lab,
        }
    }

    /// The counters, once every frame that was sent is counted, by the program or as lost on the link.
    pub(crate) fn settled(&mut self) -> Counters {
        self.volley.flush().expect("frames");
        let sent = self.volley.sent();
        let lost = self.lost();
        let counters = self
            .daemon
            .wait_counters(|counters| counters.packets + lost >= sent, PATIENCE)
            .expect("packets");
        assert_eq!(counters.packets + self.lost(), sent, "{counters:#?}");
        counters
    }

    /// Frames that the link took and lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lab
            .client_stats()
            .expect("counters of the link")
            .tx_dropped
    }

    /// What the table has of a source.
    pub(crate) fn record(&self, source: Source) -> Option<SlotRecord> {
        let (family, addr) = match source.addr {
            std::net::IpAddr::V4(v4) => (0, Addr::from_v4(v4.octets())),
            std::net::IpAddr::V6(v6) => (1, Addr::from_bytes(v6.octets())),
        };
        let scope = self.scopes[source.scope as usize];
        self.tables.sources.get(family, &addr, scope)
    }

    /// Ways given, newcomers passed without one, and packets refused as contended, over all CPUs.
    pub(crate) fn stats(&self) -> Stats {
        let values = self.tables.stats.get_per_cpu(&0).expect("statistics");
        values.iter().fold(Stats::default(), |sum, one| Stats {
            contended: sum.contended + one.contended,
            claimed: sum.claimed + one.claimed,
            newcomers: sum.newcomers + one.newcomers,
            ..sum
        })
    }

    /// How many CPUs have told of anything.
    pub(crate) fn telling_cpus(&self) -> u64 {
        let values = self.tables.stats.get_per_cpu(&0).expect("statistics");
        let told = values
            .iter()
            .filter(|one| one.events_sent + one.events_lost > 0);
        told.count() as u64
    }

    /// What the CLI says of newcomers under pressure: packets passed, and refused.
    pub(crate) fn pressure(&self) -> (u64, u64) {
        let dump = self
            .daemon
            .json(&["dump", "counters", "-o", "json"])
            .expect("counters");
        let count = |name: &str| {
            let count = dump["interfaces"][0]["pressure"][name].as_u64();
            count.unwrap_or_else(|| panic!("no pressure in {dump}"))
        };
        (count("passed"), count("refused"))
    }

    /// Lines of the abuse log, and events that summaries tell of instead, once together they are as many as events were
    /// sent.
    pub(crate) fn told(&self, events: u64) -> (u64, u64) {
        let end = Instant::now() + PATIENCE;
        loop {
            let all = self.daemon.stderr_lines();
            // What the lookout says in sentences is not of an event.
            let is_event = |line: &&String| line.contains("source=") && !line.contains(" text=");
            let lines = all.iter().filter(is_event).count() as u64;
            let left = all.iter().filter(|line| line.contains(" left out "));
            let left = left.map(|line| {
                let (_, count) = line.split_once(" lines=").expect("a count");
                let count = count.split(' ').next().expect("a number");
                count.parse::<u64>().expect("a number")
            });
            let left: u64 = left.sum();
            assert!(lines + left <= events, "{lines} and {left} of {events}");
            if lines + left == events {
                return (lines, left);
            }
            assert!(
                Instant::now() < end,
                "only {lines} lines, and {left} in summaries, of {events} events"
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The metric of events that the abuse log has left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.metric("throttler_log_events_left_out_total{iface=\"veth-s\"} ")
    }

    /// Waits until the lookout has looked at the table: it takes its memory with its first look.
    pub(crate) fn wait_for_the_lookout(&self) {
        let end = Instant::now() + PATIENCE;
        while self.metric("throttler_lookout_sweeps_total{iface=\"veth-s\"} ") == 0 {
            assert!(Instant::now() < end, "the lookout does not look");
            thread::yield_now();
        }
    }

    fn metric(&self, name: &str) -> u64 {
        let mut stream = UnixStream::connect(self.daemon.socket()).expect("a connection");
        let request = b"GET /metrics HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n\r\n";
        stream.write_all(request).expect("a request");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name));
        value.expect("the metric").parse().expect("a number")
    }

    /// KiB that the daemon has of its own: without files and the maps that it has mapped.
    pub(crate) fn memory(&self) -> u64 {
        let pid = self.daemon.pid().expect("a running daemon");
        // Counted page by page; RssAnon of its status may be as many pages off as CPUs keep to themselves.
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
        let line = smaps
            .lines()
            .find_map(|line| line.strip_prefix("Anonymous:"));
        let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
        size.and_then(|size| size.parse().ok()).expect("Anonymous")
    }
}
