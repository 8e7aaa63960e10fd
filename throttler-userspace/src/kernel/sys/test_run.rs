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
    let mut attr = TestRunAttr {
        program: program.as_raw_fd() as u32,
        input_size: frame.len() as u32,
        input: frame.as_ptr() as u64,
        repeat,
        ..TestRunAttr::default()
    };
    bpf(BPF_PROG_TEST_RUN, &mut attr)?;
    Ok(TestRun {
        result: attr.result,
        nanos: attr.duration,
    })
}
