//! Kernel and host, side by side.

use std::collections::BTreeMap;

use throttler::host::{HostPolicy, HostSlots, SliceFrame, Told};
use throttler_common::abi::{Event, GLOBAL_LIMIT, LAYER_LIMIT, NO_LIMIT, SET_WORDS};
use throttler_common::notice::Kind;
use throttler_common::table::Words as _;
use throttler_common::{Decision, Family, Reason, Slots as _, decide};

use crate::generator::frame;
use crate::harness::{Counters, Program, Rng, START};
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

#[test]
fn kernel_and_host_decide_alike() {
    let (seed, frames) = (crate::seed(), crate::frames());
    let mut rng = Rng::new(seed);
    let room = room(frames);
    let program = Program::sized(&policy(), room);
    let host = HostPolicy::new(program.policy().clone());
    let slots = HostSlots::new(program.tables().sources.head);
    let names = |scope| host.tables().description.scope_name(scope);
    let (mut counters, mut events) = (Counters::new(), 0);
    let mut kinds = [0_usize; Kind::COUNT];
    let mut refusals = BTreeMap::<String, u64>::new();
    let mut now = START;
    for number in 0..frames {
        now += match rng.below(500) {
            0 => rng.below(100_000_000),
            1..200 => 0,
            _ => rng.below(500_000),
        };
        let frame = frame(&mut rng);
        let decision = decide(&SliceFrame(&frame), &now, &host, &&slots);
        let kernel = program.run_raw(now, &frame);
        assert_eq!(
            kernel,
            word(&decision),
            "frame {number} of seed {seed} at {now}: the kernel's word {kernel:#x} is not the host's {decision:?}; {frame:02x?}"
        );
        let tally = counters
            .entry((names(decision.scope), decision.reason))
            .or_default();
        tally.0 += 1;
        tally.1 += u64::from(decision.length);
        if decision.limit != NO_LIMIT {
            let layer = match decision.limit & (LAYER_LIMIT | GLOBAL_LIMIT) {
                LAYER_LIMIT => " layer",
                GLOBAL_LIMIT => " global",
                _ => "",
            };
            let index = decision.limit & !(LAYER_LIMIT | GLOBAL_LIMIT);
            *refusals
                .entry(format!("{}{layer} {index}", names(decision.scope)))
                .or_default() += 1;
        }
        if number % 1_000 == 999 || number + 1 == frames {
            let told: Vec<_> = slots.told.take();
            let read = program.events();
            let ifindex = read.first().map_or(0, |event| event.ifindex);
            let expected: Vec<_> = told.iter().map(|told| event(told, ifindex)).collect();
            assert_eq!(read, expected, "events up to frame {number} of seed {seed}");
            events += read.len();
            read.iter()
                .for_each(|event| kinds[usize::from(event.kind)] += 1);
        }
    }
    assert_eq!(program.counters(), counters, "seed {seed}");
    let sources = same_state(&program, &slots);

    let mut reasons = BTreeMap::<Reason, u64>::new();
    for ((_, reason), (packets, _)) in &counters {
        *reasons.entry(*reason).or_default() += packets;
    }
    let seconds = (now - START) / crate::harness::SECOND;
    println!(
        "{frames} frames of seed {seed:#x} over {seconds} s: {sources} source states and {events} events alike"
    );
    for ((scope, reason), (packets, bytes)) in &counters {
        println!("  {scope:10} {reason:12} {packets:7} packets {bytes:9} bytes");
    }
    println!("  in all {reasons:?}");
    println!("  refusing limits {refusals:?}");
    println!(
        "  events {:?}",
        Kind::ALL.map(|kind| (kind, kinds[kind as usize]))
    );
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
        let told = kinds[kind as usize];
        assert!(frames < 100_000 || told > 0, "no {kind:?} was told of");
    }
    // Of eighteen; some are rarely the first to refuse.
    assert!(
        frames < 100_000 || refusals.len() >= 10,
        "too few limits refused: {refusals:?}"
    );
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
