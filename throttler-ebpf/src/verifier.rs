//! The optimiser knows bounds that the verifier cannot derive, and removes the checks that it would
//! have seen. A value passed through here has none that the optimiser knows.

use core::arch::asm;

/// The same value, in one register from here on.
#[inline(always)]
pub(crate) fn opaque(mut value: usize) -> usize {
    // SAFETY: a move of the register onto itself. It must be an instruction: the kernel refuses
    // debug information in which two lines begin at the same one.
    unsafe { asm!("{0} = {0}", inout(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// The same reference; what was written behind it is in memory, and will be read from there. Ways that
/// differ in nothing but what they have written are one way to the verifier from here on.
#[inline(always)]
pub(crate) fn written<T>(value: &mut T) -> &T {
    let mut at: *mut T = value;
    // SAFETY: as above; the pointer stays what it was, and the borrow is the caller's.
    unsafe {
        asm!("{0} = {0}", inout(reg) at, options(nostack, preserves_flags));
        &*at
    }
}
