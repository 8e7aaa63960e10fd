//! A signal handler that does the one thing that is safe there: it writes a byte to a pipe.

use std::{
    io, mem,
    os::fd::{AsRawFd, OwnedFd},
    sync::atomic::{AtomicI32, Ordering},
};

use libc::c_int;

use super::check;

/// The descriptor that the handler writes to; -1 while nobody listens.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// The signals that are caught, and what became of them before; that is put back on drop.
pub(crate) struct Caught {
    before: Vec<(c_int, libc::sigaction)>,
    /// Kept open as long as the handler may write to it.
    _pipe: OwnedFd,
}

/// Writes a byte to `pipe`, which must not block, for each of `signals` from now on; one user at a time.
///
/// A signal that is ignored (SIGHUP under nohup, SIGINT of a background job) stays ignored.
pub(crate) fn catch(signals: &[c_int], pipe: OwnedFd) -> io::Result<Caught> {
    let free = PIPE.compare_exchange(-1, pipe.as_raw_fd(), Ordering::AcqRel, Ordering::Relaxed);
    if free.is_err() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    // From here on drop undoes what was done, also on an error.
    let mut caught = Caught {
        before: Vec::new(),
        _pipe: pipe,
    };
    for &signal in signals {
        // SAFETY: `sigaction` is integers, an integer that holds a handler's address and, where there is one, a nullable
        // pointer to a function: all zeroes is valid for each.
        let (mut before, mut action): (libc::sigaction, libc::sigaction) = unsafe { mem::zeroed() };
        // SAFETY: a null action only asks; `before` is exclusively ours over the call.
        check(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut before) })?;
        if before.sa_sigaction == libc::SIG_IGN {
            continue;
        }
        let handler: extern "C" fn(c_int) = note;
        action.sa_sigaction = handler as libc::sighandler_t;
        // Other system calls go on as if nothing had come; poll never restarts, and its callers poll again.
        action.sa_flags = libc::SA_RESTART;
        // SAFETY: `action` is a whole sigaction without SA_SIGINFO, so its handler takes one integer, as `note` does.
        // `note` is async-signal-safe (see there) and lives as long as the program.
        check(unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) })?;
        caught.before.push((signal, before));
    }
    Ok(caught)
}

impl Drop for Caught {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // SAFETY: `before` is what sigaction gave for this signal, so it is a valid action of it.
            unsafe { libc::sigaction(*signal, before, std::ptr::null_mut()) };
        }
        PIPE.store(-1, Ordering::Release);
    }
}

/// Between any two instructions of any thread: no allocation, no lock, no panic, and errno as it was.
extern "C" fn note(_signal: c_int) {
    // SAFETY: the pointer is to the calling thread's errno, which nothing else touches while this handler runs; write
    // is async-signal-safe (man 7 signal-safety) and reads one byte of a static. On -1 it fails with EBADF.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        libc::write(PIPE.load(Ordering::Acquire), [b'!'].as_ptr().cast(), 1);
        *errno = before;
    }
}
