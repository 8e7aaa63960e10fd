//! A daemon in a lab whose sources have used up all they have, and the judge of what they get after that: nothing.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use throttler::kernel::{canary, interface, pins::Pins, publish, tables::Tables};
use throttler_common::abi::{Addr, ClassKey};
use throttler_lab::{Counters, Daemon, Lab, UdpSink, Volley, topology::SERVER_IFACE};

use crate::{
    flood::{self, PATIENT, SOURCES},
    policy::{self, BURSTS, CHANGING, REFUSALS, STEADY, STEADY_BURST},
};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Packets that a patient source sends at first; what is left to it must be left to it in the end.
const USED: u64 = 2;

pub(crate) struct Site {
    // In this order: the daemon detaches while its namespace is still there.
    pub(crate) daemon: Daemon,
    pub(crate) volley: Volley,
    pub(crate) judge: Judge,
    pub(crate) lab: Lab,
    _turn: MutexGuard<'static, ()>,
}

/// One flood at a time: each of them takes all CPUs.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was seen last; sinks behind the throttler.
pub(crate) struct Judge {
    bans: bool,
    sinks: [UdpSink; 2],
    last: Counters,
    samples: u64,
    /// Packets of each patient source that have passed.
    used: u64,
}

impl Site {
    /// Every source has had its burst, and is banned where the policy bans.
    pub(crate) fn start(tag: &str, bans: bool) -> Self {
        throttler_lab::require_root().expect("root");
        let turn = turn();
        let lab = Lab::new(tag).expect("a lab");
        let daemon = Daemon::start(&lab, binary(), &policy::text(0, bans), &[]).expect("a daemon");
        let mut volley = Volley::new(&lab).expect("a raw socket");
        let sinks = [STEADY, CHANGING].map(|port| UdpSink::new(&lab, port).expect("a sink"));
        let round = flood::round();
        for _ in 0..BURSTS[0].max(STEADY_BURST) + REFUSALS + 1 {
            for frame in &round {
                volley.push(frame).expect("a frame");
            }
        }
        for source in flood::patient() {
            for _ in 0..USED {
                volley.push(&flood::frame(source, STEADY)).expect("a frame");
            }
        }
        let judge = Judge {
            bans,
            sinks,
            last: Counters::default(),
            samples: 0,
            used: USED,
        };
        let mut site = Self {
            daemon,
            volley,
            judge,
            lab,
            _turn: turn,
        };
        site.settle();
        site
    }

    /// Once every frame that was sent is accounted for: each was seen by the program or lost on the link before it, and
    /// what was passed, and no more, has arrived.
    pub(crate) fn settle(&mut self) {
        self.volley.flush().expect("frames");
        let sent = self.volley.sent();
        let lost = || self.lab.client_stats().expect("counters").tx_dropped;
        let enough = |counters: &Counters| counters.packets + lost() >= sent;
        let counters = self.daemon.wait_counters(enough, PATIENCE);
        let counters = counters.expect("every frame seen by the program");
        assert_eq!(counters.packets + lost(), sent, "{counters:#?}");
        self.judge.sample(&self.daemon);
        self.judge.arrived();
    }

    /// The patient sources send as often as their whole burst: what was left to them passes, and no more.
    pub(crate) fn finish(&mut self) {
        self.settle();
        for source in flood::patient() {
            for _ in 0..STEADY_BURST {
                self.volley
                    .push(&flood::frame(source, STEADY))
                    .expect("a frame");
            }
        }
        self.judge.used = STEADY_BURST;
        self.settle();
    }

    /// The policy of that turn is in force, and nothing is left of any other, however many publishes were interrupted.
    pub(crate) fn assert_in_force(&self, turn: u64) {
        let (found, others) = classes(&self.daemon);
        let wanted: Vec<Addr> = policy::blocked(turn).collect();
        assert!(found == wanted, "policy {turn} is not in force");
        assert_eq!(others, 0, "left of other policies");
    }

    /// The program on the interface now.
    pub(crate) fn program(&self) -> u32 {
        program(&self.lab)
    }

    pub(crate) fn pins(&self) -> Pins {
        Pins::of(self.daemon.bpffs(), SERVER_IFACE)
    }
}

/// The prefixes of the generation in force, in order, and how many there are of others.
fn classes(daemon: &Daemon) -> (Vec<Addr>, usize) {
    let pins = Pins::of(daemon.bpffs(), SERVER_IFACE);
    let tables = Tables::open(&pins.dir).expect("maps");
    let bank = publish::generation(&tables).expect("a generation") % 2;
    let (mut found, mut others) = (Vec::new(), 0);
    let each = |key: &ClassKey, _: &_| {
        if key.addr == Addr::from_bytes(canary::SOURCE) {
            // The daemon's own, in every generation.
        } else if !policy::may_block(&key.addr) {
            // What operators say of other sources.
        } else if u32::from(key.bank) == bank {
            found.push(key.addr);
        } else {
            others += 1;
        }
    };
    tables.classes.for_each(each).expect("classes");
    found.sort_by_key(|addr| addr.to_bytes());
    (found, others)
}

/// The program on the server's interface.
pub(crate) fn program(lab: &Lab) -> u32 {
    let find = || interface::find(SERVER_IFACE).expect("an interface");
    lab.server().run(find).xdp.expect("a program").1
}

impl Judge {
    /// Counters never run backwards, and nobody is passed a packet more than the first burst.
    pub(crate) fn sample(&mut self, daemon: &Daemon) -> &Counters {
        let now = daemon.counters().expect("counters");
        let last = &self.last;
        assert!(
            now.packets >= last.packets
                && now.generation >= last.generation
                && now.events_sent >= last.events_sent
                && now.sources >= last.sources,
            "backwards: {last:#?} {now:#?}"
        );
        for (scope, reasons) in &last.scopes {
            for (reason, before) in reasons {
                let (packets, bytes) = now.reason(scope, reason);
                assert!(
                    packets >= before.0 && bytes >= before.1,
                    "{scope} {reason} ran backwards: {last:#?} {now:#?}"
                );
            }
        }
        let steady = SOURCES * STEADY_BURST + PATIENT * self.used;
        let changing = SOURCES * BURSTS[0];
        let due = steady + changing;
        assert_eq!(now.passed, due, "more than the first bursts: {now:#?}");
        // What the patient are refused in the end.
        let turned_away = PATIENT * if self.used == STEADY_BURST { USED } else { 0 };
        let scopes = [("steady", steady, turned_away), ("changing", changing, 0)];
        for (scope, passed, turned_away) in scopes {
            assert_eq!(
                now.reason(scope, "conforming").0,
                passed,
                "{scope}: {now:#?}"
            );
            if self.bans {
                // One refusal more than bans give would be a ban that was forgotten.
                let refused = now.reason(scope, "over_limit").0;
                let due = SOURCES * REFUSALS + turned_away;
                assert_eq!(refused, due, "{scope}: {now:#?}");
            }
        }
        // Of one policy all, and of no other one any.
        let (found, _) = classes(daemon);
        let wanted: Vec<Addr> = found.first().map_or_else(Vec::new, policy::blocked_like);
        assert!(
            !found.is_empty() && found == wanted,
            "a mix of policies is in force"
        );
        assert_eq!(now.reason_total("table_full").0, 0, "{now:#?}");
        self.samples += 1;
        self.last = now;
        &self.last
    }

    /// Exactly that has arrived behind the throttler, from each source.
    pub(crate) fn arrived(&self) {
        let each = |burst| flood::sources().map(move |source| (source, burst));
        let patient = flood::patient().map(|source| (source, self.used));
        let due: [BTreeMap<IpAddr, u64>; 2] = [
            each(STEADY_BURST).chain(patient).collect(),
            each(BURSTS[0]).collect(),
        ];
        for (sink, due) in self.sinks.iter().zip(due) {
            sink.wait_for(due.values().sum(), PATIENCE);
            assert_eq!(sink.counts(), due, "what arrived behind the throttler");
        }
    }

    /// What is printed at the end.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} packets, {} passed, in {} samples; generation {}",
            self.last.packets, self.last.passed, self.samples, self.last.generation
        )
    }
}

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_throttler"))
}
