//! No vector unit: one lane, in ordinary registers.

use core::hint::black_box;
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

use super::word::{Backend, Word};

/// Every processor has it, so there is nothing to prove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;

/// An integer of 64 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integer(pub(super) u64);

impl Zeroize for Integer {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Backend for Plain {
    type Word = Integer;
    const SLOW_ALONE: bool = false;

    #[inline(always)]
    fn word(self, mut value: impl FnMut(usize) -> u64) -> Integer {
        Integer(value(0))
    }

    #[inline(always)]
    fn row(self, values: [u64; 8]) -> [u64; 8] {
        values
    }

    #[inline(always)]
    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        work()
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $operator:tt) => {
        impl $trait for Integer {
            type Output = Self;

            #[inline(always)]
            fn $method(self, other: Self) -> Self {
                Self(self.0 $operator other.0)
            }
        }
    };
}

operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(BitAnd, bitand, &);
operator!(BitOr, bitor, |);
operator!(BitXor, bitxor, ^);

/// All ones if `value` is zero, else zero. The compiler must not know that there are only these
/// two, or it might branch.
#[inline(always)]
pub(super) fn zero_mask(value: u64) -> u64 {
    let not_zero = (value | value.wrapping_neg()) >> 63;
    black_box(not_zero).wrapping_sub(1)
}

impl Word for Integer {
    const LANES: usize = 1;
    /// All ones for yes.
    type Mask = Self;
    type Lanes = [u64; 1];
    type Row = [u64; 8];

    #[inline(always)]
    fn splat(self, value: u64) -> Self {
        Self(value)
    }

    #[inline(always)]
    fn lanes(self) -> [u64; 1] {
        [self.0]
    }

    #[inline(always)]
    fn shift_left<const BITS: i32>(self) -> Self {
        Self(self.0 << BITS)
    }

    #[inline(always)]
    fn shift_right<const BITS: i32>(self) -> Self {
        Self(self.0 >> BITS)
    }

    #[inline(always)]
    fn is_zero(self) -> Self {
        Self(zero_mask(self.0))
    }

    #[inline(always)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        no ^ (mask & (yes ^ no))
    }

    #[inline(always)]
    fn look_up(self, row: &[u64; 8]) -> Self {
        let mut found = Self(0);
        for (place, &value) in (0..).zip(row) {
            found = found | ((self ^ Self(place)).is_zero() & Self(value));
        }
        found
    }
}
