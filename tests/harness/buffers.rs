//! Frames of several buffers.

use std::os::fd::BorrowedFd;

use throttler::kernel::sys;

/// Bytes of a test run's input that the kernel keeps in the first buffer: a page less head room (256) and the
/// bookkeeping at its end (320); net/bpf/test_run.c.
const FIRST: usize = 4_096 - 256 - 320;
/// What the input has before the frame: the time.
const TIME: usize = 8;

/// What of a frame lies in the first buffer of a test run, unless it is told otherwise.
pub(crate) const REACH: usize = FIRST - TIME;

/// Runs the program over a frame at `now` of which `reach` bytes lie in the first buffer; its answer. `None` where this
/// kernel does not let a test run choose, which came with Linux 6.18.
///
/// # Panics
/// Where a kernel that can refuses.
pub(crate) fn run_split(
    program: BorrowedFd<'_>,
    now: u64,
    frame: &[u8],
    reach: usize,
) -> Option<u32> {
    let input = [&now.to_ne_bytes(), frame].concat();
    let first = (reach + TIME) as u32;
    match sys::test_run_split(program, &input, first) {
        Ok(run) => Some(run.result),
        Err(error) if error.raw_os_error() == Some(22) && !can_split() => None,
        Err(error) => panic!(
            "a test run of {} bytes, {reach} in reach: {error}",
            frame.len()
        ),
    }
}

/// Whether this kernel's test runs take the length of the first buffer.
pub(crate) fn can_split() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    (next(), next()) >= (Some(6), Some(18))
}
