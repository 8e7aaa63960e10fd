//! Numbers and addresses as text, appended to a buffer. A dump of a million sources writes twenty
//! million of them: `write!` would be most of its time.

use std::io::Write as _;
use std::net::Ipv6Addr;

use throttler_common::abi::Addr;

/// Two digits for every number below 100.
const PAIRS: [u8; 200] = {
    let mut pairs = [0; 200];
    let mut i = 0;
    while i < 100 {
        pairs[2 * i] = b'0' + (i / 10) as u8;
        pairs[2 * i + 1] = b'0' + (i % 10) as u8;
        i += 1;
    }
    pairs
};

/// A whole number.
pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 10 {
        let pair = (value % 100) as usize * 2;
        value /= 100;
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Nanoseconds as seconds, to the millisecond, as JSON writes such a number: always with a fraction, without
/// zeros at its end.
pub(super) fn seconds(out: &mut Vec<u8>, nanos: u64) {
    let millis = nanos.saturating_add(500_000) / 1_000_000;
    number(out, millis / 1_000);
    let rest = (millis % 1_000) as usize;
    let (tens, ones) = (rest / 10 * 2, rest % 10);
    let digits = [b'.', PAIRS[tens], PAIRS[tens + 1], b'0' + ones as u8];
    let end = match (rest % 100, ones) {
        (0, _) => 2,
        (_, 0) => 3,
        _ => 4,
    };
    out.extend_from_slice(&digits[..end]);
}

/// Nanoseconds as seconds, to the tenth, for people.
pub(super) fn tenths(out: &mut Vec<u8>, nanos: u64) {
    let tenths = nanos.saturating_add(50_000_000) / 100_000_000;
    number(out, tenths / 10);
    out.extend_from_slice(&[b'.', b'0' + (tenths % 10) as u8]);
}

/// A prefix of a family (0: IPv4, 1: IPv6), host bits zero.
pub(super) fn prefix(out: &mut Vec<u8>, family: usize, addr: Addr, bits: u32) {
    let bytes = addr.to_bytes();
    if family == 0 {
        for (index, byte) in bytes[..4].iter().enumerate() {
            if index > 0 {
                out.push(b'.');
            }
            number(out, u64::from(*byte));
        }
    } else {
        v6(out, Ipv6Addr::from(bytes));
    }
    out.push(b'/');
    number(out, u64::from(bits));
}

/// An IPv6 address as RFC 5952 has it.
fn v6(out: &mut Vec<u8>, addr: Ipv6Addr) {
    let groups = addr.segments();
    if groups[..5] == [0; 5] {
        // Rare, and special: these may hold an IPv4 address. Writing to a vector does not fail.
        let _ = write!(out, "{addr}");
        return;
    }
    let (first, length) = longest_zeros(&groups);
    let mut index = 0;
    while index < groups.len() {
        if index == first && length > 1 {
            out.extend_from_slice(b"::");
            index += length;
            continue;
        }
        if index > 0 && (length < 2 || index != first + length) {
            out.push(b':');
        }
        hex(out, groups[index]);
        index += 1;
    }
}

/// Where the longest run of zeros begins, the first of several, and its length.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let (mut best, mut run) = ((0, 0), 0);
    for (index, group) in groups.iter().enumerate() {
        run = if *group == 0 { run + 1 } else { 0 };
        if run > best.1 {
            best = (index + 1 - run, run);
        }
    }
    best
}

fn hex(out: &mut Vec<u8>, group: u16) {
    let digits = 4 - (group.leading_zeros() as usize / 4).min(3);
    for place in (0..digits).rev() {
        let digit = group >> (4 * place) & 0xf;
        out.push(b"0123456789abcdef"[usize::from(digit)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prefixes_are_written_as_everywhere() {
        let v4 = Addr::from_v4([203, 0, 113, 5]);
        assert_eq!(text(|out| prefix(out, 0, v4, 32)), "203.0.113.5/32");
        let v6: Ipv6Addr = "2001:db8::".parse().unwrap();
        let v6 = Addr::from_bytes(v6.octets());
        assert_eq!(text(|out| prefix(out, 1, v6, 64)), "2001:db8::/64");
    }

    #[test]
    fn tenths_are_rounded() {
        assert_eq!(text(|out| tenths(out, 0)), "0.0");
        assert_eq!(text(|out| tenths(out, 41_849_999_999)), "41.8");
        assert_eq!(text(|out| tenths(out, 41_850_000_000)), "41.9");
    }

    proptest! {
        #[test]
        fn addresses_are_those_of_the_standard_library(bits in any::<u128>(), zero in any::<u8>()) {
            // Any run of groups may be zero.
            let mut groups = Ipv6Addr::from_bits(bits).segments();
            for (index, group) in groups.iter_mut().enumerate() {
                *group &= if zero >> index & 1 == 0 { 0 } else { u16::MAX >> (bits as u32 % 16) };
            }
            let addr = Ipv6Addr::from(groups);
            prop_assert_eq!(text(|out| v6(out, addr)), addr.to_string());
        }

        #[test]
        fn numbers_are_those_of_the_standard_library(value in any::<u64>(), shift in 0u32..64) {
            for value in [value >> shift, 0, 9, 10, 99, 100, u64::MAX] {
                prop_assert_eq!(text(|out| number(out, value)), value.to_string());
            }
        }

        #[test]
        fn seconds_are_those_of_serde(nanos in any::<u64>(), shift in 0u32..64) {
            // Up to a year, beyond which JSON has fewer digits of it.
            let nanos = (nanos >> shift) % 31_622_400_000_000_000;
            let expected = serde_json::to_string(&super::super::seconds(nanos)).unwrap();
            prop_assert_eq!(text(|out| seconds(out, nanos)), expected);
        }
    }
}
