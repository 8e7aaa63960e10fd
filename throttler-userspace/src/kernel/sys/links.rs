//! Links of programs to interfaces.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{bpf, owned};

const BPF_LINK_CREATE: u32 = 28;
const BPF_LINK_UPDATE: u32 = 29;
const BPF_LINK_DETACH: u32 = 34;
const BPF_XDP: u32 = 37;

/// Attach in the driver: `XDP_FLAGS_DRV_MODE`.
pub const XDP_NATIVE: u32 = 1 << 2;
/// Attach behind the driver: `XDP_FLAGS_SKB_MODE`.
pub const XDP_GENERIC: u32 = 1 << 1;

#[repr(C)]
struct LinkCreateAttr {
    program: u32,
    target: u32,
    attach_type: u32,
    flags: u32,
}

/// Attaches an XDP program to an interface by a link, in the mode of `flags` and no other.
///
/// # Errors
/// The kernel's: `EBUSY`/`EEXIST` where another program is attached, `EOPNOTSUPP` where the driver
/// has no native XDP, `EINVAL`/`ERANGE` where it refuses the interface's settings.
pub fn attach_xdp(program: BorrowedFd<'_>, ifindex: u32, flags: u32) -> io::Result<OwnedFd> {
    let mut attr = LinkCreateAttr {
        program: program.as_raw_fd() as u32,
        target: ifindex,
        attach_type: BPF_XDP,
        flags,
    };
    bpf(BPF_LINK_CREATE, &mut attr).map(owned)
}

#[repr(C)]
struct LinkUpdateAttr {
    link: u32,
    program: u32,
    flags: u32,
    old_program: u32,
}

/// Replaces a link's program in place: no packet sees the interface without one.
///
/// # Errors
/// The kernel's.
pub fn replace_program(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    let mut attr = LinkUpdateAttr {
        link: link.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        flags: 0,
        old_program: 0,
    };
    bpf(BPF_LINK_UPDATE, &mut attr).map(drop)
}

/// Detaches a link, whoever else holds it open.
///
/// # Errors
/// The kernel's.
pub fn detach(link: BorrowedFd<'_>) -> io::Result<()> {
    bpf(BPF_LINK_DETACH, &mut (link.as_raw_fd() as u32)).map(drop)
}
