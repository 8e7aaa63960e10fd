//! Programs for the benchmark alone: a driver that draws a source address and tail-calls the program
//! under test, and the floor that everything is held against, a program that drops at once.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs {
    use aya_ebpf::{
        bindings::xdp_action,
        btf_maps::{Array, ProgramArray},
        helpers::bpf_get_prandom_u32,
        macros::{btf_map, xdp},
        programs::XdpContext,
    };

    /// How many sources the driver draws from; 0: it leaves the frame as it is.
    #[btf_map]
    static SOURCES: Array<u32, 1> = Array::new();
    /// The program under test.
    #[btf_map]
    static TARGET: ProgramArray<1> = ProgramArray::new();

    /// Of an Ethernet frame: the EtherType, an IPv4 source address, the second word of an IPv6 one.
    const ETHER_TYPE: usize = 12;
    const IPV4_SOURCE: usize = 26;
    const IPV6_SOURCE: usize = 22 + 4;

    #[xdp(frags)]
    pub(crate) fn floor(_: XdpContext) -> u32 {
        xdp_action::XDP_DROP
    }

    #[xdp(frags)]
    pub(crate) fn driver(ctx: XdpContext) -> u32 {
        let sources = SOURCES.get(0).copied().unwrap_or(0);
        if sources != 0 {
            // SAFETY: the helper has no preconditions.
            let random = unsafe { bpf_get_prandom_u32() };
            // A multiplication instead of a remainder: uniform enough, and no division.
            let index = ((u64::from(random) * u64::from(sources)) >> 32) as u32;
            write(&ctx, 0x0a00_0000 | index);
        }
        // SAFETY: the array holds a program of our type or none; then the call falls through.
        unsafe { TARGET.tail_call(&ctx, 0) };
        xdp_action::XDP_ABORTED
    }

    #[inline(always)]
    fn write(ctx: &XdpContext, address: u32) {
        let (start, end) = (ctx.data(), ctx.data_end());
        if start + IPV4_SOURCE + 4 > end {
            return;
        }
        // SAFETY: both lie before `end`, and XDP may write to the packet.
        unsafe {
            let ether_type = ((start + ETHER_TYPE) as *const u16).read_unaligned();
            let offset = if ether_type == 0x86dd_u16.to_be() {
                IPV6_SOURCE
            } else {
                IPV4_SOURCE
            };
            ((start + offset) as *mut u32).write_unaligned(address.to_be());
        }
    }
}

#[cfg(not(target_arch = "bpf"))]
fn main() {
    eprintln!("the benchmark's programs are built for the BPF target: run `cargo xtask bench`");
}

#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
