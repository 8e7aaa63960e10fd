//! Kernel and host, side by side.

use std::collections::BTreeMap;
use std::ops::Range;

use throttler::host::{HostPolicy, HostSlots, Told};
use throttler_common::abi::{Event, GLOBAL_LIMIT, LAYER_LIMIT, NO_LIMIT, SET_WORDS};
use throttler_common::notice::Kind;
use throttler_common::table::Words as _;
use throttler_common::{Decision, Family, Reason, Slots as _, decide};

use crate::buffers::Buffers;
use crate::census::Census;
use crate::generator::frame_of_buffers;
use crate::harness::{Counters, Program, REACH, Rng, START, can_split};
use crate::policy::policy;

/// Twice as many sources as can come up, so that the kernel's table never evicts one.
fn room(frames: u64) -> u32 {
    u32::try_from((4 * frames).max(1 << 16)).unwrap_or(u32::MAX)
}

pub(crate) fn word(decision: &Decision) -> u32 {
    u32::from_le_bytes([decision.reason as u8, decision.scope, decision.limit, 0])
}

/// What the host told must look like as an event of a test run, which has no interface of its own.
pub(crate) fn event(told: &Told, ifindex: u32) -> Event {
    let notice = &told.notice;
    Event {
        at: told.at,
        source: told.source,
        refused: notice.refused as u32,
        bans: notice.bans as u32,
        refused_total: notice.refused_total,
        retry_after: notice.retry_after,
        generation: told.generation,
        ifindex,
        plan: notice.plan,
        scope: notice.scope,
        limit: notice.limit,
        reason: notice.reason as u8,
        family: told.family.number(),
        monitored: u8::from(notice.monitored),
        kind: notice.kind as u8,
    }
}

/// Frames a program: a round. The table must never evict, and so grows with them.
const ROUND: u64 = 200_000;

/// What all rounds together have seen.
#[derive(Default)]
struct Seen {
    counters: Counters,
    refusals: BTreeMap<String, u64>,
    kinds: [usize; Kind::COUNT],
    events: usize,
    sources: usize,
    nanos: u64,
    census: Census,
}

#[test]
fn kernel_and_host_decide_alike() {
    let (seed, frames) = (crate::seed(), crate::frames());
    let mut seen = Seen::default();
    for round in 0..frames.div_ceil(ROUND) {
        let first = round * ROUND;
        seen.round(seed.wrapping_add(round), first..frames.min(first + ROUND));
    }
    seen.tell(seed, frames);
    seen.hold(frames);
}

impl Seen {
    /// Some frames, on a program of their own.
    fn round(&mut self, seed: u64, numbers: Range<u64>) {
        let mut rng = Rng::new(seed);
        let program = Program::sized(&policy(), room(numbers.end - numbers.start));
        let host = HostPolicy::new(program.policy().clone());
        let slots = HostSlots::new(program.tables().sources.head);
        let names = |scope| host.tables().description.scope_name(scope);
        let mut counters = Counters::new();
        let mut now = START;
        for number in numbers.clone() {
            now += match rng.below(500) {
                0 => rng.below(100_000_000),
                1..200 => 0,
                _ => rng.below(500_000),
            };
            let (frame, reach) = frame_of_buffers(&mut rng, &mut self.census);
            let decision = decide(&Buffers::new(&frame, reach), &now, &host, &&slots);
            let kernel = if reach == REACH.min(frame.len()) {
                program.run_raw(now, &frame)
            } else {
                let run = program.run_split(now, &frame, reach);
                run.expect("a kernel that splits frames")
            };
            assert_eq!(
                kernel,
                word(&decision),
                "frame {number} of seed {seed} at {now}, {reach} bytes in reach: the kernel's word {kernel:#x} is not \
                 the host's {decision:?}; {frame:02x?}"
            );
            let tally = counters
                .entry((names(decision.scope), decision.reason))
                .or_default();
            tally.0 += 1;
            tally.1 += u64::from(decision.length);
            self.refused(&decision, &names(decision.scope));
            if number % 1_000 == 999 || number + 1 == numbers.end {
                self.told(
                    &program,
                    &slots,
                    &format!("up to frame {number} of seed {seed}"),
                );
            }
        }
        assert_eq!(program.counters(), counters, "seed {seed}");
        self.sources += same_state(&program, &slots);
        self.nanos += now - START;
        for (key, (packets, bytes)) in counters {
            let sum = self.counters.entry(key).or_default();
            sum.0 += packets;
            sum.1 += bytes;
        }
    }

    fn refused(&mut self, decision: &Decision, scope: &str) {
        if decision.limit == NO_LIMIT {
            return;
        }
        let layer = match decision.limit & (LAYER_LIMIT | GLOBAL_LIMIT) {
            LAYER_LIMIT => " layer",
            GLOBAL_LIMIT => " global",
            _ => "",
        };
        let index = decision.limit & !(LAYER_LIMIT | GLOBAL_LIMIT);
        let limit = format!("{scope}{layer} {index}");
        *self.refusals.entry(limit).or_default() += 1;
    }

    /// The kernel's events are the host's.
    fn told(&mut self, program: &Program, slots: &HostSlots, when: &str) {
        let told: Vec<_> = slots.told.take();
        let read = program.events();
        let ifindex = read.first().map_or(0, |event| event.ifindex);
        let expected: Vec<_> = told.iter().map(|told| event(told, ifindex)).collect();
        assert_eq!(read, expected, "events {when}");
        self.events += read.len();
        read.iter()
            .for_each(|event| self.kinds[usize::from(event.kind)] += 1);
    }

    fn reasons(&self) -> BTreeMap<Reason, u64> {
        let mut reasons = BTreeMap::<Reason, u64>::new();
        for ((_, reason), (packets, _)) in &self.counters {
            *reasons.entry(*reason).or_default() += packets;
        }
        reasons
    }

    fn tell(&self, seed: u64, frames: u64) {
        println!(
            "{frames} frames of seed {seed:#x} over {} s: {} source states and {} events alike",
            self.nanos / crate::harness::SECOND,
            self.sources,
            self.events
        );
        for ((scope, reason), (packets, bytes)) in &self.counters {
            println!("  {scope:10} {reason:12} {packets:7} packets {bytes:9} bytes");
        }
        println!("  in all {:?}", self.reasons());
        println!("  refusing limits {:?}", self.refusals);
        println!(
            "  events {:?}",
            Kind::ALL.map(|kind| (kind, self.kinds[kind as usize]))
        );
    }

    /// Everything was tried.
    fn hold(&self, frames: u64) {
        let left_out: &[&str] = if can_split() {
            &[]
        } else {
            println!(
                "  not tried: first buffers of any length, which test runs have from Linux 6.18 on"
            );
            &["reach ends in headers"]
        };
        self.census.hold(frames, left_out);
        let reasons = self.reasons();
        let tried = [
            Reason::Conforming,
            Reason::Unlimited,
            Reason::Exempt,
            Reason::NotIp,
            Reason::Monitored,
            Reason::OverLimit,
            Reason::GlobalLimit,
            Reason::Blocked,
            Reason::Banned,
            Reason::Malformed,
        ];
        for reason in tried {
            let share = reasons.get(&reason).copied().unwrap_or(0);
            assert!(
                share * 500 >= frames,
                "only {share} of {frames} frames ended in {reason}"
            );
        }
        for kind in [
            Kind::Refusal,
            Kind::Ban,
            Kind::Unban,
            Kind::WiderBan,
            Kind::WiderUnban,
        ] {
            let told = self.kinds[kind as usize];
            assert!(frames < 100_000 || told > 0, "no {kind:?} was told of");
        }
        // Of eighteen; some are rarely the first to refuse.
        assert!(
            frames < 100_000 || self.refusals.len() >= 10,
            "too few limits refused: {:?}",
            self.refusals
        );
    }
}

/// Every source that the kernel knows has the state that the host's has; how many there are.
fn same_state(program: &Program, slots: &HostSlots) -> usize {
    let mut compared = 0;
    for family in [Family::V4, Family::V6] {
        program.tables().sources.for_each(family.index(), |record| {
            assert_eq!(
                slots.record(family, &record.addr, record.scope),
                Some(record),
                "{family:?}"
            );
            compared += 1;
        });
    }
    let mut parents = 0;
    for family in 0..2 {
        program
            .tables()
            .sources
            .for_each_parent(family, |_| parents += 1);
    }
    assert_eq!(
        program.stats().claimed,
        (compared + parents) as u64,
        "sources were evicted: the table is too small for the test"
    );
    same_words(program, slots);
    compared
}

/// Both tables are the same, word for word: places, parents, shared buckets and marks.
pub(crate) fn same_words(program: &Program, slots: &HostSlots) {
    let mut index = 0;
    while let (Some(kernel), Some(host)) = (program.tables().sources.set(index), slots.set(index)) {
        for word in 0..SET_WORDS {
            assert_eq!(
                kernel.load(word),
                host.load(word),
                "set {index} word {word}"
            );
        }
        index += 1;
    }
    assert!(
        index > 64 && program.tables().sources.set(index).is_none() && slots.set(index).is_none()
    );
}
