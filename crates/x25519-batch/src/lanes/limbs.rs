//! Numbers as 256 bits in four words, and as five limbs in radix 2^51.

use super::word::Word;

/// Bits 0 to 50.
pub(crate) const MASK_51: u64 = (1 << 51) - 1;

/// p = 2^255 − 19, limb by limb.
pub(crate) const P: [u64; 5] = [MASK_51 - 18, MASK_51, MASK_51, MASK_51, MASK_51];

/// The limbs of a number of 255 bits, each below 2^51. Bit 255 is ignored, as RFC 7748 asks.
#[inline(always)]
pub(crate) fn from_words<W: Word>([a, b, c, d]: [W; 4]) -> [W; 5] {
    let mask = a.splat(MASK_51);
    [
        a & mask,
        (a.shift_right::<51>() | b.shift_left::<13>()) & mask,
        (b.shift_right::<38>() | c.shift_left::<26>()) & mask,
        (c.shift_right::<25>() | d.shift_left::<39>()) & mask,
        d.shift_right::<12>() & mask,
    ]
}

/// The one number below p = 2^255 − 19 that is congruent to the limbs, each below 2^52.
#[inline(always)]
pub(crate) fn to_words<W: Word>(limbs: [W; 5]) -> [W; 4] {
    let [a, b, c, d, e] = below_p(limbs);
    [
        a | b.shift_left::<51>(),
        b.shift_right::<13>() | c.shift_left::<38>(),
        c.shift_right::<26>() | d.shift_left::<25>(),
        d.shift_right::<39>() | e.shift_left::<12>(),
    ]
}

/// Reduces limbs below 2^52 to the limbs of a number below p.
#[inline(always)]
pub(crate) fn below_p<W: Word>(limbs: [W; 5]) -> [W; 5] {
    // What is carried out of the top is at most 2, so the number is now below 2^255 + 38.
    let ([a, b, c, d, e], top) = carry(limbs);
    let a = a + top.times_19();
    // It is p or more exactly if 19 more take it to 2^255 or beyond: then the top bit that is
    // carried out is 1, and 19 more, without that bit, are p less.
    let (_, excess) = carry([a + a.splat(19), b, c, d, e]);
    let (limbs, _) = carry([a + excess.times_19(), b, c, d, e]);
    limbs
}

/// Carries from each limb to the next. What leaves the last one stands apart.
#[inline(always)]
fn carry<W: Word>([a, b, c, d, e]: [W; 5]) -> ([W; 5], W) {
    let mask = a.splat(MASK_51);
    let b = b + a.shift_right::<51>();
    let c = c + b.shift_right::<51>();
    let d = d + c.shift_right::<51>();
    let e = e + d.shift_right::<51>();
    ([a & mask, b & mask, c & mask, d & mask, e & mask], e.shift_right::<51>())
}

/// Which lanes hold a multiple of p. The limbs are below 2^52.
#[inline(always)]
pub(crate) fn is_zero<W: Word>(limbs: [W; 5]) -> W::Mask {
    let [a, b, c, d, e] = below_p(limbs);
    (a | b | c | d | e).is_zero()
}
