//! Frames of several buffers: a header that is out of reach makes a frame malformed, and never another packet.

use throttler::host::SliceFrame;
use throttler_common::parse::{Kind, parse};

use super::buffers::Buffers;

/// Holds the packet of the frame's first buffer against that of the whole frame.
pub(super) fn check(frame: &[u8], reach: u8) {
    let part = parse(&Buffers::new(frame, reach.into()));
    let whole = parse(&SliceFrame(frame));
    if part != whole {
        assert_eq!(
            part.kind,
            Kind::Malformed,
            "{reach} bytes in reach: {part:?}, all: {whole:?}; {frame:02x?}"
        );
        assert!(part.length as usize <= frame.len());
    }
}
