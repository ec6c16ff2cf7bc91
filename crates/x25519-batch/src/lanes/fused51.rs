//! The field for fused multiply-adds of doubles: five limbs in radix 2^51.
//!
//! An element is a0 + a1·2^51 + … + a4·2^204, with each limb below 2^51 + 2^17. A product has the
//! same weights, with each limb below 2^60.
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
//!
//! The test `bounds` runs this code over intervals instead of numbers, and so proves the above for
//! every input.

use core::marker::PhantomData;

use zeroize::Zeroize;

use super::field::Field;
use super::limbs::MASK_51;
use super::word::{Backend, MultiplyFused, Word};

/// Every limb of an element is below this.
pub(crate) const ELEMENT_BOUND: u64 = (1 << 51) + (1 << 17);
/// Every limb of a product is below this.
pub(crate) const PRODUCT_BOUND: u64 = 1 << 60;

/// p, limb by limb.
const P: [u64; 5] = [MASK_51 - 18, MASK_51, MASK_51, MASK_51, MASK_51];

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

/// Arithmetic modulo 2^255 − 19 in radix 2^51.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fused51<B>(PhantomData<B>);

/// Limbs that may be multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<W>([W; 5]);

/// Limbs that may be added, subtracted or reduced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<W>([W; 5]);

impl<W: Word> Element<W> {
    #[inline(always)]
    fn new(limbs: [W; 5]) -> Self {
        debug_assert!(within(&limbs, ELEMENT_BOUND), "limbs of an element");
        Self(limbs)
    }
}

impl<W: Word> Product<W> {
    #[inline(always)]
    fn new(limbs: [W; 5]) -> Self {
        debug_assert!(within(&limbs, PRODUCT_BOUND), "limbs of a product");
        Self(limbs)
    }
}

/// Whether all limbs are below the bound, in every lane. Never inlined: it is in every operation.
#[inline(never)]
fn within<W: Word>(limbs: &[W; 5], bound: u64) -> bool {
    limbs.iter().all(|limb| limb.all_below(bound))
}

impl<W: Word> Zeroize for Element<W> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Adds both numbers of ai·bj to their columns, for each pair i j that is listed.
macro_rules! add_products {
    ($columns:ident $a:ident $b:ident: $($i:literal $j:literal),*) => {$(
        let (low, high) = B::Word::halves($a[$i], $b[$j]);
        $columns[$i + $j] = $columns[$i + $j] + low;
        $columns[$i + $j + 1] = $columns[$i + $j + 1] + high;
    )*};
}

impl<B: Backend<Word: MultiplyFused>> Field for Fused51<B> {
    type Backend = B;
    type Word = B::Word;
    type Element = Element<B::Word>;
    type Product = Product<B::Word>;
    type Rows = [<B::Word as Word>::Row; 5];

    #[inline(always)]
    fn from_limbs(limbs: &[B::Word; 5]) -> Self::Product {
        Product::new(*limbs)
    }

    #[inline(always)]
    fn to_limbs(element: &Self::Element) -> [B::Word; 5] {
        element.0
    }

    #[inline(always)]
    fn multiply(Element(a): &Self::Element, Element(b): &Self::Element) -> Self::Product {
        let mut columns = [a[0].splat(0); 10];
        let (a, b) = (factors(a), factors(b));
        add_products!(columns a b:
            0 0, 0 1, 0 2, 0 3, 0 4,
            1 0, 1 1, 1 2, 1 3, 1 4,
            2 0, 2 1, 2 2, 2 3, 2 4,
            3 0, 3 1, 3 2, 3 3, 3 4,
            4 0, 4 1, 4 2, 4 3, 4 4);
        fold(columns)
    }

    // A pair of different limbs counts twice. To double a limb beforehand would leave the bounds.
    #[inline(always)]
    fn square(Element(a): &Self::Element) -> Self::Product {
        let mut columns = [a[0].splat(0); 10];
        let a = factors(a);
        add_products!(columns a a: 0 1, 0 2, 0 3, 0 4, 1 2, 1 3, 1 4, 2 3, 2 4, 3 4);
        for column in &mut columns {
            *column = *column + *column;
        }
        add_products!(columns a a: 0 0, 1 1, 2 2, 3 3, 4 4);
        fold(columns)
    }

    #[inline(always)]
    fn sum(Product(a): &Self::Product, Product(b): &Self::Product) -> Self::Element {
        let mut sum = *a;
        for (sum, b) in sum.iter_mut().zip(b) {
            *sum = *sum + *b;
        }
        carry(sum)
    }

    #[inline(always)]
    fn difference(Product(a): &Self::Product, Product(b): &Self::Product) -> Self::Element {
        let mut difference = *a;
        for ((difference, b), p) in difference.iter_mut().zip(b).zip(&P) {
            *difference = *difference + (b.splat(p << 10) - *b);
        }
        carry(difference)
    }

    #[inline(always)]
    fn reduce(Product(a): &Self::Product) -> Self::Element {
        carry(*a)
    }

    #[inline(always)]
    fn add_121665_times(Product(b): &Self::Product, Element(a): &Self::Element) -> Self::Element {
        let factor = a[0].splat(121_665).factor();
        let (mut low, mut high) = (*b, *b);
        for (((low, high), limb), p) in low.iter_mut().zip(&mut high).zip(a).zip(&P) {
            let halves = B::Word::halves(limb.factor(), factor);
            *low = *low + halves.0 + limb.splat(p - EXCESS);
            *high = halves.1;
        }
        let ([l0, l1, l2, l3, l4], [h0, h1, h2, h3, h4]) = (low, high);
        carry([l0 + h4.times_19(), l1 + h0, l2 + h1, l3 + h2, l4 + h3])
    }

    #[inline(always)]
    fn select(
        mask: <B::Word as Word>::Mask,
        Element(yes): &Self::Element,
        Element(no): &Self::Element,
    ) -> Self::Element {
        let mut selected = *no;
        for (selected, yes) in selected.iter_mut().zip(yes) {
            *selected = B::Word::select(mask, *yes, *selected);
        }
        Element(selected)
    }

    fn rows(backend: B, entries: &[[u64; 5]; 8]) -> Self::Rows {
        let limb =
            |number: usize| entries.map(|entry| entry.get(number).copied().unwrap_or_default());
        [0, 1, 2, 3, 4].map(|number| backend.row(limb(number)))
    }

    #[inline(always)]
    fn look_up(place: B::Word, rows: &Self::Rows) -> Self::Element {
        let mut found = [place; 5];
        for (found, row) in found.iter_mut().zip(rows) {
            *found = found.look_up(row);
        }
        Element::new(found)
    }

    #[inline(always)]
    fn look_up_signed(
        place: B::Word,
        negative: <B::Word as Word>::Mask,
        rows: &Self::Rows,
    ) -> Self::Element {
        let Element(mut limbs) = Self::look_up(place, rows);
        // A limb of 2·p is more than any in a table.
        for (limb, p) in limbs.iter_mut().zip(&P) {
            *limb = B::Word::select(negative, limb.splat(2 * p) - *limb, *limb);
        }
        carry(limbs)
    }
}

/// The limbs, to be multiplied.
#[inline(always)]
fn factors<W: MultiplyFused>([a, b, c, d, e]: &[W; 5]) -> [W::Factor; 5] {
    [a.factor(), b.factor(), c.factor(), d.factor(), e.factor()]
}

/// Takes the upper five columns down, 19-fold, and makes good what is too large.
#[inline(always)]
fn fold<W: Word>(columns: [W; 10]) -> Product<W> {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
    let mut limbs = [c0, c1, c2, c3, c4];
    let upper = [c5, c6, c7, c8, c9];
    for ((limb, upper), correction) in limbs.iter_mut().zip(upper).zip(CORRECTION) {
        *limb = *limb + limb.splat(correction) + upper.times_19();
    }
    Product::new(limbs)
}

/// One pass of carries, all at once: from limbs below 2^62 to an element.
#[inline(always)]
fn carry<W: MultiplyFused>([a, b, c, d, e]: [W; 5]) -> Element<W> {
    let mask = a.splat(MASK_51);
    Element::new([
        (a & mask) + e.shift_right::<51>().small_times_19(),
        (b & mask) + a.shift_right::<51>(),
        (c & mask) + b.shift_right::<51>(),
        (d & mask) + c.shift_right::<51>(),
        (e & mask) + d.shift_right::<51>(),
    ])
}

#[cfg(test)]
mod tests;
