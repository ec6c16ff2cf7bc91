//! What the field arithmetic asks of a vector unit.
//!
//! A [`Word`] is one vector register: a 64-bit integer in each lane. A [`Backend`] is the proof
//! that the processor has the unit; only it makes words from nothing. From then on every word is
//! itself a witness, since it could not have been made without the proof. That is why the methods
//! here are safe to call.

use core::fmt::Debug;
use core::ops::{Add, BitAnd, BitOr, BitXor, Sub};

use zeroize::Zeroize;

/// A 64-bit unsigned integer in each lane.
///
/// Sums and differences must not leave 64 bits: whoever adds knows the bounds. Nothing here takes a
/// time that depends on what is in a lane.
pub(crate) trait Word:
    Copy
    + Debug
    + Send
    + Sync
    + Zeroize
    + Add<Output = Self>
    + Sub<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitXor<Output = Self>
{
    /// How many lanes there are.
    const LANES: usize;
    /// Yes or no for each lane.
    type Mask: Copy;
    /// What each lane holds.
    type Lanes: AsRef<[u64]>;
    /// Eight values to look up, the same for all lanes.
    type Row: Copy + Send + Sync;

    /// `value` in every lane of a word like this one.
    fn splat(self, value: u64) -> Self;

    /// What each lane holds.
    fn lanes(self) -> Self::Lanes;

    /// What one lane holds.
    fn lane(self, lane: usize) -> u64 {
        self.lanes().as_ref().get(lane).copied().unwrap_or_default()
    }

    /// Shifts towards the high end; what is shifted out is lost.
    fn shift_left<const BITS: i32>(self) -> Self;

    /// Shifts towards the low end.
    fn shift_right<const BITS: i32>(self) -> Self;

    /// Which lanes are zero.
    fn is_zero(self) -> Self::Mask;

    /// `yes` in the lanes of the mask, `no` in the others.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// 19 times each lane.
    #[inline(always)]
    fn times_19(self) -> Self {
        self.shift_left::<4>() + self.shift_left::<1>() + self
    }

    /// For each lane the value that stands in `row` at the place that the lane says, 0 to 7.
    ///
    /// No memory address depends on it: the row is in a register, or all of it is read.
    fn look_up(self, row: &Self::Row) -> Self;

    /// Whether every lane is below `bound`. Only for assertions: it takes a time that depends on
    /// the lanes.
    fn all_below(self, bound: u64) -> bool {
        self.lanes().as_ref().iter().all(|&lane| lane < bound)
    }
}

/// A word whose lanes multiply 52 by 52 bits.
pub(crate) trait Multiply52: Word {
    /// Adds bits 0 to 51 of `a · b` to each lane; `a` and `b` are below 2^52.
    fn add_low_52(self, a: Self, b: Self) -> Self;

    /// Adds bits 52 to 103 of `a · b` to each lane; `a` and `b` are below 2^52.
    fn add_high_52(self, a: Self, b: Self) -> Self;
}

/// A word whose lanes multiply as doubles: exactly, in two steps.
pub(crate) trait MultiplyFused: Word {
    /// A double in each lane.
    type Factor: Copy;

    /// The lanes, each below 2^52, to be multiplied.
    fn factor(self) -> Self::Factor;

    /// The two numbers `(low, high)` with `a · b = high · 2^51 + low − 2^50` and `low` at most 2^51,
    /// in each lane; `a · b` is below 2^103. Of two such pairs it may be either.
    fn halves(a: Self::Factor, b: Self::Factor) -> (Self, Self);

    /// 19 times each lane, which is below 2^27.
    fn small_times_19(self) -> Self;
}

/// The proof that a vector unit is there, and the maker of its words.
pub(crate) trait Backend: Copy + Debug + Send + Sync + 'static {
    /// What the unit computes with.
    type Word: Word;

    /// Whether one operation by itself, for which a vector is computed whole, takes longer than on
    /// the portable tier.
    const SLOW_ALONE: bool;

    /// A word with `value(lane)` in each lane.
    fn word(self, value: impl FnMut(usize) -> u64) -> Self::Word;

    /// A row with these values, each below 2^52.
    fn row(self, values: [u64; 8]) -> <Self::Word as Word>::Row;

    /// Runs `work` as code that the compiler may use the unit's instructions in.
    ///
    /// All of `work` must be inlined into it, down to the words' methods; what is not still
    /// computes the same, but slowly.
    fn vectorize<T>(self, work: impl FnOnce() -> T) -> T;
}
