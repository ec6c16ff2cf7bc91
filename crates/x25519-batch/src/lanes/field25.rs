//! The field for products of 32 bits: ten limbs of 26 and 25 bits in turn, "radix 2^25.5".
//!
//! A number is a0 + a1·2^26 + a2·2^51 + a3·2^77 + …: limb i has the weight 2^w(i), where w(i) is
//! 25.5·i, rounded up. A product is carried at once, since that is cheaper here than to carry its
//! sums: its even limbs are below 2^26, its odd limbs below 2^25 + 2^11. An element is one product,
//! or a sum or difference of two: its even limbs are below 3·2^26, its odd limbs below 3·2^25 +
//! 2^11.
//!
//! # Bounds
//!
//! The weights of ai and bj multiply to that of the limb i + j, times two where i and j are odd. As
//! 2^255 is 19 modulo p, the column k + 10 belongs 19 times to the column k. So bj is multiplied by
//! 19 beforehand, which stays below 19·3·2^26 < 2^32, and ai by two where it is odd, which stays
//! below 3·2^26 + 2^12: factors of 32 bits. Column 0 is the largest sum: a0·b0, and 19-fold five
//! products of odd limbs, doubled, and four of even limbs. With v = 3·2^26 + 2^12 above an even
//! limb and v/2 above an odd one, that is below (1 + 19·(5·2/4 + 4))·v² = 124.5·v² < 2^63, so
//! nothing leaves 64 bits.
//!
//! Two chains of carries, from limb 0 to 4 and from limb 4 around to 0, leave a limb below its own
//! width, and limbs 1 and 5 with what limbs 0 and 4 carried into them last. Into limb 4 comes less
//! than 2^37 from limb 3, and into limb 0 less than 19·2^33 around the top, so that is less than
//! 2^11. A sum doubles the bounds of a product. For a difference, 2·p is added limb by limb, which
//! is more than any limb of a product, so none goes below zero.
//!
//! The test `bounds` runs this code over intervals instead of numbers, and so proves the above for
//! every input.

use core::marker::PhantomData;

use zeroize::Zeroize;

use super::field::Field;
use super::limbs::MASK_51;
use super::word::{Backend, Multiply32, Word};

/// Bits 0 to 25.
const MASK_26: u64 = (1 << 26) - 1;
/// Bits 0 to 24.
const MASK_25: u64 = (1 << 25) - 1;

/// The limbs of an element are below these, the even and the odd ones.
pub(crate) const ELEMENT_BOUNDS: [u64; 2] = [3 << 26, (3 << 25) + (1 << 11)];
/// The limbs of a product are below these, the even and the odd ones.
pub(crate) const PRODUCT_BOUNDS: [u64; 2] = [1 << 26, (1 << 25) + (1 << 11)];

/// p, limb by limb.
const P: [u64; 10] =
    [MASK_26 - 18, MASK_25, MASK_26, MASK_25, MASK_26, MASK_25, MASK_26, MASK_25, MASK_26, MASK_25];

/// Arithmetic modulo 2^255 − 19 in limbs of 26 and 25 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field25<B>(PhantomData<B>);

/// Limbs that may be multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element<W>([W; 10]);

/// Limbs that may be added or subtracted, once, and multiplied as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product<W>([W; 10]);

impl<W: Word> Element<W> {
    #[inline(always)]
    fn new(limbs: [W; 10]) -> Self {
        debug_assert!(within(&limbs, ELEMENT_BOUNDS), "limbs of an element");
        Self(limbs)
    }
}

impl<W: Word> Product<W> {
    #[inline(always)]
    fn new(limbs: [W; 10]) -> Self {
        debug_assert!(within(&limbs, PRODUCT_BOUNDS), "limbs of a product");
        Self(limbs)
    }
}

/// Whether even and odd limbs are below their bounds, in every lane. Never inlined: it is in every
/// operation.
#[inline(never)]
fn within<W: Word>(limbs: &[W; 10], bounds: [u64; 2]) -> bool {
    limbs.iter().zip(bounds.iter().cycle()).all(|(limb, &bound)| limb.all_below(bound))
}

impl<W: Word> Zeroize for Element<W> {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Adds the products of one limb of `a`, plain or doubled, with the limbs of `b` that are listed,
/// plain or 19-fold, to their columns.
macro_rules! add_row {
    ($columns:ident: $i:literal $plain:expr, $doubled:expr; $b:ident $b19:ident: $($j:literal)*) => {$(
        let a = if $i % 2 == 1 && $j % 2 == 1 { $doubled } else { $plain };
        let b = if $i + $j < 10 { $b[$j] } else { $b19[$j] };
        $columns[($i + $j) % 10] = $columns[($i + $j) % 10] + a.multiply_32(b);
    )*};
}

impl<B: Backend<Word: Multiply32>> Field for Field25<B> {
    type Backend = B;
    type Word = B::Word;
    type Element = Element<B::Word>;
    type Product = Product<B::Word>;
    type Rows = [<B::Word as Word>::Row; 10];

    #[inline(always)]
    fn from_limbs([a, b, c, d, e]: &[B::Word; 5]) -> Self::Product {
        let low = a.splat(MASK_26);
        Product::new([
            *a & low,
            a.shift_right::<26>(),
            *b & low,
            b.shift_right::<26>(),
            *c & low,
            c.shift_right::<26>(),
            *d & low,
            d.shift_right::<26>(),
            *e & low,
            e.shift_right::<26>(),
        ])
    }

    #[inline(always)]
    fn to_limbs(Element(limbs): &Self::Element) -> [B::Word; 5] {
        let Product([a, b, c, d, e, f, g, h, i, j]) = carry(*limbs);
        [
            a + b.shift_left::<26>(),
            c + d.shift_left::<26>(),
            e + f.shift_left::<26>(),
            g + h.shift_left::<26>(),
            i + j.shift_left::<26>(),
        ]
    }

    #[inline(always)]
    fn multiply(Element(a): &Self::Element, Element(b): &Self::Element) -> Self::Product {
        let b19 = times_19(b);
        let mut columns = [a[0].splat(0); 10];
        add_row!(columns: 0 a[0], a[0]; b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 1 a[1], a[1].times_32(2); b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 2 a[2], a[2]; b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 3 a[3], a[3].times_32(2); b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 4 a[4], a[4]; b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 5 a[5], a[5].times_32(2); b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 6 a[6], a[6]; b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 7 a[7], a[7].times_32(2); b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 8 a[8], a[8]; b b19: 0 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 9 a[9], a[9].times_32(2); b b19: 0 1 2 3 4 5 6 7 8 9);
        carry(columns)
    }

    #[inline(always)]
    fn square(Element(a): &Self::Element) -> Self::Product {
        let a19 = times_19(a);
        let mut columns = [a[0].splat(0); 10];
        // Each pair of different limbs once, then doubled; then the squares of limbs.
        add_row!(columns: 0 a[0], a[0]; a a19: 1 2 3 4 5 6 7 8 9);
        add_row!(columns: 1 a[1], a[1].times_32(2); a a19: 2 3 4 5 6 7 8 9);
        add_row!(columns: 2 a[2], a[2]; a a19: 3 4 5 6 7 8 9);
        add_row!(columns: 3 a[3], a[3].times_32(2); a a19: 4 5 6 7 8 9);
        add_row!(columns: 4 a[4], a[4]; a a19: 5 6 7 8 9);
        add_row!(columns: 5 a[5], a[5].times_32(2); a a19: 6 7 8 9);
        add_row!(columns: 6 a[6], a[6]; a a19: 7 8 9);
        add_row!(columns: 7 a[7], a[7].times_32(2); a a19: 8 9);
        add_row!(columns: 8 a[8], a[8]; a a19: 9);
        for column in &mut columns {
            *column = *column + *column;
        }
        add_row!(columns: 0 a[0], a[0]; a a19: 0);
        add_row!(columns: 1 a[1], a[1].times_32(2); a a19: 1);
        add_row!(columns: 2 a[2], a[2]; a a19: 2);
        add_row!(columns: 3 a[3], a[3].times_32(2); a a19: 3);
        add_row!(columns: 4 a[4], a[4]; a a19: 4);
        add_row!(columns: 5 a[5], a[5].times_32(2); a a19: 5);
        add_row!(columns: 6 a[6], a[6]; a a19: 6);
        add_row!(columns: 7 a[7], a[7].times_32(2); a a19: 7);
        add_row!(columns: 8 a[8], a[8]; a a19: 8);
        add_row!(columns: 9 a[9], a[9].times_32(2); a a19: 9);
        carry(columns)
    }

    #[inline(always)]
    fn sum(Product(a): &Self::Product, Product(b): &Self::Product) -> Self::Element {
        let mut sum = *a;
        for (sum, b) in sum.iter_mut().zip(b) {
            *sum = *sum + *b;
        }
        Element::new(sum)
    }

    #[inline(always)]
    fn difference(Product(a): &Self::Product, Product(b): &Self::Product) -> Self::Element {
        let mut difference = *a;
        for ((difference, b), p) in difference.iter_mut().zip(b).zip(&P) {
            *difference = *difference + (b.splat(2 * p) - *b);
        }
        Element::new(difference)
    }

    #[inline(always)]
    fn reduce(Product(a): &Self::Product) -> Self::Element {
        Element::new(*a)
    }

    #[inline(always)]
    fn add_121665_times(Product(b): &Self::Product, Element(a): &Self::Element) -> Self::Element {
        let mut columns = *b;
        for (column, a) in columns.iter_mut().zip(a) {
            *column = *column + a.multiply_32(a.splat(121_665));
        }
        Self::reduce(&carry(columns))
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
        let limb = |number: usize| {
            entries.map(|entry| {
                let limb = entry.get(number / 2).copied().unwrap_or_default();
                if number.is_multiple_of(2) { limb & MASK_26 } else { (limb & MASK_51) >> 26 }
            })
        };
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|number| backend.row(limb(number)))
    }

    #[inline(always)]
    fn look_up(place: B::Word, rows: &Self::Rows) -> Self::Element {
        let mut found = [place; 10];
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
        // A limb in a table is below that of 2·p.
        for (limb, p) in limbs.iter_mut().zip(&P) {
            *limb = B::Word::select(negative, limb.splat(2 * p) - *limb, *limb);
        }
        Element::new(limbs)
    }
}

/// Each limb 19 times.
#[inline(always)]
fn times_19<W: Multiply32>(limbs: &[W; 10]) -> [W; 10] {
    let mut multiples = *limbs;
    for limb in &mut multiples {
        *limb = limb.times_32(19);
    }
    multiples
}

/// Carries from limb `$from` to limb `$to`.
macro_rules! carry {
    ($limbs:ident: $($from:literal $to:literal),*) => {$(
        let mask = $limbs[$from].splat(if $from % 2 == 0 { MASK_26 } else { MASK_25 });
        let carry = if $from % 2 == 0 {
            $limbs[$from].shift_right::<26>()
        } else {
            $limbs[$from].shift_right::<25>()
        };
        $limbs[$from] = $limbs[$from] & mask;
        $limbs[$to] = $limbs[$to] + if $to == 0 { carry.times_19() } else { carry };
    )*};
}

/// Two chains of carries in turn: from limbs below 2^63 to a product.
#[inline(always)]
fn carry<W: Word>(mut limbs: [W; 10]) -> Product<W> {
    carry!(limbs: 0 1, 4 5, 1 2, 5 6, 2 3, 6 7, 3 4, 7 8, 4 5, 8 9, 9 0, 0 1);
    Product::new(limbs)
}

#[cfg(test)]
mod tests;
