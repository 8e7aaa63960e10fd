//! Frames of several buffers: a header that is out of reach makes a frame malformed, and never another packet.

use throttler::host::SliceFrame;
use throttler_common::Frame;
use throttler_common::parse::{Kind, parse};

/// A frame of which only the first bytes are in reach.
struct Reaching<'a> {
    frame: &'a [u8],
    reach: usize,
}

impl Frame for Reaching<'_> {
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

/// Holds the packet of the frame's first buffer against that of the whole frame.
pub(super) fn check(frame: &[u8], reach: u8) {
    let reach = usize::from(reach).min(frame.len());
    let (whole, part) = (parse(&SliceFrame(frame)), parse(&Reaching { frame, reach }));
    if part != whole {
        assert_eq!(
            part.kind,
            Kind::Malformed,
            "{reach} bytes in reach: {part:?}, all: {whole:?}; {frame:02x?}"
        );
        assert!(part.length as usize <= frame.len());
    }
}
