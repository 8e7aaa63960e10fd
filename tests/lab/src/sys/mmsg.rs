//! Many packets a system call.

use std::{
    io,
    mem::zeroed,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::check;

/// Packets a call at most.
pub(crate) const MOST: usize = 64;

/// Sends packets, [`MOST`] of them at most, that lie in `bytes` one behind the other and end at `ends`; gives how many
/// went, in order. The error is that of the first one: where a later one is refused, those before it have gone.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], ends: &[usize]) -> io::Result<usize> {
    // SAFETY: both are integers and raw pointers, for which all zeroes is a valid value.
    let (mut parts, mut messages): ([libc::iovec; MOST], [libc::mmsghdr; MOST]) =
        unsafe { zeroed() };
    let mut start = 0;
    let mut count = 0;
    for ((&end, part), message) in ends.iter().zip(&mut parts).zip(&mut messages) {
        let packet = &bytes[start..end];
        part.iov_base = packet.as_ptr().cast_mut().cast();
        part.iov_len = packet.len();
        message.msg_hdr.msg_iov = part;
        message.msg_hdr.msg_iovlen = 1;
        start = end;
        count += 1;
    }
    // SAFETY: the first `count` messages are initialised, each with one part: a slice of `bytes`, which the kernel only
    // reads and which is borrowed over the call, as are `parts`. It writes to `messages` alone, which is exclusively ours.
    let sent =
        check(unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) })?;
    Ok(sent as usize)
}
