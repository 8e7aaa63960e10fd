//! What must hold of a flood.
//!
//! Honest packets are a byte longer than the flood's, so that the program's own counters of packets and bytes say how
//! many of them it passed and refused, whatever the link lost.

use std::time::Instant;

use throttler_common::{
    Reason, Verdict,
    abi::{SlotRecord, Stats},
};
use throttler_lab::Counters;

use crate::{
    flood::{OVER, is_silent, max_sources},
    ground::{GREEDY, Ground, Source},
    kind::Kind,
    policy::{BURST, INCREMENT, is_quick},
    site::Site,
};

/// KiB by which the daemon may grow.
pub(crate) const FLAT: u64 = 128;
/// Events of one CPU in a second, at most (throttler-ebpf/src/slots.rs).
const EVENTS: u64 = 4_096;

/// Lines of the abuse log for each kind of event in a second, at most (`--log-events-per-second`).
const LINES: u64 = 200;
/// Kinds of which floods have events: refusals and pressure.
const KINDS: u64 = 2;

/// What was there before the flood.
pub(crate) struct Judge {
    kind: Kind,
    ground: Ground,
    before: Counters,
    honest: Vec<SlotRecord>,
    greedy: Vec<SlotRecord>,
    stats: Stats,
    memory: u64,
    /// When the flood began.
    pub(crate) begin: Instant,
}

/// What became of it.
pub(crate) struct Seen {
    /// Honest packets that passed, and all of them.
    pub(crate) honest: (u64, u64),
    /// Spoofed packets that the program saw, each of another source.
    pub(crate) spoofed: u64,
    pub(crate) table_full: u64,
    after: Counters,
    records: Vec<SlotRecord>,
}

impl Judge {
    pub(crate) fn new(site: &mut Site, kind: Kind, ground: Ground) -> Self {
        let before = site.settled();
        let judge = Self {
            kind,
            ground,
            before,
            honest: records(site, (0..ground.honest).map(|number| ground.honest(number))),
            greedy: records(site, (0..GREEDY).map(|number| ground.greedy(number))),
            stats: site.stats(),
            memory: site.memory(),
            begin: Instant::now(),
        };
        for greedy in &judge.greedy {
            let counted = (greedy.passed.packets, greedy.dropped.packets);
            assert_eq!(counted, (BURST, OVER), "{greedy:?}");
        }
        judge
    }

    /// Judges the flood past the known sources, which sent so many packets in it, and as many spoofed ones.
    pub(crate) fn known(&self, site: &mut Site, sent: u64, spoofed: u64) -> Seen {
        let after = site.settled();
        let (passed, arrived) = self.longer(&self.before, &after);
        let lost = site.lost();
        assert!(
            arrived <= sent && arrived + lost >= sent,
            "{arrived} of {sent} honest packets"
        );
        assert!(
            passed * 1_000 >= arrived * 999,
            "{passed} of {arrived} packets of known sources passed: {after:#?}"
        );
        let records = records(
            site,
            (0..self.ground.honest).map(|number| self.ground.honest(number)),
        );
        self.not_forgotten(&records, passed);
        self.still_refused(site);

        let moved = |reason| after.reason_total(reason).0 - self.before.reason_total(reason).0;
        let greedy = GREEDY * OVER;
        let seen = Seen {
            honest: (passed, arrived),
            spoofed: after.packets - self.before.packets - arrived - greedy,
            table_full: moved("table_full"),
            records,
            after: after.clone(),
        };
        assert!(
            seen.spoofed + lost >= spoofed,
            "{} of {spoofed} seen",
            seen.spoofed
        );
        // Each is charged somewhere: nothing of a flood goes around the table.
        let charged = moved("conforming") + moved("over_limit") + seen.table_full;
        assert_eq!(charged, after.packets - self.before.packets, "{after:#?}");
        self.pressed(site, &seen);
        seen
    }

    /// That the table was really fought for, by as many sources as there were packets.
    fn pressed(&self, site: &Site, seen: &Seen) {
        let stats = site.stats();
        let claimed = stats.claimed - self.stats.claimed;
        let turned_away = seen.table_full + stats.contended - self.stats.contended;
        let admitted = claimed + stats.newcomers - self.stats.newcomers;
        // A source that had come before would have been found: it takes no other way, nor is it a newcomer. Under
        // pressure prefixes take ways as well, and are among these.
        assert!(
            admitted + turned_away >= seen.spoofed,
            "{admitted} were new, and {turned_away} turned away, of {}",
            seen.spoofed
        );
        if self.kind.is_soon_paid() {
            assert!(seen.table_full * 20 <= seen.spoofed, "{:#?}", seen.after);
        } else {
            let room = max_sources();
            assert!(
                seen.spoofed > 2 * room,
                "the flood is too small for the table"
            );
            assert!(stats.claimed * 10 >= room * 9, "{stats:?}");
            assert!(seen.table_full > 0, "no pressure: {:#?}", seen.after);
            assert_eq!(
                site.pressure(),
                (stats.newcomers, seen.after.reason_total("table_full").0)
            );
            // A sixteenth of the room a second, and as much at once.
            let share = room as f64 / 16.0;
            let most = share * (self.begin.elapsed().as_secs_f64() + 1.0) + 1.0;
            let newcomers = stats.newcomers - self.stats.newcomers;
            assert!(newcomers as f64 <= most, "{newcomers} newcomers of {most}");
        }
    }

    /// Each honest source has the place that it had, and exactly what it was charged.
    fn not_forgotten(&self, records: &[SlotRecord], passed: u64) {
        let mut sum = 0;
        for (number, (before, after)) in (0..).zip(self.honest.iter().zip(records)) {
            let more = after.passed.packets.checked_sub(before.passed.packets);
            let more = more.unwrap_or_else(|| panic!("forgotten: {before:?} {after:?}"));
            sum += more;
            if !is_quick(number) {
                let charged = before.tat[0] + more * INCREMENT;
                assert_eq!(after.tat[0], charged, "{before:?} {after:?}");
            }
            if is_silent(number) {
                assert_eq!(before, after);
            }
        }
        assert_eq!(sum, passed, "what their places have counted");
    }

    /// Who was over the limit still is: the flood bought them nothing.
    fn still_refused(&self, site: &Site) {
        let after = records(site, (0..GREEDY).map(|number| self.ground.greedy(number)));
        for (before, after) in self.greedy.iter().zip(&after) {
            assert_eq!(
                (before.passed, before.tat),
                (after.passed, after.tat),
                "{after:?}"
            );
            let more = after.dropped.packets - before.dropped.packets;
            assert!(more <= OVER && more + site.lost() >= OVER, "{after:?}");
        }
    }

    /// How many packets of newcomers passed, and all of them; who was known is so still.
    pub(crate) fn newcomers(&self, site: &mut Site, seen: &Seen) -> (u64, u64) {
        let end = site.settled();
        let known = records(
            site,
            (0..self.ground.honest).map(|number| self.ground.honest(number)),
        );
        assert_eq!(seen.records, known, "they sent nothing");
        self.longer(&seen.after, &end)
    }

    /// The daemon took no more memory, and said no more than it may; in words.
    pub(crate) fn daemon(&self, site: &mut Site, middle: u64) -> String {
        if !self.kind.is_soon_paid() {
            let told = site
                .daemon
                .wait_stderr(0, "table full", crate::site::PATIENCE);
            told.expect("the pressure is told of");
        }
        let end = site.settled();
        let events = bounded(site, &end, self.begin.elapsed().as_secs_f64());
        let memory = [self.memory, middle, site.memory()];
        flat(memory);
        format!("memory {memory:?} KiB; {events}")
    }

    /// Of the packets that are a byte longer: those that passed, and all.
    fn longer(&self, before: &Counters, after: &Counters) -> (u64, u64) {
        let (mut passed, mut all) = (0, 0);
        for reason in Reason::ALL {
            let [was, is] = [before, after].map(|counters| counters.reason_total(reason.as_str()));
            let longer = is.1 - was.1 - (is.0 - was.0) * self.kind.length();
            all += longer;
            if reason.verdict() == Verdict::Pass {
                passed += longer;
            }
        }
        (passed, all)
    }
}

/// That the daemon is no larger at the end, or in the midst, than it was at first (KiB).
pub(crate) fn flat(memory: [u64; 3]) {
    let [first, middle, last] = memory;
    assert!(
        middle.max(last) <= first + FLAT,
        "KiB of the daemon: {memory:?}"
    );
}

/// That events, and so the lines of the abuse log, are as few as the program promises; in words.
pub(crate) fn bounded(site: &Site, counters: &Counters, seconds: f64) -> String {
    let most = EVENTS * site.telling_cpus() * (seconds.ceil() as u64 + 1);
    let events = counters.events_sent + counters.events_lost;
    assert!(events <= most, "{events} events in {seconds} s");
    // Each that was sent becomes a line, or is counted by one.
    let (lines, left) = site.told(counters.events_sent);
    let most = LINES * KINDS * (seconds.ceil() as u64 + 1);
    assert!(lines <= most, "{lines} lines in {seconds} s");
    format!(
        "{events} events, {} lost, {lines} lines, {left} left out",
        counters.events_lost
    )
}

/// A share in words.
pub(crate) fn share((part, all): (u64, u64)) -> String {
    format!("{:.3} % of {all}", 100.0 * part as f64 / all as f64)
}

fn records(site: &Site, sources: impl Iterator<Item = Source>) -> Vec<SlotRecord> {
    let record = |source| {
        site.record(source)
            .unwrap_or_else(|| panic!("{source:?} is forgotten"))
    };
    sources.map(record).collect()
}
