//! The entry points.

use aya_ebpf::{
    Global, bindings::xdp_action, helpers::bpf_ktime_get_ns, macros::xdp, programs::XdpContext,
};
use throttler_common::{Frame, Reason, Verdict, parse::parse};

use crate::{
    calls::{throttler_decide, throttler_trace},
    frame::XdpFrame,
};

/// Whether every packet is logged. Constant once loaded: where it is 0, the verifier removes what it
/// guards.
#[unsafe(no_mangle)]
static TRACE: Global<u8> = Global::new(0);

/// What an interface runs.
#[xdp(frags)]
pub(crate) fn throttler(ctx: XdpContext) -> u32 {
    let packet = parse(&XdpFrame::new(&ctx, 0));
    // SAFETY: the helper takes no arguments and has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    let decision = throttler_decide(&raw const packet, now, ctx.ingress_ifindex() as u32);
    if TRACE.load() != 0 {
        throttler_trace(decision, packet.length);
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
    // The frame first: what is read before the parser takes its stack for as long as that runs.
    let packet = parse(&XdpFrame::new(&ctx, 8));
    let input = XdpFrame::new(&ctx, 0);
    let Some(now) = input.get::<8>(0) else {
        return u32::MAX;
    };
    throttler_decide(
        &raw const packet,
        u64::from_ne_bytes(*now),
        ctx.ingress_ifindex() as u32,
    )
}
