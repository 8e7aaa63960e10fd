//! bpf(2) and its neighbours, as far as aya does not offer them: batch operations, link creation that
//! fails instead of falling back, link detach, object information. All `unsafe` of userspace is here.
//!
//! Layouts: `union bpf_attr` and `struct bpf_*_info` of the kernel's include/uapi/linux/bpf.h.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aya::maps::{MapData, RingBuf};
use aya_log::EbpfLogger;
use throttler_common::abi;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A record that may be copied to and from a map as bytes.
///
/// # Safety
/// `repr(C)`, without padding, and valid for any bytes.
pub unsafe trait Record: Copy + 'static {}

macro_rules! records {
    ($($type:ty),+ $(,)?) => {
        $(
            // SAFETY: integers, or the ABI's `repr(C)` structs of integers without padding.
            unsafe impl Record for $type {}
        )+
    };
}
records!(
    u32,
    u64,
    abi::PolicyHead,
    abi::PortClasses,
    abi::Cells,
    abi::Destination,
    abi::Row,
    abi::History,
    abi::ClassKey,
    abi::ClassChain,
    abi::SourceKey,
    abi::SlotRecord,
    abi::ScopeCounters,
    abi::Stats,
    abi::Event,
    abi::DescriptionChunk,
);

const BPF_MAP_LOOKUP_ELEM: u32 = 1;
const BPF_MAP_UPDATE_ELEM: u32 = 2;
const BPF_MAP_DELETE_ELEM: u32 = 3;
const BPF_OBJ_PIN: u32 = 6;
const BPF_OBJ_GET: u32 = 7;
const BPF_PROG_TEST_RUN: u32 = 10;
const BPF_PROG_GET_FD_BY_ID: u32 = 13;
const BPF_OBJ_GET_INFO_BY_FD: u32 = 15;
const BPF_MAP_LOOKUP_BATCH: u32 = 24;
const BPF_MAP_UPDATE_BATCH: u32 = 26;
const BPF_MAP_DELETE_BATCH: u32 = 27;
const BPF_LINK_CREATE: u32 = 28;
const BPF_LINK_UPDATE: u32 = 29;
const BPF_LINK_DETACH: u32 = 34;
const BPF_XDP: u32 = 37;

/// Attach in the driver: `XDP_FLAGS_DRV_MODE`.
pub const XDP_NATIVE: u32 = 1 << 2;
/// Attach behind the driver: `XDP_FLAGS_SKB_MODE`.
pub const XDP_GENERIC: u32 = 1 << 1;

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

#[repr(C)]
#[derive(Default)]
struct ObjectAttr {
    path: u64,
    fd: u32,
    flags: u32,
}

/// Pins an object.
///
/// # Errors
/// The kernel's.
pub fn pin(fd: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = path_string(path)?;
    let mut attr = ObjectAttr {
        path: path.as_ptr() as u64,
        fd: fd.as_raw_fd() as u32,
        flags: 0,
    };
    bpf(BPF_OBJ_PIN, &mut attr).map(drop)
}

/// Opens a pinned object.
///
/// # Errors
/// The kernel's; `NotFound` where nothing is pinned.
pub fn open_pinned(path: &Path) -> io::Result<OwnedFd> {
    let path = path_string(path)?;
    let mut attr = ObjectAttr {
        path: path.as_ptr() as u64,
        ..ObjectAttr::default()
    };
    bpf(BPF_OBJ_GET, &mut attr).map(owned)
}

#[repr(C)]
struct ElementAttr {
    fd: u32,
    pad: u32,
    key: u64,
    value: u64,
    flags: u64,
}

fn element<K>(command: u32, fd: BorrowedFd<'_>, key: &K, value: u64, flags: u64) -> io::Result<()> {
    let mut attr = ElementAttr {
        fd: fd.as_raw_fd() as u32,
        pad: 0,
        key: pointer(key),
        value,
        flags,
    };
    bpf(command, &mut attr).map(drop)
}

/// Reads an element into `value`, which is as long as the map's value (times CPUs for per-CPU maps).
/// The caller has checked the map's sizes.
pub(super) fn lookup<K: Record, V: Record>(
    fd: BorrowedFd<'_>,
    key: &K,
    values: &mut [V],
) -> io::Result<()> {
    element(BPF_MAP_LOOKUP_ELEM, fd, key, values.as_mut_ptr() as u64, 0)
}

/// Writes an element; `value` is as long as the map's value.
pub(super) fn update<K: Record, V: Record>(
    fd: BorrowedFd<'_>,
    key: &K,
    value: &V,
) -> io::Result<()> {
    element(BPF_MAP_UPDATE_ELEM, fd, key, pointer(value), 0)
}

/// Removes an element.
pub(super) fn delete<K: Record>(fd: BorrowedFd<'_>, key: &K) -> io::Result<()> {
    element(BPF_MAP_DELETE_ELEM, fd, key, 0, 0)
}

#[repr(C)]
#[derive(Default)]
struct BatchAttr {
    in_batch: u64,
    out_batch: u64,
    keys: u64,
    values: u64,
    count: u32,
    fd: u32,
    element_flags: u64,
    flags: u64,
}

/// A place in a batched walk; large enough for any of our keys.
pub(super) type Cursor = [u64; 4];

/// Reads up to `keys.len()` elements from `from` on. Answers how many, and where to go on; no cursor
/// where the walk is done. `ENOSPC`: a hash bucket holds more than fits.
pub(super) fn lookup_batch<K: Record, V: Record>(
    fd: BorrowedFd<'_>,
    from: Option<&Cursor>,
    keys: &mut [K],
    values: &mut [V],
) -> io::Result<(usize, Option<Cursor>)> {
    let mut next: Cursor = [0; 4];
    let mut attr = BatchAttr {
        in_batch: from.map_or(0, pointer),
        out_batch: std::ptr::from_mut(&mut next) as u64,
        keys: keys.as_mut_ptr() as u64,
        values: values.as_mut_ptr() as u64,
        count: keys.len() as u32,
        fd: fd.as_raw_fd() as u32,
        ..BatchAttr::default()
    };
    match bpf(BPF_MAP_LOOKUP_BATCH, &mut attr) {
        Ok(_) => Ok((attr.count as usize, Some(next))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((attr.count as usize, None)),
        Err(error) => Err(error),
    }
}

/// Writes elements; answers how many were written before an error.
pub(super) fn update_batch<K: Record, V: Record>(
    fd: BorrowedFd<'_>,
    keys: &[K],
    values: &[V],
) -> (usize, io::Result<()>) {
    let mut attr = BatchAttr {
        keys: keys.as_ptr() as u64,
        values: values.as_ptr() as u64,
        count: keys.len().min(values.len()) as u32,
        fd: fd.as_raw_fd() as u32,
        ..BatchAttr::default()
    };
    let result = bpf(BPF_MAP_UPDATE_BATCH, &mut attr).map(drop);
    (attr.count as usize, result)
}

/// Removes elements; answers how many were removed before an error.
pub(super) fn delete_batch<K: Record>(fd: BorrowedFd<'_>, keys: &[K]) -> (usize, io::Result<()>) {
    let mut attr = BatchAttr {
        keys: keys.as_ptr() as u64,
        count: keys.len() as u32,
        fd: fd.as_raw_fd() as u32,
        ..BatchAttr::default()
    };
    let result = bpf(BPF_MAP_DELETE_BATCH, &mut attr).map(drop);
    (attr.count as usize, result)
}

#[repr(C)]
struct InfoAttr {
    fd: u32,
    length: u32,
    info: u64,
}

fn info<T: Default>(fd: BorrowedFd<'_>) -> io::Result<T> {
    let mut info = T::default();
    let mut attr = InfoAttr {
        fd: fd.as_raw_fd() as u32,
        length: size_of::<T>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attr)?;
    Ok(info)
}

/// The start of `struct bpf_map_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct MapInfo {
    /// `enum bpf_map_type`.
    pub map_type: u32,
    /// Identifier.
    pub id: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Entries.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub flags: u32,
    /// Name, zero-filled.
    pub name: [u8; 16],
}

/// What a map is.
///
/// # Errors
/// The kernel's.
pub fn map_info(fd: BorrowedFd<'_>) -> io::Result<MapInfo> {
    info(fd)
}

/// The start of `struct bpf_prog_info`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ProgramInfo {
    /// `enum bpf_prog_type`.
    pub program_type: u32,
    /// Identifier.
    pub id: u32,
    tag: [u8; 8],
    jited_length: u32,
    xlated_length: u32,
    jited: u64,
    xlated: u64,
    load_time: u64,
    created_by: u32,
    map_count: u32,
    map_ids: u64,
    /// Name, zero-filled.
    pub name: [u8; 16],
}

/// What a program is.
///
/// # Errors
/// The kernel's.
pub fn program_info(fd: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    info(fd)
}

/// The start of `struct bpf_link_info`, for XDP links.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct LinkInfo {
    /// `enum bpf_link_type`; 6 is XDP.
    pub link_type: u32,
    /// Identifier.
    pub id: u32,
    /// The program's identifier.
    pub program: u32,
    pad: u32,
    /// Interface index; 0 once detached.
    pub ifindex: u32,
    pad2: [u32; 3],
}

/// What a link is.
///
/// # Errors
/// The kernel's.
pub fn link_info(fd: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    info(fd)
}

#[repr(C)]
#[derive(Default)]
struct IdAttr {
    id: u32,
    next: u32,
    flags: u32,
}

/// Opens a program by its identifier.
///
/// # Errors
/// The kernel's.
pub fn program_by_id(id: u32) -> io::Result<OwnedFd> {
    bpf(
        BPF_PROG_GET_FD_BY_ID,
        &mut IdAttr {
            id,
            ..IdAttr::default()
        },
    )
    .map(owned)
}

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
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a timespec to write to; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
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

/// A ring buffer that owns its map.
pub trait Ring: AsRawFd + private::Sealed {}
impl Ring for RingBuf<MapData> {}
impl Ring for EbpfLogger<&'static dyn log::Log> {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::RingBuf<super::MapData> {}
    impl Sealed for super::EbpfLogger<&'static dyn log::Log> {}
}

/// Waits on a ring buffer in the running reactor.
///
/// # Errors
/// The kernel's.
pub fn readable<T: Ring>(ring: T) -> io::Result<AsyncFd<T>> {
    // SAFETY: the ring owns its map, and the map its descriptor, from here until the ring is dropped;
    // neither has a way to close or replace it, and `as_raw_fd` answers that descriptor every time.
    // `Ring` is sealed: the two types below it are all there are.
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

/// A record from bytes, if there are exactly as many.
#[must_use]
pub fn from_bytes<T: Record>(bytes: &[u8]) -> Option<T> {
    // SAFETY: `T` is valid for any bytes (`Record`), and the length is checked.
    (bytes.len() == size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// A zero record on the heap, without passing over the stack.
#[must_use]
pub fn zeroed<T: Record>() -> T {
    // SAFETY: `T` is valid for any bytes (`Record`).
    unsafe { std::mem::zeroed() }
}
