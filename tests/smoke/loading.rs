//! Both programs are verified, every map is pinned, and nothing that the program needs is missing.

use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Instant;

use aya::programs::loaded_programs;
use throttler::kernel::{features, sys};
use throttler_common::abi::map;

use crate::harness::Program;
use crate::report::note;

/// Instructions that the verifier looked at.
fn steps(program: BorrowedFd<'_>) -> u32 {
    let id = sys::program_info(program).expect("a program").id;
    let loaded = loaded_programs().filter_map(Result::ok);
    let info = loaded.into_iter().find(|info| info.id() == id);
    let count = info.and_then(|info| info.verified_instruction_count());
    count.expect("Linux 5.16 and later count")
}

fn milliseconds(since: Instant) -> u64 {
    since.elapsed().as_millis() as u64
}

#[test]
fn both_programs_are_verified_and_every_map_is_pinned() {
    const SOURCES: u32 = 16_384;
    let program = Program::sized("", SOURCES);
    for name in map::ALL {
        let path = program.pins().map(name);
        let fd = sys::open_pinned(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let info = sys::map_info(fd.as_fd()).expect("a map");
        assert!(info.max_entries > 0, "{name}: {info:?}");
    }
    let begin = Instant::now();
    let production = program.production();
    let load_ms = milliseconds(begin);
    let begin = Instant::now();
    let at = program.load_again(SOURCES).program;
    let load_at_ms = milliseconds(begin);
    for (fd, name, ms) in [
        (production.as_fd(), "throttler", load_ms),
        (at.as_fd(), "throttler_at", load_at_ms),
    ] {
        let steps = steps(fd);
        // The verifier's limit: BPF_COMPLEXITY_LIMIT_INSNS in include/linux/bpf.h.
        assert!((1..=1_000_000).contains(&steps), "{name}: {steps}");
        note(&format!("steps_{name}"), steps);
        note(&format!("load_ms_{name}"), ms);
    }
}

#[test]
fn nothing_that_the_program_needs_is_missing() {
    let missing = features::missing();
    assert_eq!(missing, Vec::<String>::new());
    note("features", features::count());
}
