//! Records as bytes.

use throttler_common::abi;

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
    abi::Set,
    abi::TableHead,
    abi::ScopeCounters,
    abi::Stats,
    abi::Event,
    abi::DescriptionChunk,
);

/// A record from bytes, if there are exactly as many.
#[must_use]
pub fn from_bytes<T: Record>(bytes: &[u8]) -> Option<T> {
    // SAFETY: `T` is valid for any bytes (`Record`), and the length is checked.
    (bytes.len() == size_of::<T>()).then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
}

/// A record's bytes.
#[must_use]
pub fn as_bytes<T: Record>(record: &T) -> &[u8] {
    // SAFETY: `T` has no padding (`Record`), so that all of its bytes are written; they live as long as `record`.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(record).cast(), size_of::<T>()) }
}

/// A zero record on the heap, without passing over the stack.
#[must_use]
pub fn zeroed<T: Record>() -> T {
    // SAFETY: `T` is valid for any bytes (`Record`).
    unsafe { std::mem::zeroed() }
}
