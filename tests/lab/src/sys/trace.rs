//! A process that stops at its system calls (ptrace(2)).

use std::{
    io,
    mem::{size_of, zeroed},
    os::unix::process::CommandExt,
    process::{Child, Command},
};

use libc::c_long;

/// Marks a stop as one at a system call (`PTRACE_O_TRACESYSGOOD`).
const AT_A_CALL: i32 = libc::SIGTRAP | 0x80;
const ENTRY: u8 = 1;

/// Has the process stop at its start, for the thread that starts it.
pub(crate) fn before_exec(command: &mut Command) {
    // SAFETY: between fork and exec only async-signal-safe work is allowed: this is one system call, and errno.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        });
    }
}

/// Waits for the stop at the start, and asks for those at calls; the process ends with this one.
pub(crate) fn begin(child: &Child) -> io::Result<()> {
    wait(child)?;
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_EXITKILL;
    // SAFETY: a process that this thread traces, and that has stopped; the options are a number.
    let set = unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, pid(child), 0, options) };
    done(set)
}

/// Goes on to the next call's beginning: its number; `None` once the process has ended.
pub(crate) fn next_call(child: &Child) -> io::Result<Option<c_long>> {
    let mut signal = 0;
    loop {
        // SAFETY: a process that this thread traces, and that has stopped; the signal is a number.
        done(unsafe { libc::ptrace(libc::PTRACE_SYSCALL, pid(child), 0, signal) })?;
        let status = wait(child)?;
        if !libc::WIFSTOPPED(status) {
            return Ok(None);
        }
        signal = libc::WSTOPSIG(status);
        if signal == AT_A_CALL {
            signal = 0;
            // SAFETY: all zeroes is a valid value of these integers.
            let mut info: libc::ptrace_syscall_info = unsafe { zeroed() };
            let size = size_of::<libc::ptrace_syscall_info>();
            // SAFETY: the kernel writes as many bytes as it is told that there are.
            done(unsafe {
                libc::ptrace(
                    libc::PTRACE_GET_SYSCALL_INFO,
                    pid(child),
                    size,
                    &raw mut info,
                )
            })?;
            if info.op == ENTRY {
                // SAFETY: that is what `op` says.
                return Ok(Some(unsafe { info.u.entry.nr } as c_long));
            }
        }
    }
}

fn wait(child: &Child) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: a child that is not waited for yet, and a place for its status.
        match done(unsafe { libc::waitpid(pid(child), &raw mut status, 0) }.into()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(|()| status),
        }
    }
}

fn pid(child: &Child) -> libc::pid_t {
    child.id() as libc::pid_t
}

fn done(result: c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
