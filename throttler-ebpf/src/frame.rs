//! Packet access: the only place where packet memory is read.

use aya_ebpf::{helpers::generated::bpf_xdp_get_buff_len, programs::XdpContext};
use throttler_common::Frame;

use crate::verifier::opaque;

/// Offsets beyond this are out of reach: the longest chain of headers that the parser walks ends
/// well below, and the verifier needs a bound that it can see.
const REACH: usize = 0x3fff;

/// The linear part of an XDP buffer, from `start` on.
pub(crate) struct XdpFrame<'a> {
    ctx: &'a XdpContext,
    start: usize,
    end: usize,
    skip: u32,
}

impl<'a> XdpFrame<'a> {
    #[inline(always)]
    pub(crate) fn new(ctx: &'a XdpContext, skip: u32) -> Self {
        Self {
            ctx,
            start: ctx.data(),
            end: ctx.data_end(),
            skip,
        }
    }
}

impl Frame for XdpFrame<'_> {
    #[inline(always)]
    fn length(&self) -> u32 {
        // SAFETY: the context is the one the kernel gave this run. The helper (5.18) is a load and an
        // add; the linear part alone would make a jumbo frame look truncated.
        let total = unsafe { bpf_xdp_get_buff_len(self.ctx.ctx) } as u32;
        total.saturating_sub(self.skip)
    }

    #[inline(always)]
    fn reach(&self) -> u32 {
        ((self.end - self.start) as u32).saturating_sub(self.skip)
    }

    #[inline(always)]
    fn get<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        // The mask bounds the offset; no header lies beyond it.
        let offset = opaque(offset as usize + self.skip as usize) & REACH;
        // One register, so that the bounds check and the access use the same pointer.
        let at = opaque(self.start + offset);
        if at + N > self.end {
            return None;
        }
        // SAFETY: `N` bytes from `at` on lie between `data` and `data_end`, which the kernel keeps
        // readable for this run; an array of bytes has no alignment or validity to hold.
        Some(unsafe { &*(at as *const [u8; N]) })
    }
}
