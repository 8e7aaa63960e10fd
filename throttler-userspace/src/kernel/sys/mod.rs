//! bpf(2) and its neighbours, as far as aya does not offer them: batch operations, link creation that
//! fails instead of falling back, link detach, object information. All `unsafe` of userspace is in this
//! folder.
//!
//! Layouts: `union bpf_attr` and `struct bpf_*_info` of the kernel's include/uapi/linux/bpf.h.

mod elements;
pub mod ethtool;
mod links;
mod mapping;
mod objects;
pub(super) mod probe;
mod record;
mod system;
mod test_run;

pub(super) use elements::{
    Cursor, delete, delete_batch, lookup, lookup_batch, update, update_batch,
};
pub use links::{XDP_GENERIC, XDP_NATIVE, attach_xdp, detach, replace_program};
pub use mapping::Mapping;
pub use objects::{
    LinkInfo, MapInfo, ProgramInfo, link_info, map_info, open_pinned, pin, program_by_id,
    program_info, program_maps,
};
pub use record::{Record, as_bytes, from_bytes, zeroed};
pub use system::{
    Ring, effective_group, effective_user, give_memory_back, interface_index, is_bpffs,
    locked_memory, monotonic_ns, random_words, readable, share_memory, tick_ns, wait_for_readers,
    wall_clock_is_set,
};
pub use test_run::{TestRun, test_run, test_run_split};

use std::ffi::CString;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Issues a command. `attr` is the leading part of `union bpf_attr` that the command reads; the
/// kernel takes the rest for zero.
fn bpf<T>(command: u32, attr: &mut T) -> io::Result<i32> {
    // SAFETY: `attr` points to `size_of::<T>()` bytes; each caller fills it with pointers that are
    // valid for what the command reads and writes behind them.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_mut(attr),
            size_of::<T>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as i32)
    }
}

fn owned(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

fn pointer<T>(value: &T) -> u64 {
    std::ptr::from_ref(value) as u64
}

fn path_string(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)
}
