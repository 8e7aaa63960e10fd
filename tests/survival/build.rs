//! A second build of the binary: its XDP program does the same in another order.
//!
//! To compile the tree twice would take minutes. Instead, in a copy of the binary, two instructions of the embedded
//! object that follow each other and load constants into different registers change places, wherever no jump leads
//! between them. To the kernel that is another program: its tag, a hash of its instructions, says so.

use std::{
    fs,
    os::{fd::AsFd as _, fd::AsRawFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use throttler::kernel::{pins::Pins, sys};

/// The object that the build script made, as every binary of the crate embeds it.
static OBJECT: &[u8] = include_bytes!(env!("THROTTLER_OBJECT"));

/// `BPF_ALU64 | BPF_MOV | BPF_K` (linux/bpf.h).
const MOVE_CONSTANT: u8 = 0xb7;
const INSTRUCTION: usize = 8;
/// `SHF_EXECINSTR` and `SHT_PROGBITS` (elf.h).
const EXECUTABLE: u64 = 4;
const PROGBITS: u32 = 1;

pub(crate) struct Second(TempDir);

impl Second {
    pub(crate) fn make(first: &Path) -> Self {
        let mut bytes = fs::read(first).expect("the binary");
        let found: Vec<usize> = bytes
            .windows(OBJECT.len())
            .enumerate()
            // Cheap to reject: the first bytes differ nearly everywhere.
            .filter(|(_, window)| window[..64] == OBJECT[..64] && *window == OBJECT)
            .map(|(at, _)| at)
            .collect();
        let [at] = found[..] else {
            panic!("the object is in the binary {} times", found.len());
        };
        let mut swapped = 0;
        for section in sections(OBJECT) {
            let code = &mut bytes[at + section.start..at + section.end];
            swapped += swap(code);
        }
        assert!(swapped > 0, "no two instructions that may change places");
        let dir = TempDir::with_prefix("thr-lab-").expect("a directory");
        let second = Self(dir);
        fs::write(second.path(), bytes).expect("a copy");
        fs::set_permissions(second.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
        second
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("throttler")
    }
}

/// Where the code of an ELF-64 object lies (elf(5)).
fn sections(object: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize, size: usize| {
        let mut bytes = [0; 8];
        bytes[..size].copy_from_slice(&object[at..at + size]);
        u64::from_le_bytes(bytes)
    };
    let (table, size, count) = (number(40, 8), number(58, 2), number(60, 2));
    (0..count)
        .map(|index| (table + index * size) as usize)
        .filter(|header| {
            number(header + 4, 4) as u32 == PROGBITS && number(header + 8, 8) & EXECUTABLE != 0
        })
        .map(|header| {
            let start = number(header + 24, 8) as usize;
            start..start + number(header + 32, 8) as usize
        })
        .collect()
}

/// Swaps the first two neighbours that may change places; how many pairs.
fn swap(code: &mut [u8]) -> usize {
    let targets: Vec<usize> = code
        .chunks_exact(INSTRUCTION)
        .enumerate()
        .filter_map(|(index, instruction)| target(index, instruction))
        .collect();
    let count = code.len() / INSTRUCTION;
    let at = |index: usize| &code[index * INSTRUCTION..(index + 1) * INSTRUCTION];
    // Behind the first half of a 16-byte load anything may look like an instruction: its second half begins with zero.
    let pair = (1..count).find(|second| {
        let (one, other) = (at(second - 1), at(*second));
        let both = one[0] == MOVE_CONSTANT && other[0] == MOVE_CONSTANT;
        both && one[1] & 0xf != other[1] & 0xf && !targets.contains(second)
    });
    let Some(second) = pair else {
        return 0;
    };
    let (front, back) = code.split_at_mut(second * INSTRUCTION);
    front[(second - 1) * INSTRUCTION..].swap_with_slice(&mut back[..INSTRUCTION]);
    1
}

/// Where a jump leads: the classes BPF_JMP and BPF_JMP32, but calls and exits.
fn target(index: usize, instruction: &[u8]) -> Option<usize> {
    const CALL: u8 = 0x80;
    const EXIT: u8 = 0x90;
    const FAR: u8 = 0x06;
    let code = instruction[0];
    if !matches!(code & 7, 5 | 6) || matches!(code & 0xf0, CALL | EXIT) {
        return None;
    }
    let offset = if code == FAR {
        i32::from_le_bytes(instruction[4..8].try_into().ok()?)
    } else {
        i16::from_le_bytes(instruction[2..4].try_into().ok()?).into()
    };
    index.checked_add_signed(offset as isize + 1)
}

/// The tag that the kernel gives a program, from its instructions.
pub(crate) fn tag(program: u32) -> String {
    let program = sys::program_by_id(program).expect("a program");
    let path = format!("/proc/self/fdinfo/{}", program.as_raw_fd());
    let info = fs::read_to_string(path).expect("what the kernel says of it");
    let tag = info.lines().find_map(|line| line.strip_prefix("prog_tag:"));
    tag.expect("a tag").trim().to_owned()
}

/// The pinned link's identifier.
pub(crate) fn link(pins: &Pins) -> u32 {
    let link = sys::open_pinned(&pins.link()).expect("a link");
    sys::link_info(link.as_fd()).expect("a link").id
}
