//! The field in radix 2^51, by products of 128 bits: one lane, in ordinary registers.
//!
//! # Bounds
//!
//! The limbs of an element are below 2^53, those of a product below 2^51 + 2^13.
//!
//! A column of a product is largest at the bottom: one product of limbs, and 19 times four. With
//! factors below 2^53 that is below 77·2^106 < 2^113. What it carries, 51 bits further up, is below
//! 2^62. The top column has five products and a carry, so it is below 6·2^106, and what it carries
//! below 6·2^55; 19 times that, which comes around to the lowest limb, is below 114·2^55 < 2^62. The
//! lowest limb passes on what it has above 51 bits, which is below 2^12. So all limbs are below 2^51
//! but the second, which is below 2^51 + 2^12.
//!
//! A sum of two products is below 2^52 + 2^14: nothing has to be carried. For a difference, 2·p is
//! added limb by limb; its limbs are at least 2^52 − 38, which is more than a product's, so none goes
//! below zero, and the result is below 2^52 + 2^51 + 2^13. Both are elements.

use zeroize::Zeroize;

use super::field::Field;
use super::limbs::{MASK_51, P};
use super::plain::{Integer, Plain};
use super::word::Word as _;

/// Every limb of an element is below this.
const ELEMENT_BOUND: u64 = 1 << 53;
/// Every limb of a product is below this.
const PRODUCT_BOUND: u64 = (1 << 51) + (1 << 13);

/// Arithmetic modulo 2^255 − 19 in radix 2^51.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wide51;

/// Limbs that may be multiplied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Element([u64; 5]);

/// Limbs that may be added, subtracted or reduced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Product([u64; 5]);

impl Element {
    #[inline(always)]
    fn new(limbs: [u64; 5]) -> Self {
        debug_assert!(limbs.iter().all(|limb| *limb < ELEMENT_BOUND), "limbs of an element");
        Self(limbs)
    }
}

impl Product {
    #[inline(always)]
    fn new(limbs: [u64; 5]) -> Self {
        debug_assert!(limbs.iter().all(|limb| *limb < PRODUCT_BOUND), "limbs of a product");
        Self(limbs)
    }
}

impl Zeroize for Element {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl Field for Wide51 {
    type Backend = Plain;
    type Word = Integer;
    type Element = Element;
    type Product = Product;
    type Rows = [[u64; 8]; 5];

    #[inline(always)]
    fn from_limbs([a, b, c, d, e]: &[Integer; 5]) -> Product {
        Product::new([a.0, b.0, c.0, d.0, e.0])
    }

    #[inline(always)]
    fn to_limbs(Element(element): &Element) -> [Integer; 5] {
        let Product([a, b, c, d, e]) = carry(element.map(u128::from));
        [Integer(a), Integer(b), Integer(c), Integer(d), Integer(e)]
    }

    #[inline(always)]
    fn multiply(Element([a0, a1, a2, a3, a4]): &Element, Element(b): &Element) -> Product {
        let [b0, b1, b2, b3, b4] = *b;
        let [c1, c2, c3, c4] = [b1, b2, b3, b4].map(|limb| limb * 19);
        let m = product;
        carry([
            m(a0, b0) + m(a1, c4) + m(a2, c3) + m(a3, c2) + m(a4, c1),
            m(a0, b1) + m(a1, b0) + m(a2, c4) + m(a3, c3) + m(a4, c2),
            m(a0, b2) + m(a1, b1) + m(a2, b0) + m(a3, c4) + m(a4, c3),
            m(a0, b3) + m(a1, b2) + m(a2, b1) + m(a3, b0) + m(a4, c4),
            m(a0, b4) + m(a1, b3) + m(a2, b2) + m(a3, b1) + m(a4, b0),
        ])
    }

    #[inline(always)]
    fn square(Element([a0, a1, a2, a3, a4]): &Element) -> Product {
        let (c3, c4) = (a3 * 19, a4 * 19);
        let m = product;
        carry([
            m(a0, *a0) + 2 * (m(a1, c4) + m(a2, c3)),
            m(a3, c3) + 2 * (m(a0, *a1) + m(a2, c4)),
            m(a1, *a1) + 2 * (m(a0, *a2) + m(a4, c3)),
            m(a4, c4) + 2 * (m(a0, *a3) + m(a1, *a2)),
            m(a2, *a2) + 2 * (m(a0, *a4) + m(a1, *a3)),
        ])
    }

    #[inline(always)]
    fn sum(Product(a): &Product, Product(b): &Product) -> Element {
        let mut sum = *a;
        for (sum, b) in sum.iter_mut().zip(b) {
            *sum += b;
        }
        Element::new(sum)
    }

    #[inline(always)]
    fn difference(Product(a): &Product, Product(b): &Product) -> Element {
        let mut difference = *a;
        for ((difference, b), p) in difference.iter_mut().zip(b).zip(&P) {
            *difference += 2 * p - b;
        }
        Element::new(difference)
    }

    #[inline(always)]
    fn reduce(Product(a): &Product) -> Element {
        Element::new(*a)
    }

    #[inline(always)]
    fn add_121665_times(Product(addend): &Product, Element(a): &Element) -> Element {
        let mut columns = addend.map(u128::from);
        for (column, limb) in columns.iter_mut().zip(a) {
            *column += product(limb, 121_665);
        }
        Self::reduce(&carry(columns))
    }

    #[inline(always)]
    fn select(mask: Integer, Element(yes): &Element, Element(no): &Element) -> Element {
        let mut selected = *no;
        for (selected, yes) in selected.iter_mut().zip(yes) {
            *selected = Integer::select(mask, Integer(*yes), Integer(*selected)).0;
        }
        Element(selected)
    }

    fn rows(_: Plain, entries: &[[u64; 5]; 8]) -> [[u64; 8]; 5] {
        let limb =
            |number: usize| entries.map(|entry| entry.get(number).copied().unwrap_or_default());
        [0, 1, 2, 3, 4].map(limb)
    }

    #[inline(always)]
    fn look_up(place: Integer, rows: &[[u64; 8]; 5]) -> Element {
        let mut masks = [place; 8];
        for (number, mask) in (0..).zip(&mut masks) {
            *mask = (*mask ^ Integer(number)).is_zero();
        }
        let mut found = [0; 5];
        for (found, row) in found.iter_mut().zip(rows) {
            for (mask, value) in masks.iter().zip(row) {
                *found |= mask.0 & value;
            }
        }
        Element::new(found)
    }

    #[inline(always)]
    fn look_up_signed(place: Integer, negative: Integer, rows: &[[u64; 8]; 5]) -> Element {
        let found = Self::look_up(place, rows);
        let negated = Self::difference(&Product([0; 5]), &Product::new(found.0));
        Self::select(negative, &negated, &found)
    }
}

#[inline(always)]
fn product(a: &u64, b: u64) -> u128 {
    u128::from(*a) * u128::from(b)
}

/// Carries from each column to the next, out of the top to the bottom, 19-fold, and from there once
/// more. The columns are below 2^113, the top one below 2^109.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is carried")]
fn carry([a, b, c, d, e]: [u128; 5]) -> Product {
    let b = b + u128::from((a >> 51) as u64);
    let c = c + u128::from((b >> 51) as u64);
    let d = d + u128::from((c >> 51) as u64);
    let e = e + u128::from((d >> 51) as u64);
    let low = |column: u128| column as u64 & MASK_51;
    let around = low(a) + 19 * (e >> 51) as u64;
    Product::new([around & MASK_51, low(b) + (around >> 51), low(c), low(d), low(e)])
}

#[cfg(test)]
mod tests;
