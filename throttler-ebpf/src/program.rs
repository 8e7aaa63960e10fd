//! The entry points.

use aya_ebpf::{Global, bindings::xdp_action, macros::xdp, programs::XdpContext};
use throttler_common::{
    Frame, Reason, Verdict,
    abi::NO_LIMIT,
    class::{Kind, Word},
    decide::{self, Begun},
    parse::parse,
    swift::{self, Swift},
};

use crate::{
    account,
    arrival::Arrival,
    calls::{ABSENT, PARENT, throttler_judge, throttler_meet, throttler_trace, throttler_widen},
    clock::KernelClock,
    frame::XdpFrame,
    policy::KernelPolicy,
    slots::KernelSlots,
    verifier::written,
};

/// Whether every packet is logged. Constant once loaded: where it is 0, the verifier removes what it
/// guards.
#[unsafe(no_mangle)]
static TRACE: Global<u8> = Global::new(0);

/// What an interface runs.
#[xdp(frags)]
pub(crate) fn throttler(ctx: XdpContext) -> u32 {
    let Some(arrival) = Arrival::of(&ctx) else {
        return xdp_action::XDP_PASS;
    };
    arrival.clock = KernelClock::of_kernel(&mut arrival.tick, &mut arrival.tick_time);
    let decision = run(&ctx, 0, arrival);
    if TRACE.load() != 0 {
        throttler_trace(decision, arrival.packet.length);
    }
    match Reason::from_index(decision as u8).map(Reason::verdict) {
        Some(Verdict::Drop) => xdp_action::XDP_DROP,
        Some(Verdict::Pass) | None => xdp_action::XDP_PASS,
    }
}

/// The same step at a given time, for test runs: eight bytes of native-endian monotonic nanoseconds,
/// then the frame. Answers `reason | scope << 8 | limit << 16`.
#[xdp(frags)]
pub(crate) fn throttler_at(ctx: XdpContext) -> u32 {
    let Some(now) = XdpFrame::new(&ctx, 0).get::<8>(0).copied() else {
        return u32::MAX;
    };
    let Some(arrival) = Arrival::of(&ctx) else {
        return u32::MAX;
    };
    arrival.clock = KernelClock::at(u64::from_ne_bytes(now));
    run(&ctx, 8, arrival)
}

/// Decides and counts: `reason | scope << 8 | limit << 16`. The frame begins `skip` bytes in.
///
/// The steps are those of [`decide::decide_packet`], called from here one after the other, so that none
/// needs its stack while the next one runs.
#[inline(always)]
fn run(ctx: &XdpContext, skip: u32, arrival: &mut Arrival) -> u32 {
    let mut decision = begin(ctx, skip, arrival);
    if Swift(decision).decision(0).is_none() {
        let begun = Begun(decision);
        let scope = u32::from(begun.scope());
        let absent = decision as u8 == Swift::UNKNOWN.0 as u8;
        throttler_meet(arrival, scope, if absent { ABSENT } else { 0 }, 0);
        let source = arrival.met.get();
        arrival.source.set(source);
        if source.found_no_room() {
            let parent = Word::new(source.class.tag(), Kind::Plan, 0, 0);
            throttler_meet(arrival, scope, PARENT, parent.0);
            arrival.parent.set(arrival.met.get());
        } else if begun.layer() != 0 && source.is_limited() {
            throttler_meet(arrival, u32::from(begun.layer()), 0, source.class.0);
            arrival.layer.set(arrival.met.get());
        }
        decision = throttler_judge(arrival, scope);
    }
    if decision & Swift::WIDEN != 0 {
        throttler_widen(arrival, decision >> 8 & 0xff);
    }
    if let Some(reason) = Reason::from_index(decision as u8) {
        account::count((decision >> 8) as u8, reason, arrival.packet.length);
    }
    decision & !Swift::WIDEN
}

/// Parses and decides, if it can be done swiftly ([`Swift`]); otherwise answers a [`Begun`].
#[inline(never)]
fn begin(ctx: &XdpContext, skip: u32, arrival: &mut Arrival) -> u32 {
    arrival.packet = parse(&XdpFrame::new(ctx, skip));
    let arrival = written(arrival);
    let policy = KernelPolicy::current();
    arrival.bank.set(policy.number());
    let (packet, clock) = (&arrival.packet, &arrival.clock);
    let begun = decide::begin(packet, clock, &policy);
    if begun.decided().is_some() {
        return begun.0 | u32::from(NO_LIMIT) << 16;
    }
    let Some(head) = policy.into_head() else {
        return begun.0;
    };
    let policy = KernelPolicy::of_bank(arrival.bank.get());
    match swift::decide(head, packet, begun, clock, &policy, &KernelSlots(arrival)) {
        Swift::UNDECIDED => begun.0,
        Swift::UNKNOWN => begun.0 & !0xff | Swift::UNKNOWN.0,
        decided => decided.0,
    }
}
