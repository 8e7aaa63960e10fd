//! System calls that are not bpf(2).

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

use aya::maps::{MapData, RingBuf};
use aya_log::EbpfLogger;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::path_string;

/// Waits until every program run that began before this call has ended: `MEMBARRIER_CMD_GLOBAL` is a
/// `synchronize_rcu()` (kernel/sched/membarrier.c), and XDP programs run inside an RCU read section.
///
/// # Errors
/// The kernel's; `EINVAL` where it runs `nohz_full`.
pub fn wait_for_readers() -> io::Result<()> {
    // SAFETY: membarrier(2) takes three integers.
    let result = unsafe { libc::syscall(libc::SYS_membarrier, 1, 0, 0) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Monotonic nanoseconds: the clock that `bpf_ktime_get_ns` reads.
#[must_use]
pub fn monotonic_ns() -> u64 {
    // SAFETY: `time` is a timespec to write to; this clock exists on every Linux.
    nanos(|time| unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, time) })
}

/// Nanoseconds of CPU time that this thread has used.
#[must_use]
pub fn thread_ns() -> u64 {
    // SAFETY: `time` is a timespec to write to; this clock exists on every Linux.
    nanos(|time| unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time) })
}

/// What a call fills in, in nanoseconds.
fn nanos(call: impl FnOnce(&mut libc::timespec) -> i32) -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    call(&mut time);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Gives memory that was freed back to the kernel: what a large policy took while it was compiled is not needed until
/// the next one. With other allocators than glibc's nothing happens.
pub fn give_memory_back() {
    // SAFETY: malloc_trim(3) takes a number and may be called at any time by any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

/// Has all threads allocate from one arena, before there are others: what one thread takes and another gives back is not kept
/// for the first, and [`give_memory_back`] finds it. With other allocators than glibc's nothing happens.
pub fn share_memory() {
    // SAFETY: mallopt(3) takes two numbers and may be called at any time by any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1)
    };
}

/// Has every descriptor but the three standard ones closed in programs that this process starts. Those that it makes
/// itself are so already; those that it was started with need not be. Since Linux 5.11.
///
/// # Errors
/// The kernel's.
pub fn close_on_exec() -> io::Result<()> {
    // SAFETY: close_range(2) takes three integers, and with this flag closes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The user that this process acts as.
#[must_use]
pub fn effective_user() -> u32 {
    // SAFETY: geteuid(2) takes nothing and always succeeds.
    unsafe { libc::geteuid() }
}

/// The group that this process acts as.
#[must_use]
pub fn effective_group() -> u32 {
    rustix::process::getegid().as_raw()
}

/// Nanoseconds of a timer tick: the step of the coarse clock (kernel/time/posix-timers.c,
/// `posix_get_coarse_res`).
#[must_use]
pub fn tick_ns() -> u64 {
    // SAFETY: `step` is a timespec to write to; this clock exists on every Linux.
    nanos(|step| unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC_COARSE, step) })
}

/// The limit on locked memory in bytes; `None` for no limit.
#[must_use]
pub fn locked_memory() -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is an rlimit to write to; this resource exists on every Linux.
    unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM_INFINITY).then_some(limit.rlim_cur)
}

/// Whether something keeps the wall clock synchronised: `STA_UNSYNC` of adjtimex(2) is not set.
#[must_use]
pub fn wall_clock_is_set() -> bool {
    // SAFETY: all zero is a valid `timex`, and asks for nothing to be changed.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: `state` is a timex to read from and write to.
    let result = unsafe { libc::adjtimex(&raw mut state) };
    result >= 0 && state.status & libc::STA_UNSYNC == 0
}

/// Random words from the kernel.
///
/// # Errors
/// The kernel's.
pub fn random_words<const N: usize>() -> io::Result<[u64; N]> {
    let mut words = [0u64; N];
    // SAFETY: a buffer of that many bytes. Up to 256 bytes are never cut short (getrandom(2)).
    let got = unsafe { libc::getrandom(words.as_mut_ptr().cast(), size_of::<[u64; N]>(), 0) };
    if got < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(words)
}

/// Whether a path lies on a BPF file system.
///
/// # Errors
/// The kernel's.
pub fn is_bpffs(path: &Path) -> io::Result<bool> {
    const BPF_FS_MAGIC: i64 = 0xcafe_4a11;
    let path = path_string(path)?;
    // SAFETY: all zero is a valid `statfs`.
    let mut found: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: a C string and a `statfs` to write to.
    if unsafe { libc::statfs(path.as_ptr(), &raw mut found) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found.f_type as i64 == BPF_FS_MAGIC)
}

/// Owns its descriptor: a ring buffer with its map, or a socket.
pub trait Ring: AsRawFd + private::Sealed {}
impl Ring for RingBuf<MapData> {}
impl Ring for EbpfLogger<&'static dyn log::Log> {}
impl Ring for netlink_sys::Socket {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::RingBuf<super::MapData> {}
    impl Sealed for super::EbpfLogger<&'static dyn log::Log> {}
    impl Sealed for netlink_sys::Socket {}
}

/// Waits on a ring buffer, or a socket, in the running reactor.
///
/// # Errors
/// The kernel's.
pub fn readable<T: Ring>(ring: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the ring owns its map, and the map (or the socket) its descriptor, from here until the ring is dropped;
    // none has a way to close or replace it, and `as_raw_fd` answers that descriptor every time.
    // `Ring` is sealed: the three types below it are all there are.
    let registered = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
    registered.map_err(io::Error::from)
}

/// The index of an interface in this network namespace.
#[must_use]
pub fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: a C string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}
