//! Radix 2^51 for products of 52 bits.
//!
//! The limbs of an element are below 2^52, those of a product below 2^61.
//!
//! # Bounds
//!
//! The instructions give the low and the high 52 bits of the product of two limbs. With a factor
//! below 2^52 each, both are below 2^52. The low half of ai·bj belongs to the column i + j, and the
//! high half, as 2^52 = 2·2^51, twice to the column i + j + 1. As 2^255 is 19 modulo p, the column
//! k + 5 belongs 19 times to the column k. Column 0 is the largest that comes of this: one low
//! half, and 19 times four low and five high halves, the latter doubled. That is below (1 + 19·(4 +
//! 2·5))·2^52 = 267·2^52 < 2^61, so nothing leaves 64 bits.
//!
//! A sum of two products is below 2^62. For a difference, 2^11·p is added limb by limb; its limbs
//! are at least 2^61, so none goes below zero, and the result is below 2^61 + 2^62. One pass of
//! carries brings a limb below 2^63 to less than 2^51 + 2^12, the lowest to less than 2^51 +
//! 19·2^12, since the carry out of the top comes back 19 times. Both are below 2^52: an element.

use core::marker::PhantomData;

use super::field51::{Radix51, carry, every_pair, pairs_of_different, pairs_of_same};
use super::word::{Backend, Multiply52, Word};

/// Multiplies integers of 52 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integers51<B>(PhantomData<B>);

/// Adds the low halves of ai·bj to their columns, for each pair i j that is listed.
macro_rules! add_low {
    ($columns:ident $a:ident $b:ident: $($i:literal $j:literal),*) => {$(
        $columns[$i + $j] = $columns[$i + $j].add_low_52($a[$i], $b[$j]);
    )*};
}

/// Adds the high halves of ai·bj to their columns, for each pair i j that is listed.
macro_rules! add_high {
    ($columns:ident $a:ident $b:ident: $($i:literal $j:literal),*) => {$(
        $columns[$i + $j + 1] = $columns[$i + $j + 1].add_high_52($a[$i], $b[$j]);
    )*};
}

impl<B: Backend<Word: Multiply52>> Radix51 for Integers51<B> {
    type Backend = B;
    const ELEMENT_BOUND: u64 = 1 << 52;
    const PRODUCT_BOUND: u64 = 1 << 61;
    const MULTIPLE_OF_P: u32 = 11;

    // All high halves first, and into the same columns: so most of it stays in registers.
    #[inline(always)]
    fn multiply(a: &[B::Word; 5], b: &[B::Word; 5]) -> [B::Word; 5] {
        let mut columns = [a[0].splat(0); 10];
        every_pair!(add_high columns a b);
        double(&mut columns);
        every_pair!(add_low columns a b);
        fold(columns)
    }

    // A pair of different limbs counts twice, so there is one doubling more.
    #[inline(always)]
    fn square(a: &[B::Word; 5]) -> [B::Word; 5] {
        let mut columns = [a[0].splat(0); 10];
        pairs_of_different!(add_high columns a a);
        double(&mut columns);
        pairs_of_different!(add_low columns a a);
        pairs_of_same!(add_high columns a a);
        double(&mut columns);
        pairs_of_same!(add_low columns a a);
        fold(columns)
    }

    #[inline(always)]
    fn carry_around(limb: B::Word, carry: B::Word) -> B::Word {
        limb.add_low_52(carry, limb.splat(19))
    }

    #[inline(always)]
    fn add_121665_times(addend: &[B::Word; 5], a: &[B::Word; 5]) -> [B::Word; 5] {
        let factor = a[0].splat(121_665);
        let zero = a[0].splat(0);
        let (mut low, mut high) = (*addend, [zero; 5]);
        for ((low, high), limb) in low.iter_mut().zip(&mut high).zip(a) {
            *low = low.add_low_52(*limb, factor);
            *high = high.add_high_52(*limb, factor);
        }
        // A high half is below 2^17, so its 38-fold is nothing beside a product's limb.
        let [h0, h1, h2, h3, h4] = high.map(
            #[inline(always)]
            |high| high + high,
        );
        let [l0, l1, l2, l3, l4] = low;
        carry::<Self>([l0 + h4.times_19(), l1 + h0, l2 + h1, l3 + h2, l4 + h3])
    }
}

#[inline(always)]
fn double<W: Word>(columns: &mut [W; 10]) {
    for column in columns {
        *column = *column + *column;
    }
}

/// Takes the upper five columns down, 19-fold.
#[inline(always)]
fn fold<W: Word>(columns: [W; 10]) -> [W; 5] {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
    [
        c0 + c5.times_19(),
        c1 + c6.times_19(),
        c2 + c7.times_19(),
        c3 + c8.times_19(),
        c4 + c9.times_19(),
    ]
}
