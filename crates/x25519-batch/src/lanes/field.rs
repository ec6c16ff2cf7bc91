//! What the curve arithmetic asks of a field: integers modulo p = 2^255 − 19, one in each lane.
//!
//! There are two kinds of values. A *product* is what a multiplication leaves; two of them may be
//! added or subtracted, once. An *element* is what comes of that, or of reducing a product, and
//! only elements can be multiplied. So the compiler sees to it that limbs stay within the bounds
//! that a field states for its two kinds, and each field may carry where that is cheapest for it.

use zeroize::Zeroize;

use super::word::{Backend, Word};

/// Arithmetic modulo 2^255 − 19 in the lanes of a vector unit.
pub(crate) trait Field: Copy + 'static {
    /// The vector unit.
    type Backend: Backend<Word = Self::Word>;
    /// What it computes with.
    type Word: Word;
    /// May be multiplied.
    type Element: Copy + Send + Sync + Zeroize;
    /// May be added, subtracted or reduced.
    type Product: Copy + Send + Sync;
    /// Eight field elements to look up.
    type Rows: Send + Sync;

    /// From limbs in radix 2^51, each below 2^51.
    fn from_limbs(limbs: &[Self::Word; 5]) -> Self::Product;

    /// To limbs in radix 2^51, each below 2^52. They are not reduced to below p.
    fn to_limbs(element: &Self::Element) -> [Self::Word; 5];

    /// `a · b`
    fn multiply(a: &Self::Element, b: &Self::Element) -> Self::Product;

    /// `a²`
    fn square(a: &Self::Element) -> Self::Product;

    /// `a + b`
    fn sum(a: &Self::Product, b: &Self::Product) -> Self::Element;

    /// `a − b`
    fn difference(a: &Self::Product, b: &Self::Product) -> Self::Element;

    /// `a`, to be multiplied.
    fn reduce(a: &Self::Product) -> Self::Element;

    /// `addend + 121665 · a`, where 121665 = (486662 − 2) / 4 is the curve's constant.
    fn add_121665_times(addend: &Self::Product, a: &Self::Element) -> Self::Element;

    /// `yes` in the lanes of the mask, `no` in the others.
    fn select(
        mask: <Self::Word as Word>::Mask,
        yes: &Self::Element,
        no: &Self::Element,
    ) -> Self::Element;

    /// Rows of eight numbers below p, in limbs of radix 2^51.
    fn rows(backend: Self::Backend, entries: &[[u64; 5]; 8]) -> Self::Rows;

    /// For each lane the number at `place`, 0 to 7.
    fn look_up(place: Self::Word, rows: &Self::Rows) -> Self::Element;

    /// For each lane the number at `place`, negated in the lanes of the mask.
    fn look_up_signed(
        place: Self::Word,
        negative: <Self::Word as Word>::Mask,
        rows: &Self::Rows,
    ) -> Self::Element;
}

/// The number that has these limbs in radix 2^51, in all lanes.
#[inline(always)]
pub(crate) fn constant<F: Field>(backend: F::Backend, limbs: [u64; 5]) -> F::Product {
    let zero = backend.word(
        #[inline(always)]
        |_| 0,
    );
    let [a, b, c, d, e] = limbs;
    F::from_limbs(&[zero.splat(a), zero.splat(b), zero.splat(c), zero.splat(d), zero.splat(e)])
}

/// One, in all lanes.
#[inline(always)]
pub(crate) fn one<F: Field>(backend: F::Backend) -> F::Product {
    constant::<F>(backend, [1, 0, 0, 0, 0])
}

/// Zero, in all lanes.
#[inline(always)]
pub(crate) fn zero<F: Field>(backend: F::Backend) -> F::Product {
    constant::<F>(backend, [0; 5])
}

/// `a · b` for each of `N` pairs, as a function of its own for code that runs seldom.
pub(crate) fn products<F: Field, const N: usize>(
    backend: F::Backend,
    a: &[F::Element; N],
    b: &[F::Element; N],
) -> [F::Element; N] {
    backend.vectorize(
        #[inline(always)]
        || {
            let mut products = *a;
            for (product, b) in products.iter_mut().zip(b) {
                *product = F::reduce(&F::multiply(product, b));
            }
            products
        },
    )
}

/// Each `a` squared `times` times.
///
/// A square waits for the one before. Where that is longer than it takes, the next `a` fills it.
fn squares<F: Field, const N: usize>(
    backend: F::Backend,
    a: &[F::Element; N],
    times: u32,
) -> [F::Element; N] {
    backend.vectorize(
        #[inline(always)]
        || {
            let mut squares = *a;
            for _ in 0..times {
                for square in &mut squares {
                    *square = F::reduce(&F::square(square));
                }
            }
            squares
        },
    )
}

/// Each `a` to the powers 2^250 − 1 and 11, from which inverse and root are made.
fn powers<F: Field, const N: usize>(
    backend: F::Backend,
    a: &[F::Element; N],
) -> ([F::Element; N], [F::Element; N]) {
    let product = |a: &_, b: &_| products::<F, N>(backend, a, b);
    let squares = |a: &_, times| squares::<F, N>(backend, a, times);
    let to_2 = squares(a, 1);
    let to_9 = product(a, &squares(&to_2, 2));
    let to_11 = product(&to_9, &to_2);
    // Each `ones_n` is a to the power 2^n − 1.
    let ones_5 = product(&squares(&to_11, 1), &to_9);
    let ones_10 = product(&squares(&ones_5, 5), &ones_5);
    let ones_20 = product(&squares(&ones_10, 10), &ones_10);
    let ones_40 = product(&squares(&ones_20, 20), &ones_20);
    let ones_50 = product(&squares(&ones_40, 10), &ones_10);
    let ones_100 = product(&squares(&ones_50, 50), &ones_50);
    let ones_200 = product(&squares(&ones_100, 100), &ones_100);
    let ones_250 = product(&squares(&ones_200, 50), &ones_50);
    (ones_250, to_11)
}

/// `1 / a`, by Fermat: a to the power p − 2 = 2^255 − 21. Zero gives zero.
pub(crate) fn inverse<F: Field>(backend: F::Backend, a: &F::Element) -> F::Element {
    let (ones_250, to_11) = powers::<F, 1>(backend, &[*a]);
    let [inverse] = products::<F, 1>(backend, &squares::<F, 1>(backend, &ones_250, 5), &to_11);
    inverse
}

/// `a` to the power (p − 5) / 8 = 2^252 − 3, the heart of a square root.
pub(crate) fn root_power<F: Field>(backend: F::Backend, a: &F::Element) -> F::Element {
    let [power] = root_powers::<F, 1>(backend, &[*a]);
    power
}

/// [`root_power`] of each `a`.
pub(crate) fn root_powers<F: Field, const N: usize>(
    backend: F::Backend,
    a: &[F::Element; N],
) -> [F::Element; N] {
    let (ones_250, _) = powers::<F, N>(backend, a);
    products::<F, N>(backend, &squares::<F, N>(backend, &ones_250, 2), a)
}
