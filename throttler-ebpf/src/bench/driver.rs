//! Puts a drawn source into the frame and hands it to the program under test.
//!
//! There are two drivers: the kernel keeps programs for frames of several buffers, such as ours, apart
//! from those for linear ones, such as xdp-filter's, and lets neither call the other
//! (`__bpf_prog_map_compatible` in kernel/bpf/core.c).

use aya_ebpf::{
    bindings::xdp_action, btf_maps::ProgramArray, macros::btf_map, macros::xdp,
    programs::XdpContext,
};

use crate::{draw, header};

#[btf_map]
static TARGET: ProgramArray<1> = ProgramArray::new();
#[btf_map]
static TARGET_LINEAR: ProgramArray<1> = ProgramArray::new();

#[xdp(frags)]
pub(crate) fn floor(_: XdpContext) -> u32 {
    xdp_action::XDP_DROP
}

#[xdp(frags)]
pub(crate) fn driver(ctx: XdpContext) -> u32 {
    if let Some(address) = draw::source() {
        header::set_source(&ctx, address);
    }
    // SAFETY: the array holds a program of our type or none; then the call falls through.
    unsafe { TARGET.tail_call(&ctx, 0) };
    xdp_action::XDP_ABORTED
}

#[xdp]
pub(crate) fn driver_linear(ctx: XdpContext) -> u32 {
    if let Some(address) = draw::source() {
        header::set_source(&ctx, address);
    }
    // SAFETY: as above.
    unsafe { TARGET_LINEAR.tail_call(&ctx, 0) };
    xdp_action::XDP_ABORTED
}
