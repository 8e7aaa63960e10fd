//! Where a source belongs: a keyed, strongly universal hash.
//!
//! Multilinear hashing (D. Lemire, O. Kaser, "Strongly universal string hashing is fast", 2014, the
//! "HM" form): a sum of products of 32-bit pieces and random 64-bit words, of which the upper half
//! counts. Over the draw of the words, any two keys meet in a set with the probability that chance
//! gives, so that who does not know them cannot aim at one. Three multiplications, where a
//! pseudo-random function of SipHash's kind needs a hundred operations.

use super::header;
use crate::abi::{Addr, Region, TableHead};

/// A key's two sets, and what its header must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The set that it is put into first, and the one where it may be as well.
    pub sets: [u32; 2],
    /// [`header::wanted`].
    pub wanted: u64,
}

impl Place {
    /// The place of an address in a region of the table.
    #[inline(always)]
    #[must_use]
    pub fn of(head: &TableHead, region: &Region, addr: &Addr, scope: u8) -> Self {
        let seed = &head.seed;
        let low = |word: u64| word & 0xffff_ffff;
        let [a, b] = addr.words;
        let hash = seed[0]
            .wrapping_add(
                seed[1]
                    .wrapping_add(low(a))
                    .wrapping_mul(seed[2].wrapping_add(a >> 32)),
            )
            .wrapping_add(
                seed[3]
                    .wrapping_add(low(b))
                    .wrapping_mul(seed[4].wrapping_add(b >> 32)),
            )
            .wrapping_add(seed[5].wrapping_add(u64::from(scope)).wrapping_mul(seed[6]));
        let hash = mixed(hash, seed[6]);
        let sets = u64::from(region.sets);
        let index = |hash: u64| region.first + (hash.wrapping_mul(sets) >> 32) as u32;
        Self {
            sets: [index(hash >> 32), index(low(hash))],
            // The lowest bits of the upper half: the index is made of its highest.
            wanted: header::wanted(scope, hash >> 32),
        }
    }
}

/// The sum alone is linear in each piece: addresses in a row would lie in sets at equal distances. Two
/// rounds of a multiplication between shifts (the finaliser of D. Stafford's "mix13" kind) leave nothing
/// of that, and lose nothing, being one to one.
#[inline(always)]
const fn mixed(hash: u64, seed: u64) -> u64 {
    let hash = (hash ^ hash >> 32).wrapping_mul(seed | 1);
    let hash = (hash ^ hash >> 29).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(sets: u32) -> TableHead {
        let mut head = TableHead::default();
        // Any odd-looking words do for a test; the daemon draws them from the kernel.
        let mut word = 0x9e37_79b9_7f4a_7c15_u64;
        for seed in &mut head.seed {
            word = word.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            *seed = word ^ word >> 29;
        }
        head.regions[0] = Region { first: 16, sets };
        head
    }

    #[test]
    fn neighbouring_addresses_spread_over_both_choices() {
        let head = head(64);
        for choice in 0..2 {
            let mut counts = [0u32; 64];
            for i in 0..6_400u32 {
                let addr = Addr::from_v4((0x0a00_0000 + i).to_be_bytes());
                let place = Place::of(&head, &head.regions[0], &addr, 1);
                counts[place.sets[choice] as usize - 16] += 1;
            }
            // 100 each on average; a standard deviation is 10.
            assert!(counts.iter().all(|c| (40..=180).contains(c)), "{counts:?}");
        }
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let head = head(1 << 16);
        let place = |bytes: [u8; 16], scope| {
            Place::of(&head, &head.regions[0], &Addr::from_bytes(bytes), scope)
        };
        let base = place([0; 16], 0);
        for byte in 0..16 {
            let mut bytes = [0; 16];
            bytes[byte] = 1;
            assert_ne!(place(bytes, 0).sets, base.sets, "byte {byte}");
        }
        assert_ne!(place([0; 16], 1), base);
    }
}
