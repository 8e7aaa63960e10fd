//! The flood of the live part: run over live frames (`BPF_F_TEST_XDP_LIVE_FRAMES`), it sends them out
//! of an interface with drawn sources, as fast as it goes or in bursts at a fixed rate.

use aya_ebpf::{
    bindings::xdp_action,
    btf_maps::Array,
    helpers::{bpf_ktime_get_ns, bpf_redirect},
    macros::{btf_map, xdp},
    programs::XdpContext,
};

use crate::{
    draw, header,
    settings::{self, BURST},
};

/// When the next burst is due, and what is left of this one.
#[btf_map]
static PACE: Array<[u64; 2], 1> = Array::new();

/// A flood that was held up for longer than this does not catch up.
const LATEST: u64 = 100_000;

#[xdp]
pub(crate) fn flood(ctx: XdpContext) -> u32 {
    let gap = draw::setting(settings::GAP);
    // What is not due goes back to the pool that it came from.
    if gap != 0 && !due(u64::from(gap)) {
        return xdp_action::XDP_DROP;
    }
    if let Some(address) = draw::source() {
        header::set_source_summed(&ctx, address);
    }
    // SAFETY: the helper takes two integers.
    unsafe { bpf_redirect(draw::setting(settings::OUT), 0) as u32 }
}

#[inline(always)]
fn due(gap: u64) -> bool {
    let Some(pace) = PACE.get_ptr_mut(0) else {
        return false;
    };
    // SAFETY: one flood runs at a time, so nobody else has this value.
    let [next, left] = unsafe { &mut *pace };
    if *left > 0 {
        *left -= 1;
        return true;
    }
    // SAFETY: the helper has no preconditions.
    let now = unsafe { bpf_ktime_get_ns() };
    if now < *next {
        return false;
    }
    *next = (*next).max(now.saturating_sub(LATEST)) + gap;
    *left = u64::from(BURST) - 1;
    true
}
