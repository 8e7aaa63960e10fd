//! A little exact arithmetic.

/// The greatest common divisor (Euclid).
pub(crate) fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `a * b / c`, rounded down, and whether something was cut off. All are at least 0, `c` is above 0 and below 2^126.
/// Bit by bit, as the product may have 250 bits.
pub(crate) fn mul_div(a: i128, b: i128, c: i128) -> (i128, bool) {
    let (whole, part) = (a / c, a % c);
    let (mut quotient, mut rest) = (0_i128, 0_i128);
    for bit in (0..127).rev() {
        quotient *= 2;
        rest *= 2;
        if b >> bit & 1 == 1 {
            quotient += whole;
            rest += part;
        }
        while rest >= c {
            quotient += 1;
            rest -= c;
        }
    }
    (quotient, rest != 0)
}

#[test]
fn products_of_250_bits_are_divided_exactly() {
    assert_eq!(mul_div(7, 9, 4), (15, true));
    assert_eq!(mul_div(0, 9, 4), (0, false));
    let large = 1 << 120;
    assert_eq!(mul_div(large, large - 1, large), (large - 1, false));
    assert_eq!(mul_div(large - 1, large, large - 1), (large, false));
    assert_eq!(mul_div(large + 1, large - 1, large), (large - 1, true));
    assert_eq!(gcd(48, 36), 12);
}
