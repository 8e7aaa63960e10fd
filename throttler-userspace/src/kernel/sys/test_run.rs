//! Programs run over frames in memory.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::bpf;

const BPF_PROG_TEST_RUN: u32 = 10;

#[repr(C)]
#[derive(Default)]
struct TestRunAttr {
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

/// What a test run answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// The program's return value.
    pub result: u32,
    /// Mean nanoseconds of a run, as the kernel measured it.
    pub nanos: u32,
}

/// Runs an XDP program over one frame, `repeat` times (`BPF_PROG_TEST_RUN`).
///
/// # Errors
/// The kernel's; `EINVAL` for frames below 14 bytes.
pub fn test_run(program: BorrowedFd<'_>, frame: &[u8], repeat: u32) -> io::Result<TestRun> {
    run(TestRunAttr {
        program: program.as_raw_fd() as u32,
        input_size: frame.len() as u32,
        input: frame.as_ptr() as u64,
        repeat,
        ..TestRunAttr::default()
    })
}

/// The start of `struct xdp_md`.
#[repr(C)]
#[derive(Default)]
struct Context {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress: u32,
    queue: u32,
    egress: u32,
}

/// The same once, over a frame of which only `first` bytes lie in the first buffer, the rest in pages of their own.
///
/// # Errors
/// The kernel's; `EINVAL` before Linux 6.18 unless `first` is all (net/bpf/test_run.c, `bpf_prog_test_run_xdp`), and for
/// fewer bytes than an Ethernet header.
pub fn test_run_split(program: BorrowedFd<'_>, frame: &[u8], first: u32) -> io::Result<TestRun> {
    let context = Context {
        data_end: first,
        ..Context::default()
    };
    run(TestRunAttr {
        program: program.as_raw_fd() as u32,
        input_size: frame.len() as u32,
        input: frame.as_ptr() as u64,
        repeat: 1,
        context_in: size_of::<Context>() as u32,
        context: super::pointer(&context),
        ..TestRunAttr::default()
    })
}

fn run(mut attr: TestRunAttr) -> io::Result<TestRun> {
    bpf(BPF_PROG_TEST_RUN, &mut attr)?;
    Ok(TestRun {
        result: attr.result,
        nanos: attr.duration,
    })
}
