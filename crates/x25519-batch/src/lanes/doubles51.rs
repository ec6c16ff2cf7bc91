//! Radix 2^51 for fused multiply-adds of doubles.
//!
//! The limbs of an element are below 2^51 + 2^17, those of a product below 2^60.
//!
//! # Bounds
//!
//! The product of two limbs is below 2^103, and comes as two numbers of 52 bits: a high one in units
//! of 2^51, rounded to the nearest, and a low one that is what remains. The low one of ai·bj belongs
//! to the column i + j, the high one to the column i + j + 1. As 2^255 is 19 modulo p, the column
//! k + 5 belongs 19 times to the column k.
//!
//! Because of the rounding a low number may be negative, down to −2^50. So 2^50 is added to each, which
//! makes 2^51 at most, and in the end a multiple of p takes the place of these: 64·p, which is more
//! than them in every limb. Column 0 is the largest that comes of it all: one low number, and 19
//! times four low and five high ones. With 2^51 + 2^18 above a high number, that is below (1 +
//! 19·(4 + 5))·2^51 + 2^27, and with 64·p below 2^60.
//!
//! A sum of two products is below 2^61. For a difference, 2^10·p is added limb by limb; its limbs
//! are at least 2^60, so none goes below zero, and the result is below 2^60 + 2^61. One pass of
//! carries brings a limb below 2^62 to less than 2^51 + 2^11, the lowest to less than 2^51 +
//! 19·2^11, since the carry out of the top comes back 19 times. Both are elements.

use core::marker::PhantomData;

use super::field51::{Radix51, carry, every_pair, pairs_of_different, pairs_of_same};
use super::limbs::P;
use super::word::{Backend, MultiplyFused, Word};

/// Multiplies doubles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doubles51<B>(PhantomData<B>);

/// By this each low number is too large.
const EXCESS: u64 = 1 << 50;

/// 64·p, less what the low numbers in the columns of a product are too large by: there are k + 1 of
/// them in column k, and 4 − k in column k + 5, which counts 19 times.
const CORRECTION: [u64; 5] = [
    64 * P[0] - 77 * EXCESS,
    64 * P[1] - 59 * EXCESS,
    64 * P[2] - 41 * EXCESS,
    64 * P[3] - 23 * EXCESS,
    64 * P[4] - 5 * EXCESS,
];

/// Adds both numbers of ai·bj to their columns, for each pair i j that is listed.
macro_rules! add_products {
    ($columns:ident $a:ident $b:ident: $($i:literal $j:literal),*) => {$(
        let (low, high) = B::Word::halves($a[$i], $b[$j]);
        $columns[$i + $j] = $columns[$i + $j] + low;
        $columns[$i + $j + 1] = $columns[$i + $j + 1] + high;
    )*};
}

impl<B: Backend<Word: MultiplyFused>> Radix51 for Doubles51<B> {
    type Backend = B;
    const ELEMENT_BOUND: u64 = (1 << 51) + (1 << 17);
    const PRODUCT_BOUND: u64 = 1 << 60;
    const MULTIPLE_OF_P: u32 = 10;

    #[inline(always)]
    fn multiply(a: &[B::Word; 5], b: &[B::Word; 5]) -> [B::Word; 5] {
        let mut columns = [a[0].splat(0); 10];
        let (a, b) = (factors(a), factors(b));
        every_pair!(add_products columns a b);
        fold(columns)
    }

    // A pair of different limbs counts twice. To double a limb beforehand would leave the bounds.
    #[inline(always)]
    fn square(a: &[B::Word; 5]) -> [B::Word; 5] {
        let mut columns = [a[0].splat(0); 10];
        let a = factors(a);
        pairs_of_different!(add_products columns a a);
        for column in &mut columns {
            *column = *column + *column;
        }
        pairs_of_same!(add_products columns a a);
        fold(columns)
    }

    #[inline(always)]
    fn carry_around(limb: B::Word, carry: B::Word) -> B::Word {
        limb + carry.small_times_19()
    }

    #[inline(always)]
    fn add_121665_times(addend: &[B::Word; 5], a: &[B::Word; 5]) -> [B::Word; 5] {
        let factor = a[0].splat(121_665).factor();
        let (mut low, mut high) = (*addend, *addend);
        for (((low, high), limb), p) in low.iter_mut().zip(&mut high).zip(a).zip(&P) {
            let halves = B::Word::halves(limb.factor(), factor);
            *low = *low + halves.0 + limb.splat(p - EXCESS);
            *high = halves.1;
        }
        let ([l0, l1, l2, l3, l4], [h0, h1, h2, h3, h4]) = (low, high);
        carry::<Self>([l0 + h4.times_19(), l1 + h0, l2 + h1, l3 + h2, l4 + h3])
    }
}

/// The limbs, to be multiplied.
#[inline(always)]
fn factors<W: MultiplyFused>([a, b, c, d, e]: &[W; 5]) -> [W::Factor; 5] {
    [a.factor(), b.factor(), c.factor(), d.factor(), e.factor()]
}

/// Takes the upper five columns down, 19-fold, and makes good what is too large.
#[inline(always)]
fn fold<W: Word>(columns: [W; 10]) -> [W; 5] {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
    let mut limbs = [c0, c1, c2, c3, c4];
    let upper = [c5, c6, c7, c8, c9];
    for ((limb, upper), correction) in limbs.iter_mut().zip(upper).zip(CORRECTION) {
        *limb = *limb + limb.splat(correction) + upper.times_19();
    }
    limbs
}
