//! A tier of many lanes: what fills them, and what is left over.

use alloc::boxed::Box;

use super::field::Field;
use super::word::{Backend, Word as _};
use super::{decoding, diffie_hellman, fixed_points, gather, in_lanes};
use crate::implementation::{FixedPoints, Implementation};
use crate::{PublicKey, SecretKey};

/// How many vectors of encodings are looked at side by side: with IFMA, a square waits for the one
/// before a quarter of the time.
const VECTORS: usize = 2;

/// X25519 in the lanes of one vector unit, with one field.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<F: Field> {
    backend: F::Backend,
    /// Does what is left over by itself, where lanes are slow for that.
    alone: &'static dyn Implementation,
}

impl<F: Field> Lanes<F> {
    /// Takes the proof that the unit is there.
    pub(crate) fn new(backend: F::Backend, alone: &'static dyn Implementation) -> Self {
        Self { backend, alone }
    }
}

impl<F: Field> Implementation for Lanes<F> {
    fn diffie_hellman(
        &self,
        secret: &SecretKey,
        points: &[PublicKey],
        result: &mut dyn FnMut(usize, &[u8; 32]),
    ) {
        let (points, alone) = points.split_at(in_lanes::<F>(points.len()));
        self.alone.diffie_hellman(secret, alone, &mut |index, bytes| {
            result(points.len() + index, bytes);
        });
        diffie_hellman::<F>(self.backend, secret, points, result);
    }

    fn fixed_points(&self, points: &[PublicKey]) -> Box<dyn FixedPoints> {
        let alone = F::Backend::SLOW_ALONE.then(|| self.alone.fixed_points(points));
        fixed_points::<F>(self.backend, points, alone)
    }

    fn ed25519_points(&self, encodings: &[[u8; 32]], result: &mut dyn FnMut(usize, bool)) {
        let backend = self.backend;
        let lanes = F::Word::LANES;
        // One by itself takes longer in a vector, on any unit.
        let alone = usize::from(encodings.len() % lanes == 1);
        let (encodings, alone) = encodings.split_at(encodings.len() - alone);
        self.alone.ed25519_points(alone, &mut |index, is_point| {
            result(encodings.len() + index, is_point);
        });
        let mut indices = 0..encodings.len();
        for encodings in encodings.chunks(VECTORS * lanes) {
            let vectors: [_; VECTORS] = core::array::from_fn(|vector| {
                gather::<F>(backend, |lane| encodings.get(vector * lanes + lane))
            });
            for words in decoding::are_points::<F, VECTORS>(backend, vectors) {
                for (lane, index) in (0..lanes).zip(&mut indices) {
                    result(index, words.lane(lane) == 1);
                }
            }
        }
    }
}
