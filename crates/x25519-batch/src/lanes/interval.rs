//! Intervals in the place of numbers: what the field's code does to bounds.
//!
//! Run over intervals, code shows what it does to all numbers within them at once. Each operation
//! here panics if some numbers in its intervals would break what a [`Word`] promises: a sum that
//! leaves 64 bits, a difference below zero, a factor that is too wide. So a run without a panic is
//! a proof.
#![allow(clippy::panic, reason = "tests")]

use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

use super::word::{Backend, Multiply52, MultiplyFused, Word};

/// Makes intervals.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intervals;

/// The numbers from `low` to `high`, both included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval {
    pub(crate) low: u64,
    pub(crate) high: u64,
}

impl Interval {
    /// The numbers below a bound.
    pub(crate) fn below(bound: u64) -> Self {
        Self { low: 0, high: bound - 1 }
    }

    fn exactly(value: u64) -> Self {
        Self { low: value, high: value }
    }

    /// The smallest interval with both in it.
    fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// No bit above the highest of both.
    fn bits_of_either(self, other: Self) -> Self {
        let unused = (self.high | other.high).leading_zeros();
        Self { low: 0, high: u64::MAX.checked_shr(unused).unwrap_or(0) }
    }

    fn times(self, other: Self) -> Self {
        let product = |a: u64, b: u64| a.checked_mul(b).expect("a product leaves 64 bits");
        Self { low: product(self.low, other.low), high: product(self.high, other.high) }
    }

    fn assert_bits(self, bits: u32) {
        assert!(self.high >> bits == 0, "a factor has more than {bits} bits: {self:?}");
    }
}

impl Zeroize for Interval {
    fn zeroize(&mut self) {
        *self = Self::exactly(0);
    }
}

impl Add for Interval {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let sum = |a: u64, b: u64| a.checked_add(b).expect("a sum leaves 64 bits");
        Self { low: sum(self.low, other.low), high: sum(self.high, other.high) }
    }
}

impl Sub for Interval {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        let difference = |a: u64, b: u64| a.checked_sub(b).expect("a difference is below zero");
        Self { low: difference(self.low, other.high), high: difference(self.high, other.low) }
    }
}

impl BitAnd for Interval {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self { low: 0, high: self.high.min(other.high) }
    }
}

impl BitOr for Interval {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.bits_of_either(other)
    }
}

impl BitXor for Interval {
    type Output = Self;

    fn bitxor(self, other: Self) -> Self {
        self.bits_of_either(other)
    }
}

impl Word for Interval {
    const LANES: usize = 1;
    type Mask = ();
    type Lanes = [u64; 1];
    type Row = Self;

    fn splat(self, value: u64) -> Self {
        Self::exactly(value)
    }

    fn lanes(self) -> [u64; 1] {
        panic!("an interval is not a number")
    }

    fn shift_left<const BITS: i32>(self) -> Self {
        // What is shifted out is lost, wherever the code wants that; then any number can remain.
        let fits = self.high.leading_zeros() >= BITS.cast_unsigned();
        let shift = |value| if fits { value << BITS } else { u64::MAX };
        Self { low: if fits { self.low << BITS } else { 0 }, high: shift(self.high) }
    }

    fn shift_right<const BITS: i32>(self) -> Self {
        Self { low: self.low >> BITS, high: self.high >> BITS }
    }

    fn is_zero(self) {}

    fn select((): (), yes: Self, no: Self) -> Self {
        yes.with(no)
    }

    fn look_up(self, row: &Self) -> Self {
        *row
    }

    fn all_below(self, bound: u64) -> bool {
        self.high < bound
    }
}

impl MultiplyFused for Interval {
    type Factor = Self;

    fn factor(self) -> Self {
        self.assert_bits(52);
        self
    }

    fn halves(a: Self, b: Self) -> (Self, Self) {
        let product = |a: u64, b: u64| u128::from(a) * u128::from(b);
        assert!(product(a.high, b.high) >> 103 == 0, "a product has more than 103 bits");
        let half = |product: u128| u64::try_from(product >> 51).expect("52 bits");
        let high = Self {
            low: half(product(a.low, b.low).saturating_sub(1 << 50)),
            high: half(product(a.high, b.high) + (1 << 50)),
        };
        (Self { low: 0, high: 1 << 51 }, high)
    }

    fn small_times_19(self) -> Self {
        self.assert_bits(27);
        self.times(Self::exactly(19))
    }
}

impl Multiply52 for Interval {
    fn add_low_52(self, a: Self, b: Self) -> Self {
        a.assert_bits(52);
        b.assert_bits(52);
        let highest = u128::from(a.high) * u128::from(b.high);
        self + Self { low: 0, high: highest.min((1 << 52) - 1).try_into().expect("52 bits") }
    }

    fn add_high_52(self, a: Self, b: Self) -> Self {
        a.assert_bits(52);
        b.assert_bits(52);
        let high = |a: u64, b: u64| (u128::from(a) * u128::from(b)) >> 52;
        let high = |a, b| u64::try_from(high(a, b)).expect("52 bits");
        self + Self { low: high(a.low, b.low), high: high(a.high, b.high) }
    }
}

impl Backend for Intervals {
    type Word = Interval;
    const SLOW_ALONE: bool = false;

    fn word(self, mut value: impl FnMut(usize) -> u64) -> Interval {
        Interval::exactly(value(0))
    }

    fn row(self, values: [u64; 8]) -> Interval {
        values.map(Interval::exactly).into_iter().reduce(Interval::with).expect("eight values")
    }

    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T {
        work()
    }
}
