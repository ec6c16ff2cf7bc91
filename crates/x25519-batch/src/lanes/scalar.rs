//! Secret scalars, one in each lane, as four words.

use super::word::Word;

/// Clamps as RFC 7748 does: a multiple of 8, with bit 254 the highest.
#[inline(always)]
pub(crate) fn clamp<W: Word>([a, b, c, d]: [W; 4]) -> [W; 4] {
    let high = (d & d.splat(u64::MAX >> 2)) | d.splat(1 << 62);
    [a & a.splat(!7), b, c, high]
}

/// An eighth, rounded down.
#[inline(always)]
pub(crate) fn eighth<W: Word>([a, b, c, d]: [W; 4]) -> [W; 4] {
    [
        a.shift_right::<3>() | b.shift_left::<61>(),
        b.shift_right::<3>() | c.shift_left::<61>(),
        c.shift_right::<3>() | d.shift_left::<61>(),
        d.shift_right::<3>(),
    ]
}

/// Bit i tells whether bits i and i + 1 differ.
#[inline(always)]
pub(crate) fn changes<W: Word>([a, b, c, d]: [W; 4]) -> [W; 4] {
    [
        a ^ (a.shift_right::<1>() | b.shift_left::<63>()),
        b ^ (b.shift_right::<1>() | c.shift_left::<63>()),
        c ^ (c.shift_right::<1>() | d.shift_left::<63>()),
        d ^ d.shift_right::<1>(),
    ]
}
