//! The system calls that std has no name for: `unsafe` is in this file and its three modules alone.
//!
//! Everything else works on [`OwnedFd`] through std: `UdpSocket::from(fd)` serves as plain `send`/`recv` over whatever
//! socket the descriptor is.

pub(crate) mod interrupt;
pub(crate) mod mmsg;
pub(crate) mod trace;

use std::{
    ffi::CString,
    io,
    mem::{size_of, zeroed},
    net::SocketAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
    os::unix::ffi::OsStrExt,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command},
    sync::Arc,
    time::Duration,
};

use libc::{c_int, c_void, socklen_t};

/// `SIOCETHTOOL` (include/uapi/linux/sockios.h).
const SIOCETHTOOL: libc::Ioctl = 0x8946;

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Whether the effective user is root.
pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid takes nothing, touches no memory of ours and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Moves the calling thread into the network namespace.
pub(crate) fn setns(namespace: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: setns takes two integers and touches no memory of ours; the borrow keeps the descriptor open meanwhile.
    check(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// Makes `command` start in the network namespace, with every other namespace as it is here.
pub(crate) fn enter_before_exec(command: &mut Command, namespace: Arc<OwnedFd>) {
    // SAFETY: between fork and exec only async-signal-safe work is allowed. The closure makes one system call and on
    // failure reads errno; it neither allocates nor locks, and the Arc it holds was cloned before the fork and is not
    // dropped in the child, which either execs or exits.
    unsafe { command.pre_exec(move || setns(namespace.as_fd())) };
}

/// Sends `signal` to a child; nothing if it has ended.
pub(crate) fn signal(child: &mut Child, signal: c_int) -> io::Result<()> {
    if child.try_wait()?.is_some() {
        return Ok(());
    }
    let pid = c_int::try_from(child.id()).map_err(io::Error::other)?;
    // SAFETY: kill takes two integers and touches no memory of ours. `try_wait` has just found the child unreaped and
    // `child` is exclusively borrowed, so nobody reaps it meanwhile: the pid cannot belong to another process.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Takes an exclusive lock on the file until its descriptor is closed.
pub(crate) fn lock_exclusive(file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: flock takes two integers and touches no memory of ours; the borrow keeps the descriptor open meanwhile.
    check(unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) }).map(drop)
}

/// Whether `path` lies on a BPF file system.
pub(crate) fn is_bpffs(path: &Path) -> io::Result<bool> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: `statfs` is plain integers, for which all zeroes is a valid value.
    let mut found: libc::statfs = unsafe { zeroed() };
    // SAFETY: `path` is NUL-terminated and outlives the call; `found` is exclusively ours and large enough for the
    // statfs that the kernel writes.
    check(unsafe { libc::statfs(path.as_ptr(), &raw mut found) })?;
    Ok(i128::from(found.f_type) == i128::from(libc::BPF_FS_MAGIC))
}

/// Mounts a BPF file system on `path`.
pub(crate) fn mount_bpffs(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the three strings are NUL-terminated and outlive the call; a null `data` means no mount options.
    check(unsafe {
        libc::mount(
            c"bpf".as_ptr(),
            path.as_ptr(),
            c"bpf".as_ptr(),
            0,
            std::ptr::null(),
        )
    })
    .map(drop)
}

/// Opens a socket; `kind` is a `SOCK_*` value, close-on-exec is added.
pub(crate) fn socket(domain: c_int, kind: c_int, protocol: c_int) -> io::Result<OwnedFd> {
    // SAFETY: socket takes three integers and touches no memory of ours.
    let fd = check(unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) })?;
    // SAFETY: the call above succeeded, so `fd` is open, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Runs `call` with the kernel's form of `address`.
fn with_sockaddr(
    address: &SocketAddr,
    call: impl FnOnce(*const libc::sockaddr, socklen_t) -> c_int,
) -> c_int {
    match address {
        SocketAddr::V4(v4) => {
            let raw = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            call(
                (&raw const raw).cast(),
                size_of::<libc::sockaddr_in>() as socklen_t,
            )
        }
        SocketAddr::V6(v6) => {
            let raw = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr {
                    s6_addr: v6.ip().octets(),
                },
                sin6_scope_id: v6.scope_id(),
            };
            call(
                (&raw const raw).cast(),
                size_of::<libc::sockaddr_in6>() as socklen_t,
            )
        }
    }
}

/// `bind(2)` to an internet address.
pub(crate) fn bind(socket: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    // SAFETY: `with_sockaddr` hands out a pointer to an initialised sockaddr of the length given with it, alive until
    // the closure returns; bind only reads it.
    check(with_sockaddr(address, |raw, len| unsafe {
        libc::bind(socket.as_raw_fd(), raw, len)
    }))
    .map(drop)
}

/// `connect(2)` to an internet address; on a non-blocking socket a connect under way counts as success.
pub(crate) fn connect(socket: BorrowedFd<'_>, address: &SocketAddr) -> io::Result<()> {
    // SAFETY: as for `bind`: an initialised sockaddr of the length given with it, alive until the closure returns.
    match check(with_sockaddr(address, |raw, len| unsafe {
        libc::connect(socket.as_raw_fd(), raw, len)
    })) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}

/// Binds an AF_PACKET socket to an interface for sending; it receives nothing (protocol 0).
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, interface: c_int) -> io::Result<()> {
    // SAFETY: `sockaddr_ll` is plain integers, for which all zeroes is a valid value.
    let mut raw: libc::sockaddr_ll = unsafe { zeroed() };
    raw.sll_family = libc::AF_PACKET as libc::c_ushort;
    raw.sll_ifindex = interface;
    let len = size_of::<libc::sockaddr_ll>() as socklen_t;
    // SAFETY: `raw` is an initialised sockaddr_ll of length `len`, alive over the call; bind only reads it.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const raw).cast(), len) }).map(drop)
}

/// Raises the queue of not yet accepted connections of a listening socket: `listen(2)` may be called again.
pub(crate) fn set_backlog(socket: BorrowedFd<'_>, backlog: c_int) -> io::Result<()> {
    // SAFETY: listen takes two integers and touches no memory of ours; the borrow keeps the descriptor open meanwhile.
    check(unsafe { libc::listen(socket.as_raw_fd(), backlog) }).map(drop)
}

/// A socket option of type `int`.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: c_int,
) -> io::Result<()> {
    set_raw_option(socket, level, name, &value)
}

/// Makes `close` send a RST at once, so that nothing lingers (no FIN exchange, no TIME_WAIT).
pub(crate) fn reset_on_close(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_raw_option(
        socket,
        libc::SOL_SOCKET,
        libc::SO_LINGER,
        &libc::linger {
            l_onoff: 1,
            l_linger: 0,
        },
    )
}

fn set_raw_option<T>(
    socket: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: &T,
) -> io::Result<()> {
    let value: *const c_void = std::ptr::from_ref(value).cast();
    let len = size_of::<T>() as socklen_t;
    // SAFETY: `value` comes from a reference to a `T`, so `len` bytes are readable over the call; setsockopt only
    // reads them.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, len) }).map(drop)
}

/// Waits until one of the descriptors is ready or the time is over; gives the number of those ready.
pub(crate) fn poll(entries: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<usize> {
    // Rounded up, so that a wait for the rest of a millisecond does not spin.
    let millis = timeout.map_or(-1, |time| {
        c_int::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
    });
    // SAFETY: the pointer and the length describe one exclusively borrowed slice, alive over the call.
    let ready = unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, millis) };
    match check(ready) {
        Ok(ready) => Ok(ready as usize),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
        Err(error) => Err(error),
    }
}

/// The entry that makes [`poll`] wait for `events` on a descriptor, which must outlive the entry's use.
pub(crate) fn poll_entry(fd: BorrowedFd<'_>, events: libc::c_short) -> libc::pollfd {
    libc::pollfd {
        fd: fd.as_raw_fd(),
        events,
        revents: 0,
    }
}

fn interface_request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: `ifreq` is an array of chars and a union of integers and raw pointers; all zeroes is valid for each.
    let mut request: libc::ifreq = unsafe { zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("interface name '{name}' is too long"),
        ));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    Ok(request)
}

/// The index of an interface of the calling thread's namespace.
pub(crate) fn interface_index(name: &str) -> io::Result<c_int> {
    let name = CString::new(name)?;
    // SAFETY: `name` is NUL-terminated and outlives the call, which only reads it.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => c_int::try_from(index).map_err(io::Error::other),
    }
}

/// The `IFF_*` flags of an interface of the calling thread's namespace.
pub(crate) fn interface_flags(name: &str) -> io::Result<c_int> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut request = interface_request(name)?;
    // SAFETY: SIOCGIFFLAGS reads the name from an `ifreq` and writes its flags; `request` is an initialised `ifreq`,
    // exclusively ours over the call.
    check(unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCGIFFLAGS as libc::Ioctl,
            &raw mut request,
        )
    })?;
    // SAFETY: the call succeeded, so the kernel wrote `ifru_flags`; every bit pattern is a valid c_short.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    // The flags are 16 bits without a sign: widen without extending it.
    Ok(c_int::from(flags.cast_unsigned()))
}

/// An ethtool command whose argument is one word (`struct ethtool_value`); gives the word afterwards.
pub(crate) fn ethtool(name: &str, command: u32, value: u32) -> io::Result<u32> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut request = interface_request(name)?;
    // `struct ethtool_value`: the command, then the word (include/uapi/linux/ethtool.h).
    let mut argument = [command, value];
    request.ifr_ifru.ifru_data = argument.as_mut_ptr().cast();
    // SAFETY: SIOCETHTOOL follows `ifru_data` to the struct of the command. Every command that this crate passes is one
    // of the two-word kind, `argument` is two words, exclusively ours and alive over the call.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) })?;
    Ok(argument[1])
}
