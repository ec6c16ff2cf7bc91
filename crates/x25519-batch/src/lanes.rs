//! X25519 in the lanes of a vector unit: one operation in each lane, the same steps in all.
//!
//! # The parts
//!
//! - [`word`]: what a vector unit can do. `ifma`, `avx2`, and `model`, which is plain integers; and
//!   `plain`, the one lane that every processor has.
//! - [`field`]: integers modulo 2^255 − 19. `field51` is in radix 2^51, over
//!   `integers51` for products of 52 bits or `doubles51` for fused multiply-adds of doubles. `wide51`
//!   is the same for products of 128 bits, in one lane. Their limb bounds stand there.
//! - [`ladder`] and [`comb`]: any point, and one point with a table. [`edwards`] adds points for
//!   the table's sake.
//! - [`fraction`]: one inversion for many results.
//! - [`decoding`]: which encodings of Ed25519 are those of a point.
//!
//! All but the vector units is generic code, written once.
//!
//! # Why it is right
//!
//! - Field: a value is a *product* or an *element*, and the compiler knows which, so bounds need to
//!   be argued for single operations only. The tests prove those of `field51` for all inputs by
//!   running the same code over intervals, try `wide51` at its bounds, and check every operation
//!   against long multiplication.
//! - Curve: the ladder of RFC 7748 has no exceptions. Neither has addition on the Edwards form,
//!   since d is not a square; a point on the twist has no Edwards form and goes to the ladder.
//! - Zero: the one division is by zero exactly where the result is infinity, for which RFC 7748
//!   wants zero.
//! - Whole: every unit and both models are compared with x25519-dalek, and what they take for a
//!   point with curve25519-dalek.
//!
//! # Why it takes constant time
//!
//! There is no branch on and no memory access at what is in a lane: choices are masks, and a
//! table's rows are permuted within a register, or read as a whole. What the time depends on: the number of scalars and
//! points, and whether a point that a table is made of is on the twist.

mod bytes;
mod comb;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
mod decoding;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
mod doubles51;
mod edwards;
mod field;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
mod field51;
mod fraction;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
mod integers51;
mod ladder;
mod limbs;
mod plain;
mod scalar;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
mod vector_unit;
mod wide51;
#[cfg_attr(
    not(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2"))),
    expect(dead_code, reason = "some of it only vector units have")
)]
mod word;

#[cfg(test)]
mod interval;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod avx2;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(crate) mod ifma;
#[cfg(any(test, feature = "models"))]
pub(crate) mod model;

use alloc::boxed::Box;
use alloc::vec::Vec;

use self::bytes::{bytes_of, words_of};
use self::comb::Comb;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
pub(crate) use self::doubles51::Doubles51;
use self::field::Field;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
pub(crate) use self::field51::Field51;
use self::fraction::{Fraction, Fractions, ROOM};
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
pub(crate) use self::integers51::Integers51;
pub(crate) use self::plain::Plain;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
pub(crate) use self::vector_unit::Lanes;
pub(crate) use self::wide51::Wide51;
use self::word::{Backend, Word};
use crate::implementation::FixedPoints;
use crate::{PublicKey, SecretKey};

/// Prepares for multiplying these points by many secrets. What is left over by itself goes to `alone`,
/// if there is one.
pub(crate) fn fixed_points<F: Field>(
    backend: F::Backend,
    points: &[PublicKey],
    alone: Option<Box<dyn FixedPoints>>,
) -> Box<dyn FixedPoints> {
    let points = points.iter().map(|point| FixedPoint::new(backend, point)).collect();
    Box::new(FixedLanes::<F> { backend, points, alone })
}

/// Multiplies each point by the secret, and gives the result with the point's index.
pub(crate) fn diffie_hellman<F: Field>(
    backend: F::Backend,
    secret: &SecretKey,
    points: &[PublicKey],
    result: &mut dyn FnMut(usize, &[u8; 32]),
) {
    if points.is_empty() {
        return;
    }
    let lanes = F::Word::LANES;
    let scalars = gather::<F>(backend, |_| Some(secret.as_array()));
    let mut indices = 0..points.len();
    for points in points.chunks(ROOM * lanes) {
        let mut fractions = Fractions::<F>::new(backend);
        for points in points.chunks(lanes) {
            let u = gather::<F>(backend, |lane| points.get(lane).map(PublicKey::as_array));
            fractions.push(&ladder::multiply::<F>(backend, scalars, u));
        }
        fractions.divide(backend, |words| {
            for (lane, index) in (0..lanes).zip(&mut indices) {
                result(index, &lane_bytes(words, lane));
            }
        });
    }
}

/// How many of `count` operations go into lanes: all, unless one would be left for a vector of its
/// own, and that is slow.
fn in_lanes<F: Field>(count: usize) -> usize {
    let one_is_left = count % F::Word::LANES == 1;
    if F::Backend::SLOW_ALONE && one_is_left { count - 1 } else { count }
}

/// A point that many scalars are to be multiplied with.
enum FixedPoint<F: Field> {
    /// On the curve: its table.
    Comb(Comb<F>),
    /// On the twist, where there is no table: the four words of its coordinate.
    Ladder([F::Word; 4]),
}

impl<F: Field> FixedPoint<F> {
    fn new(backend: F::Backend, point: &PublicKey) -> Self {
        let words = gather::<F>(backend, |_| Some(point.as_array()));
        Comb::new(backend, words).map_or(Self::Ladder(words), Self::Comb)
    }

    fn multiply(&self, backend: F::Backend, scalars: [F::Word; 4]) -> Fraction<F> {
        match self {
            Self::Comb(comb) => comb.multiply(backend, scalars),
            Self::Ladder(u) => ladder::multiply::<F>(backend, scalars, *u),
        }
    }
}

/// Points that many scalars are multiplied with in the same lanes.
struct FixedLanes<F: Field> {
    backend: F::Backend,
    points: Vec<FixedPoint<F>>,
    /// For one scalar by itself, where lanes are slow for that.
    alone: Option<Box<dyn FixedPoints>>,
}

impl<F: Field> FixedPoints for FixedLanes<F> {
    fn multiply(&self, secrets: &[SecretKey], result: &mut dyn FnMut(usize, usize, &[u8; 32])) {
        let lanes = F::Word::LANES;
        let (secrets, alone) = secrets.split_at(in_lanes::<F>(secrets.len()));
        if let (Some(tables), false) = (&self.alone, alone.is_empty()) {
            tables.multiply(alone, &mut |index, point, bytes| {
                result(secrets.len() + index, point, bytes);
            });
        }
        let vectors = ROOM / self.points.len().max(1);
        let mut first = 0;
        for secrets in secrets.chunks(vectors * lanes) {
            let mut fractions = Fractions::<F>::new(self.backend);
            for secrets in secrets.chunks(lanes) {
                let secrets = |lane| secrets.get(lane).map(SecretKey::as_array);
                let scalars = gather::<F>(self.backend, secrets);
                for point in &self.points {
                    fractions.push(&point.multiply(self.backend, scalars));
                }
            }
            let indices = (first..first + secrets.len()).step_by(lanes);
            let mut places =
                indices.flat_map(|index| (0..self.points.len()).map(move |point| (index, point)));
            first += secrets.len();
            fractions.divide(self.backend, |words| {
                let Some((index, point)) = places.next() else { return };
                for (lane, index) in (0..lanes).zip(index..first) {
                    result(index, point, &lane_bytes(words, lane));
                }
            });
        }
    }
}

/// The four words of up to one number for each lane; of zero, where there is none.
fn gather<'a, F: Field>(
    backend: F::Backend,
    number: impl Fn(usize) -> Option<&'a [u8; 32]>,
) -> [F::Word; 4] {
    let words = |lane| number(lane).map_or([0; 4], words_of);
    [
        backend.word(|lane| words(lane)[0]),
        backend.word(|lane| words(lane)[1]),
        backend.word(|lane| words(lane)[2]),
        backend.word(|lane| words(lane)[3]),
    ]
}

/// The number in one lane.
fn lane_bytes<W: Word>(words: [W; 4], lane: usize) -> [u8; 32] {
    bytes_of(words.map(|word| word.lane(lane)))
}
