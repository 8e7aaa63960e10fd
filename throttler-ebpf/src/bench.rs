//! Programs for the benchmark and for proofs alone: drivers that draw a source address and tail-call the program
//! under test, the floor that everything is held against, and reference programs that show what the
//! parts of a limiter cost.
#![cfg_attr(target_arch = "bpf", no_std, no_main)]
#![cfg_attr(target_arch = "bpf", feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
#[path = "bench/draw.rs"]
mod draw;
#[cfg(target_arch = "bpf")]
#[path = "bench/driver.rs"]
mod driver;
#[cfg(target_arch = "bpf")]
#[path = "bench/flood.rs"]
mod flood;
#[cfg(target_arch = "bpf")]
#[path = "bench/hammer.rs"]
mod hammer;
#[cfg(target_arch = "bpf")]
#[path = "bench/header.rs"]
mod header;
#[cfg(target_arch = "bpf")]
#[path = "bench/reference.rs"]
mod reference;
#[cfg(target_arch = "bpf")]
#[path = "bench/settings.rs"]
mod settings;

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
