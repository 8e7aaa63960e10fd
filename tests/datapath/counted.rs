//! One frame, its answer, and the one counter that moves.

use throttler_common::Reason;

use crate::harness::{Counters, Program, START, moved};
use crate::traffic::{SERVER, SERVER6, ip};

/// A scope by port for each transport, one by protocol, and `default`; no limit of them ever refuses here, so that the
/// reason tells of the frame alone.
pub(crate) const POLICY: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp", ports = ["443"] }]
    limits = { burst = { rate = "1000000/s" } }
    [scopes.dns]
    match = [{ protocol = "udp", ports = ["53"] }]
    limits = { burst = { rate = "1000000/s" } }
    [scopes.ping]
    match = [{ protocol = "icmp" }]
    limits = { burst = { rate = "1000000/s" } }
    [scopes.tunnel]
    match = [{ protocol = "gre" }, { protocol = "esp" }]
    limits = { burst = { rate = "1000000/s" } }
    [scopes.sctp]
    match = [{ protocol = "sctp" }]
    limits = { burst = { rate = "1000000/s" } }
    [scopes.default.limits]
    burst = { rate = "1000000/s" }
"#;

/// Bytes of the link header.
pub(crate) const LINK: usize = 14;

/// A policy in force, and what is expected of frames under it.
pub(crate) struct Counted(pub(crate) Program);

impl Counted {
    /// Under [`POLICY`].
    pub(crate) fn new() -> Self {
        Self(Program::new(POLICY))
    }

    /// The frame ends in this reason and scope, and that counter moves by one packet and so many bytes, no other.
    pub(crate) fn expect(
        &self,
        what: &str,
        frame: &[u8],
        reason: Reason,
        scope: &str,
        bytes: usize,
    ) {
        let before = self.0.counters();
        let answer = self.0.run(START, frame);
        let counted = moved(&before, &self.0.counters());
        let expected = Counters::from([((scope.to_owned(), reason), (1, bytes as u64))]);
        assert_eq!(
            (answer.reason, answer.scope.as_str()),
            (reason, scope),
            "{what}: {frame:02x?}"
        );
        assert_eq!(counted, expected, "{what}: {frame:02x?}");
    }

    /// It passes in this scope.
    pub(crate) fn conforming(&self, what: &str, frame: &[u8], scope: &str, bytes: usize) {
        self.expect(what, frame, Reason::Conforming, scope, bytes);
    }

    /// It is dropped as malformed; what lies behind the link header, whose tags take `tags` bytes, is counted.
    pub(crate) fn malformed(&self, what: &str, frame: &[u8], tags: usize) {
        let bytes = frame.len().saturating_sub(LINK + tags);
        self.expect(what, frame, Reason::Malformed, "default", bytes);
    }
}

/// The frame with other bytes from an offset behind the link header on.
pub(crate) fn patched(frame: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[LINK + offset..][..bytes.len()].copy_from_slice(bytes);
    frame
}

/// A segment to port 443 with `payload` bytes: 40 bytes of IPv4 (IPv6: 60) and the payload.
pub(crate) fn segment(v4: bool, payload: usize) -> Vec<u8> {
    let mut frame = if v4 {
        throttler_lab::frames::tcp_ack(ip("192.0.2.1"), SERVER, 40_000, 443)
    } else {
        throttler_lab::frames::tcp_ack(ip("2001:db8:c::1"), SERVER6, 40_000, 443)
    };
    frame.resize(frame.len() + payload, 0x5a);
    let length = (frame.len() - LINK - if v4 { 0 } else { 40 }) as u16;
    patched(&frame, if v4 { 2 } else { 4 }, &length.to_be_bytes())
}

/// A datagram to port 53 with `payload` bytes: 28 bytes of IPv4 (IPv6: 48) and the payload.
pub(crate) fn datagram(v4: bool, payload: usize) -> Vec<u8> {
    let source = ip(if v4 { "192.0.2.1" } else { "2001:db8:c::1" });
    crate::traffic::udp(source, 53, payload)
}

/// An IPv6 packet to the server whose next header is `next`, and what follows its header.
pub(crate) fn ipv6(next: u8, behind: &[u8]) -> Vec<u8> {
    // 253 is for experiments (RFC 3692): the builder has its own mind about extension headers.
    let frame = throttler_lab::frames::ip_protocol(ip("2001:db8:c::1"), SERVER6, 253, behind.len());
    patched(&patched(&frame, 6, &[next]), 40, behind)
}
