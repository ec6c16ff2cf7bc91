//! Plain integers in the place of vector registers: the code of the vector units for checks.
//!
//! It runs on every processor, under valgrind and under Miri, and in builds with overflow checks a
//! sum that leaves 64 bits is a panic. Constant time like the real ones: choices are made by masks.

use core::array::from_fn;
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

use super::plain::zero_mask;
use super::word::{Backend, Multiply52, MultiplyFused, Word};

/// A vector unit that is none. There is nothing to prove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<const LANES: usize>;

/// Integers of 64 bits. What is done with them is never inlined, since the code around it is
/// inlined as a whole: that would take minutes to compile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integers<const LANES: usize>([u64; LANES]);

impl<const LANES: usize> Zeroize for Integers<LANES> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<const LANES: usize> Backend for Model<LANES> {
    type Word = Integers<LANES>;
    const SLOW_ALONE: bool = LANES < 8;

    fn word(self, value: impl FnMut(usize) -> u64) -> Integers<LANES> {
        Integers(from_fn(value))
    }

    fn row(self, values: [u64; 8]) -> [u64; 8] {
        values
    }

    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        work()
    }
}

impl<const LANES: usize> Integers<LANES> {
    fn each(self, operation: impl Fn(u64) -> u64) -> Self {
        Self(self.0.map(operation))
    }

    fn zip(self, other: Self, operation: impl Fn(u64, u64) -> u64) -> Self {
        let mut zipped = self.0;
        for (a, b) in zipped.iter_mut().zip(other.0) {
            *a = operation(*a, b);
        }
        Self(zipped)
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $operator:tt) => {
        impl<const LANES: usize> $trait for Integers<LANES> {
            type Output = Self;

            #[inline(never)]
            fn $method(self, other: Self) -> Self {
                self.zip(other, |a, b| a $operator b)
            }
        }
    };
}

operator!(Add, add, +);
operator!(Sub, sub, -);
operator!(BitAnd, bitand, &);
operator!(BitOr, bitor, |);
operator!(BitXor, bitxor, ^);

impl<const LANES: usize> Word for Integers<LANES> {
    const LANES: usize = LANES;
    /// All ones for yes.
    type Mask = Self;
    type Lanes = [u64; LANES];
    type Row = [u64; 8];

    #[inline(never)]
    fn splat(self, value: u64) -> Self {
        Self([value; LANES])
    }

    fn lanes(self) -> [u64; LANES] {
        self.0
    }

    #[inline(never)]
    fn shift_left<const BITS: i32>(self) -> Self {
        self.each(|lane| lane << BITS)
    }

    #[inline(never)]
    fn shift_right<const BITS: i32>(self) -> Self {
        self.each(|lane| lane >> BITS)
    }

    #[inline(never)]
    fn is_zero(self) -> Self {
        self.each(zero_mask)
    }

    #[inline(never)]
    fn select(mask: Self, yes: Self, no: Self) -> Self {
        no ^ (mask & (yes ^ no))
    }

    #[inline(never)]
    fn look_up(self, row: &[u64; 8]) -> Self {
        let mut found = self.splat(0);
        for (place, &value) in (0..).zip(row) {
            let here = (self ^ self.splat(place)).is_zero();
            found = found | (here & self.splat(value));
        }
        found
    }
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are below 2^53")]
impl<const LANES: usize> MultiplyFused for Integers<LANES> {
    type Factor = Self;

    fn factor(self) -> Self {
        debug_assert!(self.all_below(1 << 52), "factors of 52 bits");
        self
    }

    #[inline(never)]
    fn halves(a: Self, b: Self) -> (Self, Self) {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b) + (1 << 50);
        let high = a.zip(b, |a, b| (product(a, b) >> 51) as u64);
        debug_assert!(high.all_below(1 << 52), "a product of 103 bits");
        (a.zip(b, |a, b| product(a, b) as u64 & ((1 << 51) - 1)), high)
    }

    #[inline(never)]
    fn small_times_19(self) -> Self {
        debug_assert!(self.all_below(1 << 27), "a small number");
        self.each(|lane| lane * 19)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is what the instructions do")]
impl<const LANES: usize> Multiply52 for Integers<LANES> {
    #[inline(never)]
    fn add_low_52(self, a: Self, b: Self) -> Self {
        debug_assert!(a.all_below(1 << 52) && b.all_below(1 << 52), "factors of 52 bits");
        self + a.zip(b, |a, b| (u128::from(a) * u128::from(b)) as u64 & ((1 << 52) - 1))
    }

    #[inline(never)]
    fn add_high_52(self, a: Self, b: Self) -> Self {
        debug_assert!(a.all_below(1 << 52) && b.all_below(1 << 52), "factors of 52 bits");
        self + a.zip(b, |a, b| ((u128::from(a) * u128::from(b)) >> 52) as u64)
    }
}
