//! Addresses in memory.

/// An address in memory in network order; IPv4 takes the first four bytes, the rest is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Addr {
    /// The sixteen bytes as two words of memory (not numbers: their value depends on the host).
    pub words: [u64; 2],
}

impl Addr {
    /// From sixteen bytes in network order.
    #[inline(always)]
    #[must_use]
    pub const fn from_bytes(b: [u8; 16]) -> Self {
        let [
            b0,
            b1,
            b2,
            b3,
            b4,
            b5,
            b6,
            b7,
            b8,
            b9,
            ba,
            bb,
            bc,
            bd,
            be,
            bf,
        ] = b;
        Self {
            words: [
                u64::from_ne_bytes([b0, b1, b2, b3, b4, b5, b6, b7]),
                u64::from_ne_bytes([b8, b9, ba, bb, bc, bd, be, bf]),
            ],
        }
    }

    /// From the four bytes of an IPv4 address in network order.
    #[inline(always)]
    #[must_use]
    pub const fn from_v4(b: [u8; 4]) -> Self {
        Self {
            words: [u64::from_ne_bytes([b[0], b[1], b[2], b[3], 0, 0, 0, 0]), 0],
        }
    }

    /// The sixteen bytes in network order.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.words[0].to_ne_bytes());
        bytes[8..].copy_from_slice(&self.words[1].to_ne_bytes());
        bytes
    }

    /// The mask that keeps the first `bits` bits, 0 to 128.
    #[must_use]
    pub fn mask(bits: u8) -> Self {
        let bits = u32::from(bits.min(128));
        let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
        Self::from_bytes(mask.to_be_bytes())
    }

    /// The bits that the mask keeps.
    #[inline(always)]
    #[must_use]
    pub const fn masked(self, mask: Self) -> Self {
        Self {
            words: [self.words[0] & mask.words[0], self.words[1] & mask.words[1]],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_leading_bits() {
        assert_eq!(Addr::mask(0).to_bytes(), [0; 16]);
        assert_eq!(Addr::mask(128).to_bytes(), [0xff; 16]);
        let slash20 = Addr::from_v4([10, 1, 0xff, 7]).masked(Addr::mask(20));
        assert_eq!(&slash20.to_bytes()[..5], &[10, 1, 0xf0, 0, 0]);
    }

    #[test]
    fn addresses_keep_network_order_in_memory() {
        let bytes: [u8; 16] = core::array::from_fn(|i| i as u8);
        assert_eq!(Addr::from_bytes(bytes).to_bytes(), bytes);
    }
}
