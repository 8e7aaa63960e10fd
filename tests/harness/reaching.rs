//! Frames of several buffers, in memory.

use throttler::host::SliceFrame;
use throttler_common::Frame;

/// A frame in memory of which only the first bytes are in reach, as in the kernel.
pub(crate) struct Buffers<'a> {
    frame: &'a [u8],
    reach: usize,
}

impl<'a> Buffers<'a> {
    pub(crate) fn new(frame: &'a [u8], reach: usize) -> Self {
        Self {
            frame,
            reach: reach.min(frame.len()),
        }
    }
}

impl Frame for Buffers<'_> {
    fn length(&self) -> u32 {
        SliceFrame(self.frame).length()
    }

    fn reach(&self) -> u32 {
        self.reach as u32
    }

    fn get<const N: usize>(&self, offset: u32) -> Option<&[u8; N]> {
        self.frame[..self.reach]
            .get(offset as usize..)?
            .first_chunk()
    }
}
