//! A process that is killed at one of the system calls by which it changes what outlives it.

use std::process::{Child, Command};

use anyhow::{Context, Result};

use crate::sys::trace;

/// What pins, links and maps are made, changed and removed by, and files and directories.
const CALLS: [libc::c_long; 12] = [
    libc::SYS_bpf,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_ftruncate,
    libc::SYS_write,
    libc::SYS_membarrier,
];
/// Where a daemon that has started waits.
const REST: [libc::c_long; 2] = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait];

/// Runs a command, of one thread, up to just before the `nth` of such calls, counted from 1, or until it rests, and kills
/// it there as SIGKILL does; how many of the calls it has made.
///
/// # Errors
/// If it cannot be started or traced.
pub fn kill_before(command: &mut Command, nth: u64) -> Result<u64> {
    trace::before_exec(command);
    let mut child = Killed(command.spawn().context("cannot start a traced process")?);
    let context = "cannot trace a process";
    trace::begin(&child.0).context(context)?;
    let mut calls = 0;
    while let Some(call) = trace::next_call(&child.0).context(context)? {
        if REST.contains(&call) {
            break;
        }
        if CALLS.contains(&call) {
            if calls + 1 == nth {
                break;
            }
            calls += 1;
        }
    }
    child.0.kill().context("cannot kill a traced process")?;
    Ok(calls)
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself, and been waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
