//! Many scalars times one point, by way of a table of its multiples.
//!
//! # How
//!
//! A clamped scalar is k = 8·m, and m has 252 bits, of which the highest is one. In base 16 it has
//! 63 digits n. Each is turned into 2·n − 15, which is odd and between −15 and 15, so never zero;
//! all of them together, in base 16, are 2·m − (16^63 − 1). So with Q = 4·P
//!
//! ```text
//! k·P = 8·m·P = Σ (2·n − 15)·16^i·Q + 16^63·Q − Q
//! ```
//!
//! The table has 1, 3, 5 … 15 times 16^i·Q for each i from 0 to 62, and the sum starts from
//! 16^63·Q − Q. That is 63 additions and no doubling. The scalar is not reduced modulo the order of
//! the base point, so this holds for every point of the curve, whatever its order.

mod table;

use alloc::vec::Vec;

use super::edwards::{Addend, Point};
use super::field::Field;
use super::fraction::Fraction;
use super::scalar;
use super::word::{Backend as _, Word as _};

/// Digits in base 16.
const DIGITS: usize = 63;

/// The multiples of one point.
pub(crate) struct Comb<F: Field> {
    /// Where the sum starts: 16^63·Q − Q, in all lanes.
    start: Point<F>,
    /// For each digit, from the lowest on, the eight multiples that it chooses from.
    digits: Vec<Digit<F>>,
}

/// 1, 3, 5 … 15 times 16^i·Q, as they are added.
struct Digit<F: Field> {
    plus: F::Rows,
    minus: F::Rows,
    dxy: F::Rows,
}

impl<F: Field> Comb<F> {
    /// The u-coordinates of each lane's clamped scalar times the point.
    pub(crate) fn multiply(&self, backend: F::Backend, scalars: [F::Word; 4]) -> Fraction<F> {
        backend.vectorize(
            #[inline(always)]
            || {
                let words = scalar::eighth(scalar::clamp(scalars));
                let mut sum = self.start;
                // 16 digits of four bits are in a word.
                for (mut word, digits) in words.into_iter().zip(self.digits.chunks(16)) {
                    for digit in digits {
                        sum = sum.add_affine(&digit.choose(word & word.splat(15)));
                        word = word.shift_right::<4>();
                    }
                }
                // Back to Montgomery's form: u = (1 + y) / (1 − y).
                Fraction {
                    numerator: F::sum(&sum.z, &sum.y),
                    denominator: F::difference(&sum.z, &sum.y),
                }
            },
        )
    }
}

impl<F: Field> Digit<F> {
    /// 2·n − 15 times the point, for the digit n of each lane.
    #[inline(always)]
    fn choose(&self, n: F::Word) -> Addend<F> {
        // 8, 9 … 15 stand for 1, 3 … 15, and 7, 6 … 0 for −1, −3 … −15.
        let negative = (n & n.splat(8)).is_zero();
        let place = F::Word::select(negative, n ^ n.splat(7), n & n.splat(7));
        let plus = F::look_up(place, &self.plus);
        let minus = F::look_up(place, &self.minus);
        Addend {
            plus: F::select(negative, &minus, &plus),
            minus: F::select(negative, &plus, &minus),
            dxy: F::look_up_signed(place, negative, &self.dxy),
        }
    }
}
