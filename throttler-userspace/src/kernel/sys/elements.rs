//! Elements of maps, one by one and in batches.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::{Record, bpf, pointer};

const BPF_MAP_LOOKUP_ELEM: u32 = 1;
const BPF_MAP_UPDATE_ELEM: u32 = 2;
const BPF_MAP_DELETE_ELEM: u32 = 3;
const BPF_MAP_LOOKUP_BATCH: u32 = 24;
const BPF_MAP_UPDATE_BATCH: u32 = 26;
const BPF_MAP_DELETE_BATCH: u32 = 27;

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
pub(in crate::kernel) fn lookup<K: Record, V: Record>(
    fd: BorrowedFd<'_>,
    key: &K,
    values: &mut [V],
) -> io::Result<()> {
    element(BPF_MAP_LOOKUP_ELEM, fd, key, values.as_mut_ptr() as u64, 0)
}

/// Writes an element; `value` is as long as the map's value.
pub(in crate::kernel) fn update<K: Record, V: Record>(
    fd: BorrowedFd<'_>,
    key: &K,
    value: &V,
) -> io::Result<()> {
    element(BPF_MAP_UPDATE_ELEM, fd, key, pointer(value), 0)
}

/// Removes an element.
pub(in crate::kernel) fn delete<K: Record>(fd: BorrowedFd<'_>, key: &K) -> io::Result<()> {
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
pub(in crate::kernel) type Cursor = [u64; 4];

/// Reads up to `keys.len()` elements from `from` on. Answers how many, and where to go on; no cursor
/// where the walk is done. `ENOSPC`: a hash bucket holds more than fits.
pub(in crate::kernel) fn lookup_batch<K: Record, V: Record>(
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
pub(in crate::kernel) fn update_batch<K: Record, V: Record>(
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
pub(in crate::kernel) fn delete_batch<K: Record>(
    fd: BorrowedFd<'_>,
    keys: &[K],
) -> (usize, io::Result<()>) {
    let mut attr = BatchAttr {
        keys: keys.as_ptr() as u64,
        count: keys.len() as u32,
        fd: fd.as_raw_fd() as u32,
        ..BatchAttr::default()
    };
    let result = bpf(BPF_MAP_DELETE_BATCH, &mut attr).map(drop);
    (attr.count as usize, result)
}
