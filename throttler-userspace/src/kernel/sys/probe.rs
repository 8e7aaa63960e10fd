//! Programs of a few instructions and maps of an entry, made and thrown away: whether the kernel knows what they use.
//!
//! Instructions: Documentation/bpf/standardization/instruction-set.rst; helpers by their numbers in `___BPF_FUNC_MAPPER`
//! of include/uapi/linux/bpf.h. Every error is the kernel's; `EINVAL` says that it does not know the feature.

use std::io;

use super::{bpf, owned};

const BPF_MAP_CREATE: u32 = 0;
const BPF_PROG_LOAD: u32 = 5;

const ARRAY: u32 = 2;
const LPM_TRIE: u32 = 11;
const RINGBUF: u32 = 27;
const NO_PREALLOC: u32 = 1;
const MMAPABLE: u32 = 1 << 10;

const XDP: u32 = 6;
const XDP_HAS_FRAGS: u32 = 1 << 5;

const JIFFIES64: i32 = 118;
const XDP_GET_BUFF_LEN: i32 = 188;

/// A page of the machines that this runs on, or a multiple: what a ring buffer's size must be.
const RING_BYTES: u32 = 1 << 16;

#[repr(C)]
struct MapAttr {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    flags: u32,
}

#[repr(C)]
struct ProgramAttr {
    program_type: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// An instruction: code, registers, offset, immediate value.
#[repr(C)]
struct Instruction(u8, u8, i16, i32);

/// `r0 = XDP_PASS; exit`.
const PASS: [Instruction; 2] = [Instruction(0xb7, 0, 0, 2), Instruction(0x95, 0, 0, 0)];

fn map(mut attr: MapAttr) -> io::Result<()> {
    bpf(BPF_MAP_CREATE, &mut attr).map(owned).map(drop)
}

/// Loads an XDP program that does this and then passes the packet.
fn program<const N: usize>(first: [Instruction; N], flags: u32) -> io::Result<()> {
    let instructions: Vec<Instruction> = first.into_iter().chain(PASS).collect();
    let mut attr = ProgramAttr {
        program_type: XDP,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags,
    };
    bpf(BPF_PROG_LOAD, &mut attr).map(owned).map(drop)
}

fn call(helper: i32) -> io::Result<()> {
    program([Instruction(0x85, 0, 0, helper)], 0)
}

pub(in crate::kernel) fn xdp() -> io::Result<()> {
    program([], 0)
}

pub(in crate::kernel) fn frags() -> io::Result<()> {
    program([], XDP_HAS_FRAGS)
}

/// Register 1 holds the context from the start, and is the argument.
pub(in crate::kernel) fn frame_length() -> io::Result<()> {
    call(XDP_GET_BUFF_LEN)
}

pub(in crate::kernel) fn jiffies() -> io::Result<()> {
    call(JIFFIES64)
}

/// `*(u64 *)(r10 - 8) = 0; r0 = 0; r1 = 0; r0 = cmpxchg_64(r10 - 8, r0, r1)`.
pub(in crate::kernel) fn compare_exchange() -> io::Result<()> {
    program(
        [
            Instruction(0x7a, 0x0a, -8, 0),
            Instruction(0xb7, 0, 0, 0),
            Instruction(0xb7, 1, 0, 0),
            Instruction(0xdb, 0x1a, -8, 0xf1),
        ],
        0,
    )
}

pub(in crate::kernel) fn trie() -> io::Result<()> {
    map(MapAttr {
        map_type: LPM_TRIE,
        key_size: 8,
        value_size: 8,
        max_entries: 1,
        flags: NO_PREALLOC,
    })
}

pub(in crate::kernel) fn mapped_array() -> io::Result<()> {
    map(MapAttr {
        map_type: ARRAY,
        key_size: 4,
        value_size: 8,
        max_entries: 1,
        flags: MMAPABLE,
    })
}

pub(in crate::kernel) fn ring_buffer() -> io::Result<()> {
    map(MapAttr {
        map_type: RINGBUF,
        key_size: 0,
        value_size: 0,
        max_entries: RING_BYTES,
        flags: 0,
    })
}
