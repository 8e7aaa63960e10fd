//! The source address in the frame. Offsets are those of untagged Ethernet frames.

use aya_ebpf::programs::XdpContext;

const ETHER_TYPE: usize = 12;
const IPV4_CHECKSUM: usize = 24;
const IPV4_SOURCE: usize = 26;
/// The second word, so that it varies the /64.
const IPV6_SOURCE: usize = 22 + 4;
const LEAST: usize = IPV4_SOURCE + 4;

/// Where the frame begins, if it is as long as the offsets here reach.
#[inline(always)]
fn frame(ctx: &XdpContext) -> Option<*mut u8> {
    let (start, end) = (ctx.data(), ctx.data_end());
    (start + LEAST <= end).then_some(start as *mut u8)
}

#[inline(always)]
pub(crate) fn set_source(ctx: &XdpContext, address: u32) {
    let Some(start) = frame(ctx) else { return };
    // SAFETY: `frame` has checked that both lie in the frame, and XDP may write to it.
    unsafe {
        let ether_type = start.add(ETHER_TYPE).cast::<u16>().read_unaligned();
        let offset = if ether_type == 0x86dd_u16.to_be() {
            IPV6_SOURCE
        } else {
            IPV4_SOURCE
        };
        start
            .add(offset)
            .cast::<u32>()
            .write_unaligned(address.to_be());
    }
}

/// As [`set_source`] for IPv4, with the header's checksum carried on (RFC 1624, equation 3): the stack
/// drops what has a wrong one.
#[inline(always)]
pub(crate) fn set_source_summed(ctx: &XdpContext, address: u32) {
    let Some(start) = frame(ctx) else { return };
    // SAFETY: as above.
    unsafe {
        let source = start.add(IPV4_SOURCE).cast::<u32>();
        let checksum = start.add(IPV4_CHECKSUM).cast::<u16>();
        let (old, new) = (source.read_unaligned(), address.to_be());
        // A one's complement sum is the same in either byte order (RFC 1071).
        let mut sum = u32::from(!checksum.read_unaligned());
        sum += (!old & 0xffff) + (!old >> 16) + (new & 0xffff) + (new >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        source.write_unaligned(new);
        checksum.write_unaligned(!(sum as u16));
    }
}

/// The IPv4 source, as it lies in the frame.
#[inline(always)]
pub(crate) fn source(ctx: &XdpContext) -> Option<u32> {
    let start = frame(ctx)?;
    // SAFETY: as above.
    Some(unsafe { start.add(IPV4_SOURCE).cast::<u32>().read_unaligned() })
}
