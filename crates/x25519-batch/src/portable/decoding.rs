//! Whether an encoding of Ed25519 is that of a point, in variable time: all of it is public.
//!
//! As in the lanes, that is so if w = (y² − 1)·(d·y² + 1) is a square or zero. Here the Jacobi symbol
//! tells, in a third of the time of a power.

use curve25519_dalek::edwards::CompressedEdwardsY;

use super::jacobi::{Number, is_square};

/// d = −121665 / 121666
const D: Number =
    [0x75eb_4dca_1359_78a3, 0x0070_0a4d_4141_d8ab, 0x8cc7_4079_7779_e898, 0x5203_6cee_2b6f_fe73];
/// p − 1
const MINUS_1: Number = [u64::MAX - 19, u64::MAX, u64::MAX, u64::MAX >> 1];

/// Whether the encoding is that of a point, as decompression says.
pub(super) fn is_point(encoding: &[u8; 32]) -> bool {
    let mut y = [0; 4];
    let (words, _) = encoding.as_chunks();
    y.iter_mut().zip(words).for_each(|(word, bytes)| *word = u64::from_le_bytes(*bytes));
    y[3] &= u64::MAX >> 1; // the sign of x
    let y_squared = multiply(&y, &y);
    let numerator = add(&y_squared, &MINUS_1);
    let denominator = add(&multiply(&y_squared, &D), &[1, 0, 0, 0]);
    let w = multiply(&numerator, &denominator);
    // Where w is zero, it cannot tell.
    is_square(w).unwrap_or_else(|| CompressedEdwardsY(*encoding).decompress().is_some())
}

/// A number congruent to `a + b`, which must be below 2^256 + 2^12.
pub(super) fn add(a: &Number, b: &Number) -> Number {
    let mut carry = 0;
    let mut sum = *a;
    for (sum, b) in sum.iter_mut().zip(b) {
        (*sum, carry) = halves(u128::from(*sum) + u128::from(*b) + u128::from(carry));
    }
    sum[0] += 38 * carry; // 2^256; what is left above it is small
    sum
}

/// A number congruent to `a · b`, below 2^255 + 2^11.
pub(super) fn multiply(a: &Number, b: &Number) -> Number {
    let mut product = [0; 8];
    for (i, a) in a.iter().enumerate() {
        let (_, row) = product.split_at_mut(i);
        let mut carry = 0;
        for (column, b) in row.iter_mut().zip(b.iter().chain(&[0])) {
            let sum = u128::from(*a) * u128::from(*b) + u128::from(*column) + u128::from(carry);
            (*column, carry) = halves(sum);
        }
    }
    // 2^256 is 38 modulo p, and 2^255 is 19.
    let [low @ .., e, f, g, h] = product;
    let mut carry = 0;
    let mut folded: Number = low;
    for (low, high) in folded.iter_mut().zip([e, f, g, h]) {
        (*low, carry) = halves(u128::from(*low) + 38 * u128::from(high) + u128::from(carry));
    }
    let top = 2 * carry + (folded[3] >> 63);
    folded[3] &= u64::MAX >> 1;
    add(&folded, &[19 * top, 0, 0, 0])
}

/// The low and the high 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "halves")]
pub(super) const fn halves(number: u128) -> (u64, u64) {
    (number as u64, (number >> 64) as u64)
}
