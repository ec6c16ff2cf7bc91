//! Results before the division: many denominators, inverted with one inversion.

use zeroize::Zeroize;

use super::field::{self, Field};
use super::limbs;
use super::word::Backend as _;

/// What is to be divided. A denominator may be zero; then the quotient is zero.
#[derive(Clone, Copy)]
pub(crate) struct Fraction<F: Field> {
    pub(crate) numerator: F::Element,
    pub(crate) denominator: F::Element,
}

/// How many are divided together: enough that the inversion hardly counts, few enough for the
/// stack.
pub(crate) const ROOM: usize = 32;

/// Fractions that are divided together, up to [`ROOM`]. Wiped on drop.
pub(crate) struct Fractions<F: Field> {
    numerators: [F::Element; ROOM],
    denominators: [F::Element; ROOM],
    prefixes: [F::Element; ROOM],
    count: usize,
}

impl<F: Field> Drop for Fractions<F> {
    fn drop(&mut self) {
        // Behind those that came, there are only ones.
        for elements in [&mut self.numerators, &mut self.denominators, &mut self.prefixes] {
            elements.iter_mut().take(self.count).for_each(Zeroize::zeroize);
        }
    }
}

impl<F: Field> Fractions<F> {
    pub(crate) fn new(backend: F::Backend) -> Self {
        let one = F::reduce(&field::one::<F>(backend));
        let room = [one; ROOM];
        Self { numerators: room, denominators: room, prefixes: room, count: 0 }
    }

    /// Adds one, of no more than [`ROOM`].
    pub(crate) fn push(&mut self, fraction: &Fraction<F>) {
        let places = (self.numerators.get_mut(self.count), self.denominators.get_mut(self.count));
        debug_assert!(places.0.is_some(), "more fractions than there is room for");
        if let (Some(numerator), Some(denominator)) = places {
            *numerator = fraction.numerator;
            *denominator = fraction.denominator;
            self.count += 1;
        }
    }

    /// Gives the quotients in the order in which the fractions came, each in 256 bits and below p.
    pub(crate) fn divide(mut self, backend: F::Backend, mut quotient: impl FnMut([F::Word; 4])) {
        let (denominators, _) = self.denominators.split_at_mut(self.count);
        let (prefixes, _) = self.prefixes.split_at_mut(self.count);
        invert_all::<F>(backend, denominators, prefixes);
        for (numerator, inverse) in self.numerators.iter().zip(denominators) {
            quotient(backend.vectorize(
                #[inline(always)]
                || limbs::to_words(F::to_limbs(&F::reduce(&F::multiply(numerator, inverse)))),
            ));
        }
    }
}

/// Replaces each element by its inverse, and zero by zero. `prefixes` is room for as many elements.
///
/// Each lane on its own: all elements are multiplied, the product is inverted, and on the way back
/// each element is taken off again. A zero would spoil that, so a one goes in for it.
pub(crate) fn invert_all<F: Field>(
    backend: F::Backend,
    elements: &mut [F::Element],
    prefixes: &mut [F::Element],
) {
    debug_assert_eq!(elements.len(), prefixes.len(), "one prefix for each element");
    let mut product = F::reduce(&field::one::<F>(backend));
    for (element, prefix) in elements.iter().zip(prefixes.iter_mut()) {
        *prefix = product;
        product = backend.vectorize(
            #[inline(always)]
            || F::reduce(&F::multiply(&product, &nonzero::<F>(backend, element))),
        );
    }
    let mut inverse = field::inverse::<F>(backend, &product);
    for (element, prefix) in elements.iter_mut().zip(prefixes.iter()).rev() {
        inverse = backend.vectorize(
            #[inline(always)]
            || {
                let zero = F::reduce(&field::zero::<F>(backend));
                let was_zero = limbs::is_zero(F::to_limbs(element));
                let without = F::multiply(&inverse, &nonzero::<F>(backend, element));
                let inverted = F::reduce(&F::multiply(&inverse, prefix));
                *element = F::select(was_zero, &zero, &inverted);
                F::reduce(&without)
            },
        );
    }
}

/// The element, or one where it is zero.
#[inline(always)]
fn nonzero<F: Field>(backend: F::Backend, element: &F::Element) -> F::Element {
    let one = F::reduce(&field::one::<F>(backend));
    F::select(limbs::is_zero(F::to_limbs(element)), &one, element)
}
