//! The field in radix 2^51: five limbs, for whichever way a vector unit multiplies them.
//!
//! An element is a0 + a1·2^51 + … + a4·2^204, and so is a product; how large their limbs may be, a
//! [`Radix51`] states and keeps to. There are two: [`super::integers51`] for products of 52 bits, and
//! [`super::doubles51`] for fused multiply-adds of doubles.
//!
//! The test `bounds` runs both over intervals instead of numbers, and so proves their bounds for
//! every input.

use core::fmt::Debug;
use core::marker::PhantomData;

use zeroize::Zeroize;

use super::field::Field;
use super::limbs::{MASK_51, P};
use super::word::{Backend, Word};

/// How limbs are multiplied, and how large they may be.
///
/// Functions that take limbs of products take those of a sum of two, too.
pub(crate) trait Radix51: Copy + Debug + Send + Sync + 'static {
    /// The vector unit.
    type Backend: Backend;

    /// Every limb of an element is below this.
    const ELEMENT_BOUND: u64;
    /// Every limb of a product is below this.
    const PRODUCT_BOUND: u64;
    /// 2 to this times p has no limb below [`PRODUCT_BOUND`](Self::PRODUCT_BOUND).
    const MULTIPLE_OF_P: u32;

    /// From the limbs of two elements to those of a product.
    fn multiply(a: &[WordOf<Self>; 5], b: &[WordOf<Self>; 5]) -> [WordOf<Self>; 5];

    /// From the limbs of an element to those of a product.
    fn square(a: &[WordOf<Self>; 5]) -> [WordOf<Self>; 5];

    /// `limb + 19 · carry`, for what is carried out of the top limb and around to the lowest.
    fn carry_around(limb: WordOf<Self>, carry: WordOf<Self>) -> WordOf<Self>;

    /// `addend + 121665 · a`, from the limbs of a product and of an element to those of an element.
    fn add_121665_times(addend: &[WordOf<Self>; 5], a: &[WordOf<Self>; 5]) -> [WordOf<Self>; 5];
}

/// One pass of carries, all at once: from the limbs of products, and at most 2 to the
/// [`MULTIPLE_OF_P`](Radix51::MULTIPLE_OF_P) times p more, to those of an element.
#[inline(always)]
pub(crate) fn carry<R: Radix51>([a, b, c, d, e]: [WordOf<R>; 5]) -> [WordOf<R>; 5] {
    let mask = a.splat(MASK_51);
    [
        R::carry_around(a & mask, e.shift_right::<51>()),
        (b & mask) + a.shift_right::<51>(),
        (c & mask) + b.shift_right::<51>(),
        (d & mask) + c.shift_right::<51>(),
        (e & mask) + d.shift_right::<51>(),
    ]
}

/// What it computes with.
pub(crate) type WordOf<R> = <<R as Radix51>::Backend as Backend>::Word;

/// Arithmetic modulo 2^255 − 19 in radix 2^51.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field51<R>(PhantomData<R>);

/// Limbs that may be multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<R: Radix51>([WordOf<R>; 5]);

/// Limbs that may be added, subtracted or reduced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<R: Radix51>([WordOf<R>; 5]);

impl<R: Radix51> Element<R> {
    #[inline(always)]
    fn new(limbs: [WordOf<R>; 5]) -> Self {
        debug_assert!(within(&limbs, R::ELEMENT_BOUND), "limbs of an element");
        Self(limbs)
    }
}

impl<R: Radix51> Product<R> {
    #[inline(always)]
    fn new(limbs: [WordOf<R>; 5]) -> Self {
        debug_assert!(within(&limbs, R::PRODUCT_BOUND), "limbs of a product");
        Self(limbs)
    }
}

/// Whether all limbs are below the bound, in every lane. Never inlined: it is in every operation.
#[inline(never)]
fn within<W: Word>(limbs: &[W; 5], bound: u64) -> bool {
    limbs.iter().all(|limb| limb.all_below(bound))
}

impl<R: Radix51> Zeroize for Element<R> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl<R: Radix51> Field for Field51<R> {
    type Backend = R::Backend;
    type Word = WordOf<R>;
    type Element = Element<R>;
    type Product = Product<R>;
    type Rows = [<WordOf<R> as Word>::Row; 5];

    #[inline(always)]
    fn from_limbs(limbs: &[Self::Word; 5]) -> Self::Product {
        Product::new(*limbs)
    }

    #[inline(always)]
    fn to_limbs(element: &Self::Element) -> [Self::Word; 5] {
        element.0
    }

    #[inline(always)]
    fn multiply(Element(a): &Self::Element, Element(b): &Self::Element) -> Self::Product {
        Product::new(R::multiply(a, b))
    }

    #[inline(always)]
    fn square(Element(a): &Self::Element) -> Self::Product {
        Product::new(R::square(a))
    }

    #[inline(always)]
    fn sum(Product(a): &Self::Product, Product(b): &Self::Product) -> Self::Element {
        let mut sum = *a;
        for (sum, b) in sum.iter_mut().zip(b) {
            *sum = *sum + *b;
        }
        Element::new(carry::<R>(sum))
    }

    #[inline(always)]
    fn difference(Product(a): &Self::Product, Product(b): &Self::Product) -> Self::Element {
        let mut difference = *a;
        for ((difference, b), p) in difference.iter_mut().zip(b).zip(&P) {
            *difference = *difference + (b.splat(p << R::MULTIPLE_OF_P) - *b);
        }
        Element::new(carry::<R>(difference))
    }

    #[inline(always)]
    fn reduce(Product(a): &Self::Product) -> Self::Element {
        Element::new(carry::<R>(*a))
    }

    #[inline(always)]
    fn add_121665_times(
        Product(addend): &Self::Product,
        Element(a): &Self::Element,
    ) -> Self::Element {
        Element::new(R::add_121665_times(addend, a))
    }

    #[inline(always)]
    fn select(
        mask: <Self::Word as Word>::Mask,
        Element(yes): &Self::Element,
        Element(no): &Self::Element,
    ) -> Self::Element {
        let mut selected = *no;
        for (selected, yes) in selected.iter_mut().zip(yes) {
            *selected = Self::Word::select(mask, *yes, *selected);
        }
        Element(selected)
    }

    fn rows(backend: R::Backend, entries: &[[u64; 5]; 8]) -> Self::Rows {
        let limb =
            |number: usize| entries.map(|entry| entry.get(number).copied().unwrap_or_default());
        [0, 1, 2, 3, 4].map(|number| backend.row(limb(number)))
    }

    #[inline(always)]
    fn look_up(place: Self::Word, rows: &Self::Rows) -> Self::Element {
        let mut found = [place; 5];
        for (found, row) in found.iter_mut().zip(rows) {
            *found = found.look_up(row);
        }
        Element::new(found)
    }

    #[inline(always)]
    fn look_up_signed(
        place: Self::Word,
        negative: <Self::Word as Word>::Mask,
        rows: &Self::Rows,
    ) -> Self::Element {
        let Element(mut limbs) = Self::look_up(place, rows);
        // A limb of 2·p is more than any in a table.
        for (limb, p) in limbs.iter_mut().zip(&P) {
            *limb = Self::Word::select(negative, limb.splat(2 * p) - *limb, *limb);
        }
        Element::new(carry::<R>(limbs))
    }
}

/// Hands the numbers i j of all pairs of limbs ai and bj to a macro that adds their products up.
macro_rules! every_pair {
    ($add:ident $columns:ident $a:ident $b:ident) => {
        $add!($columns $a $b:
            0 0, 0 1, 0 2, 0 3, 0 4,
            1 0, 1 1, 1 2, 1 3, 1 4,
            2 0, 2 1, 2 2, 2 3, 2 4,
            3 0, 3 1, 3 2, 3 3, 3 4,
            4 0, 4 1, 4 2, 4 3, 4 4);
    };
}

/// The same for each pair of different limbs of one element, once.
macro_rules! pairs_of_different {
    ($add:ident $columns:ident $a:ident $b:ident) => {
        $add!($columns $a $b: 0 1, 0 2, 0 3, 0 4, 1 2, 1 3, 1 4, 2 3, 2 4, 3 4);
    };
}

/// The same for each limb with itself.
macro_rules! pairs_of_same {
    ($add:ident $columns:ident $a:ident $b:ident) => {
        $add!($columns $a $b: 0 0, 1 1, 2 2, 3 3, 4 4);
    };
}

pub(super) use {every_pair, pairs_of_different, pairs_of_same};

#[cfg(test)]
mod tests;
