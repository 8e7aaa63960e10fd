//! A typed map behind a descriptor whose sizes were checked.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::sys::{self, Cursor, Record};

/// Elements a batched call. Large enough to amortise the call, small enough for the stack of nobody.
const BATCH: usize = 4096;

/// An open map from `K` to `V`.
pub struct Map<K, V> {
    fd: OwnedFd,
    /// What the kernel says of it.
    pub info: sys::MapInfo,
    /// Values an element: one, or one for each possible CPU.
    values: usize,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Record, V: Record> Map<K, V> {
    /// Opens a pinned map and checks that its keys and values have our sizes.
    ///
    /// # Errors
    /// Nothing pinned there, or a map of other sizes.
    pub fn open(path: &Path) -> Result<Self> {
        let fd = sys::open_pinned(path).with_context(|| format!("opening {}", path.display()))?;
        let info =
            sys::map_info(fd.as_fd()).with_context(|| format!("reading {}", path.display()))?;
        let ours = (size_of::<K>() as u32, size_of::<V>() as u32);
        if (info.key_size, info.value_size) != ours {
            bail!(
                "{} has keys of {} and values of {} bytes, this version's have {} and {}: run `throttler detach`, \
                 then `throttler run`",
                path.display(),
                info.key_size,
                info.value_size,
                ours.0,
                ours.1
            );
        }
        Ok(Self {
            fd,
            values: if is_per_cpu(info.map_type) {
                possible_cpus()?
            } else {
                1
            },
            info,
            types: PhantomData,
        })
    }

    /// One element; `None` where the key is not there.
    ///
    /// # Errors
    /// The kernel's.
    pub fn get(&self, key: &K) -> io::Result<Option<V>> {
        Ok(self.get_boxed(key)?.map(|value| *value))
    }

    /// The same of a value that is too large to be handed about.
    ///
    /// # Errors
    /// The kernel's.
    pub fn get_boxed(&self, key: &K) -> io::Result<Option<Box<V>>> {
        self.one_value()?;
        let mut value = Box::new(sys::zeroed::<V>());
        let buffer = std::slice::from_mut(&mut *value);
        found(sys::lookup(self.fd.as_fd(), key, buffer)).map(|found| found.map(|()| value))
    }

    /// One element of a per-CPU map: a value for each possible CPU. Of any other map, its one value.
    ///
    /// # Errors
    /// The kernel's.
    pub fn get_per_cpu(&self, key: &K) -> io::Result<Vec<V>> {
        let mut values = vec![sys::zeroed::<V>(); self.values];
        sys::lookup(self.fd.as_fd(), key, &mut values)?;
        Ok(values)
    }

    /// Writes one element.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set(&self, key: &K, value: &V) -> io::Result<()> {
        self.one_value()?;
        sys::update(self.fd.as_fd(), key, value)
    }

    /// Removes one element; whether it was there.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self, key: &K) -> io::Result<bool> {
        found(sys::delete(self.fd.as_fd(), key)).map(|f| f.is_some())
    }

    /// Writes many elements: a system call for thousands where the kernel knows batches for this
    /// map, one each where it does not.
    ///
    /// # Errors
    /// The kernel's.
    pub fn set_all(&self, keys: &[K], values: &[V]) -> io::Result<()> {
        self.one_value()?;
        for (keys, values) in keys.chunks(BATCH).zip(values.chunks(BATCH)) {
            let (done, result) = sys::update_batch(self.fd.as_fd(), keys, values);
            match result {
                Ok(()) => {}
                Err(error) if no_batches(&error) => {
                    for (key, value) in keys.iter().zip(values).skip(done.min(keys.len())) {
                        self.set(key, value)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Removes many elements; those already gone do not matter.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove_all(&self, keys: &[K]) -> io::Result<()> {
        for keys in keys.chunks(BATCH) {
            let (done, result) = sys::delete_batch(self.fd.as_fd(), keys);
            if result.is_err() {
                for key in &keys[done.min(keys.len())..] {
                    self.remove(key)?;
                }
            }
        }
        Ok(())
    }

    /// Hands every element to `each`, in no order. Elements that come or go meanwhile may or may not
    /// be among them.
    ///
    /// # Errors
    /// The kernel's.
    pub fn for_each(&self, mut each: impl FnMut(&K, &V)) -> io::Result<()> {
        self.one_value()?;
        let mut size = BATCH.min(self.info.max_entries.max(1) as usize);
        let mut keys = vec![sys::zeroed::<K>(); size];
        let mut values = vec![sys::zeroed::<V>(); size];
        let mut from: Option<Cursor> = None;
        loop {
            let read = sys::lookup_batch(self.fd.as_fd(), from.as_ref(), &mut keys, &mut values);
            match read {
                Ok((count, next)) => {
                    for (key, value) in keys.iter().zip(&values).take(count) {
                        each(key, value);
                    }
                    if next.is_none() {
                        return Ok(());
                    }
                    from = next;
                }
                // A bucket of the hash holds more than fits: larger, and from the same place again.
                Err(error) if error.raw_os_error() == Some(libc::ENOSPC) && size < 1 << 20 => {
                    size *= 4;
                    keys.resize(size, sys::zeroed());
                    values.resize(size, sys::zeroed());
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// How far a walk in slices has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Walked(Option<Cursor>);

impl<K: Record, V: Record> Map<K, V> {
    /// As [`Map::for_each`], from where the slice before ended, about `count` elements; whether that was the last one.
    /// Where an element at which a slice ended has gone, some may be handed over again.
    ///
    /// # Errors
    /// The kernel's.
    pub fn for_some(
        &self,
        walked: &mut Walked,
        count: usize,
        mut each: impl FnMut(&K, &V),
    ) -> io::Result<bool> {
        self.one_value()?;
        // Small: a daemon that does this all day stays small.
        let size = BATCH / 8;
        let mut keys = vec![sys::zeroed::<K>(); size];
        let mut values = vec![sys::zeroed::<V>(); size];
        let mut seen = 0;
        while seen < count {
            let (read, next) =
                sys::lookup_batch(self.fd.as_fd(), walked.0.as_ref(), &mut keys, &mut values)?;
            for (key, value) in keys.iter().zip(&values).take(read) {
                each(key, value);
            }
            seen += read;
            walked.0 = next;
            if next.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<K, V> Map<K, V> {
    /// The kernel copies all CPUs' values at once: a buffer for one would be written past its end.
    fn one_value(&self) -> io::Result<()> {
        if self.values == 1 {
            return Ok(());
        }
        Err(io::Error::other("the map has a value for each CPU"))
    }
}

/// `BPF_MAP_TYPE_{PERCPU_HASH,PERCPU_ARRAY,LRU_PERCPU_HASH,PERCPU_CGROUP_STORAGE}`.
fn is_per_cpu(map_type: u32) -> bool {
    matches!(map_type, 5 | 6 | 10 | 21)
}

impl<K, V> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl<K, V> AsFd for Map<K, V> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn found(result: io::Result<()>) -> io::Result<Option<()>> {
    match result {
        Ok(()) => Ok(Some(())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn no_batches(error: &io::Error) -> bool {
    // ENOTSUPP (524) is the kernel's own and has no name in libc.
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::EOPNOTSUPP | 524)
    )
}

/// How many CPUs a per-CPU map has values for.
///
/// # Errors
/// Where `/sys/devices/system/cpu/possible` cannot be read.
fn possible_cpus() -> Result<usize> {
    aya::util::nr_cpus().map_err(|(path, error)| anyhow::anyhow!("reading {path}: {error}"))
}
