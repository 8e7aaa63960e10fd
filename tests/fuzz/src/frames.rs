//! Plain frames, made without anybody's help.

/// A datagram and a SYN each of some sources that the policy which has everything knows, and of some that it does not.
#[must_use]
pub fn plain() -> Vec<Vec<u8>> {
    let v4 = [
        [192, 0, 2, 1],
        [192, 0, 2, 17],
        [198, 51, 100, 7],
        [10, 9, 9, 9],
        [172, 16, 0, 1],
    ];
    let v6: [u64; 4] = [
        0x2001_0db8_0000_0001,
        0x2001_0db8_0000_0002,
        0x2001_0db8_0077_0001,
        0xfd00 << 48,
    ];
    let mut frames = Vec::new();
    for (protocol, port) in [(6, 443), (17, 53), (17, 999)] {
        frames.extend(v4.map(|source| ipv4(protocol, source, port)));
        frames.extend(v6.map(|source| ipv6(protocol, source, port)));
    }
    frames
}

/// Twenty bytes of TCP with SYN, or of UDP with 12 bytes of payload.
fn transport(protocol: u8, port: u16) -> [u8; 20] {
    let mut header = [0; 20];
    header[2..4].copy_from_slice(&port.to_be_bytes());
    if protocol == 6 {
        header[12..14].copy_from_slice(&[0x50, 2]);
    } else {
        header[5] = 20;
    }
    header
}

/// From a source to 203.0.113.5.
#[must_use]
pub fn ipv4(protocol: u8, source: [u8; 4], port: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, protocol, 0, 0]);
    frame.extend(source);
    frame.extend([203, 0, 113, 5]);
    frame.extend(transport(protocol, port));
    frame
}

/// From the first host of a /64 to 2001:db8::5.
#[must_use]
pub fn ipv6(protocol: u8, source: u64, port: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, protocol, 64]);
    frame.extend(source.to_be_bytes());
    frame.extend(1_u64.to_be_bytes());
    frame.extend(0x2001_0db8_0000_0000_u64.to_be_bytes());
    frame.extend(5_u64.to_be_bytes());
    frame.extend(transport(protocol, port));
    frame
}
