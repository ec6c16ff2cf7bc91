//! The field for products of 52 bits: five limbs in radix 2^51.
//!
//! An element is a0 + a1·2^51 + … + a4·2^204, with each limb below 2^52. A product has the same
//! weights, with each limb below 2^61.
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
//!
//! The test `bounds` runs this code over intervals instead of numbers, and so proves the above for
//! every input.

use core::marker::PhantomData;

use zeroize::Zeroize;

use super::field::Field;
use super::limbs::MASK_51;
use super::word::{Backend, Multiply52, Word};

/// Every limb of an element is below this.
pub(crate) const ELEMENT_BOUND: u64 = 1 << 52;
/// Every limb of a product is below this.
pub(crate) const PRODUCT_BOUND: u64 = 1 << 61;

/// p, limb by limb.
const P: [u64; 5] = [MASK_51 - 18, MASK_51, MASK_51, MASK_51, MASK_51];

/// Arithmetic modulo 2^255 − 19 in radix 2^51.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field51<B>(PhantomData<B>);

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

impl<B: Backend<Word: Multiply52>> Field for Field51<B> {
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

    // All high halves first, and into the same columns: so most of it stays in registers.
    #[inline(always)]
    fn multiply(Element(a): &Self::Element, Element(b): &Self::Element) -> Self::Product {
        let mut columns = [a[0].splat(0); 10];
        add_high!(columns a b:
            0 0, 0 1, 0 2, 0 3, 0 4,
            1 0, 1 1, 1 2, 1 3, 1 4,
            2 0, 2 1, 2 2, 2 3, 2 4,
            3 0, 3 1, 3 2, 3 3, 3 4,
            4 0, 4 1, 4 2, 4 3, 4 4);
        double(&mut columns);
        add_low!(columns a b:
            0 0, 0 1, 0 2, 0 3, 0 4,
            1 0, 1 1, 1 2, 1 3, 1 4,
            2 0, 2 1, 2 2, 2 3, 2 4,
            3 0, 3 1, 3 2, 3 3, 3 4,
            4 0, 4 1, 4 2, 4 3, 4 4);
        fold(columns)
    }

    // A pair of different limbs counts twice, so there is one doubling more.
    #[inline(always)]
    fn square(Element(a): &Self::Element) -> Self::Product {
        let mut columns = [a[0].splat(0); 10];
        add_high!(columns a a: 0 1, 0 2, 0 3, 0 4, 1 2, 1 3, 1 4, 2 3, 2 4, 3 4);
        double(&mut columns);
        add_low!(columns a a: 0 1, 0 2, 0 3, 0 4, 1 2, 1 3, 1 4, 2 3, 2 4, 3 4);
        add_high!(columns a a: 0 0, 1 1, 2 2, 3 3, 4 4);
        double(&mut columns);
        add_low!(columns a a: 0 0, 1 1, 2 2, 3 3, 4 4);
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
            *difference = *difference + (b.splat(p << 11) - *b);
        }
        carry(difference)
    }

    #[inline(always)]
    fn reduce(Product(a): &Self::Product) -> Self::Element {
        carry(*a)
    }

    #[inline(always)]
    fn add_121665_times(Product(b): &Self::Product, Element(a): &Self::Element) -> Self::Element {
        let factor = a[0].splat(121_665);
        let zero = a[0].splat(0);
        let (mut low, mut high) = (*b, [zero; 5]);
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
        // A limb in a table is below 2^51 − 18, so one of 2·p less it is above 0 and below 2^52.
        for (limb, p) in limbs.iter_mut().zip(&P) {
            *limb = B::Word::select(negative, limb.splat(2 * p) - *limb, *limb);
        }
        Element::new(limbs)
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
fn fold<W: Word>(columns: [W; 10]) -> Product<W> {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9] = columns;
    Product::new([
        c0 + c5.times_19(),
        c1 + c6.times_19(),
        c2 + c7.times_19(),
        c3 + c8.times_19(),
        c4 + c9.times_19(),
    ])
}

/// One pass of carries, all at once: from limbs below 2^63 to an element.
#[inline(always)]
fn carry<W: Multiply52>([a, b, c, d, e]: [W; 5]) -> Element<W> {
    let mask = a.splat(MASK_51);
    Element::new([
        (a & mask).add_low_52(e.shift_right::<51>(), a.splat(19)),
        (b & mask) + a.shift_right::<51>(),
        (c & mask) + b.shift_right::<51>(),
        (d & mask) + c.shift_right::<51>(),
        (e & mask) + d.shift_right::<51>(),
    ])
}

#[cfg(test)]
mod tests;
