//! Which encodings of Ed25519 are those of a point.
//!
//! # How
//!
//! An encoding is a y-coordinate with the sign of x above it. The curve −x² + y² = 1 + d·x²·y² has a
//! point with this y if x² = (y² − 1) / (d·y² + 1) has a root. The denominator is never zero, as
//! −1 is a square and d is none. So there is a root if the product w = (y² − 1)·(d·y² + 1), which
//! is x² times a square, is a square or zero. Euler: w to the power (p − 1)/2 is 1 for a square, 0
//! for zero, and −1 for what is neither.
//!
//! All of it is public, and it takes constant time all the same.

use super::edwards::D;
use super::field::{self, Field, constant};
use super::limbs;
use super::word::{Backend as _, Word};

/// In each lane a one if the four words are a point's encoding, else a zero; for `N` vectors at a
/// time.
pub(crate) fn are_points<F: Field, const N: usize>(
    backend: F::Backend,
    encodings: [[F::Word; 4]; N],
) -> [F::Word; N] {
    let w = encodings.map(|encoding| x_squared_times_a_square::<F>(backend, encoding));
    let powers = field::root_powers::<F, N>(backend, &w);
    let mut pairs = w.iter().zip(&powers);
    encodings.map(|[zero, ..]| {
        let Some((w, power)) = pairs.next() else { return zero.splat(0) };
        is_square_or_zero::<F>(backend, w, power)
    })
}

/// w, for the y-coordinate of an encoding. The sign of x is left out.
fn x_squared_times_a_square<F: Field>(backend: F::Backend, encoding: [F::Word; 4]) -> F::Element {
    backend.vectorize(
        #[inline(always)]
        || {
            let one = field::one::<F>(backend);
            let d = F::reduce(&constant::<F>(backend, D));
            let y = F::reduce(&F::from_limbs(&limbs::from_words(encoding)));
            let y_squared = F::square(&y);
            let numerator = F::difference(&y_squared, &one);
            let denominator = F::sum(&F::multiply(&F::reduce(&y_squared), &d), &one);
            F::reduce(&F::multiply(&numerator, &denominator))
        },
    )
}

/// In each lane a one or a zero, from w and its power (p − 5)/8.
fn is_square_or_zero<F: Field>(backend: F::Backend, w: &F::Element, power: &F::Element) -> F::Word {
    backend.vectorize(
        #[inline(always)]
        || {
            // (p − 1)/2 = 2·(2·(p − 5)/8 + 1)
            let root = F::multiply(&F::reduce(&F::square(power)), w);
            let euler = F::square(&F::reduce(&root));
            let words = F::to_limbs(&F::sum(&euler, &field::one::<F>(backend)));
            let [word, ..] = words;
            let is_minus_one = limbs::is_zero(words);
            F::Word::select(is_minus_one, word.splat(0), word.splat(1))
        },
    )
}
