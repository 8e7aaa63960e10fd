//! A frame in memory.

use throttler_common::Frame;

/// A whole frame, from its Ethernet header on.
#[derive(Clone, Copy, Debug)]
pub struct SliceFrame<'a>(pub &'a [u8]);

impl Frame for SliceFrame<'_> {
    fn reach(&self) -> u32 {
        self.length()
    }

    fn length(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn get<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.0.get(offset as usize..)?.first_chunk()
    }
}
