//! The system calls that the benchmark needs beside the library's: this file has all of its `unsafe`.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

const BPF_PROG_TEST_RUN: i32 = 10;
const BPF_F_TEST_XDP_LIVE_FRAMES: u32 = 1 << 1;

/// `union bpf_attr`'s `test` (include/uapi/linux/bpf.h), as far as XDP programs use it.
#[repr(C)]
#[derive(Default)]
struct TestRun {
    program: u32,
    result: u32,
    input_size: u32,
    output_size: u32,
    input: u64,
    output: u64,
    repeat: u32,
    duration: u32,
    context_in: u32,
    context_out: u32,
    context: u64,
    context_to: u64,
    flags: u32,
    cpu: u32,
    batch: u32,
    pad: u32,
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Keeps the calling thread on one CPU.
pub(crate) fn pin_to(cpu: usize) -> io::Result<()> {
    // SAFETY: `cpu_set_t` is an array of integers, for which all zeroes is a valid value.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let bits = 8 * size_of_val(&set);
    assert!(cpu < bits, "CPU {cpu} of at most {bits}");
    // SAFETY: the index is within the set, as just checked.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: 0 is the calling thread; the pointer and the size describe one initialised set, which the
    // call only reads.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    check(result.into())
}

/// Makes the calling thread give way to others on its CPU, without starving beside them.
pub(crate) fn give_way() -> io::Result<()> {
    // SAFETY: setpriority takes three integers and touches no memory; on Linux who 0 is the calling
    // thread (man 2 setpriority, C library/kernel differences).
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 5) }.into())
}

/// Runs an XDP program over `repeat` live copies of a frame: what it answers is done with them.
pub(crate) fn run_live(program: BorrowedFd<'_>, frame: &[u8], repeat: u32) -> io::Result<()> {
    let mut attr = TestRun {
        program: program.as_raw_fd() as u32,
        input_size: frame.len() as u32,
        input: frame.as_ptr() as u64,
        repeat,
        flags: BPF_F_TEST_XDP_LIVE_FRAMES,
        batch: 64,
        ..TestRun::default()
    };
    // SAFETY: `attr` is as long as the size given, and exclusively ours. The command reads `input_size`
    // bytes behind `input`, which is `frame`, borrowed over the call; there is no output and no context,
    // so that it writes to nothing but `attr`.
    check(unsafe {
        libc::syscall(
            libc::SYS_bpf,
            BPF_PROG_TEST_RUN,
            &raw mut attr,
            size_of::<TestRun>(),
        )
    })
}
