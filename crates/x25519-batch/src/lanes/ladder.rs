//! The Montgomery ladder: any scalar times any point, each lane its own.
//!
//! It works on u-coordinates alone, so it needs no point to be on the curve: one on the twist is
//! multiplied there, and one of low order gives zero.

use super::field::{self, Field};
use super::fraction::Fraction;
use super::limbs;
use super::scalar;
use super::word::{Backend as _, Word};

/// A u-coordinate as `x / z`, still to be added.
#[derive(Clone, Copy)]
struct Coordinate<F: Field> {
    x: F::Product,
    z: F::Product,
}

/// The u-coordinate of each lane's clamped scalar times the point with the u-coordinate `u`,
/// both as four words.
///
/// # How
///
/// After the bits above bit i were looked at, which make a number n, the two coordinates are those
/// of n·P and (n + 1)·P. Bit i says which of them is doubled; their sum is formed in any case, from
/// their known difference P. `doubled` and `sum` are what came of that last, so which of them is
/// n·P depends on the bit before: what counts is whether the bit changes. The sum of two points
/// does not depend on their order, so only what is doubled is selected, and nothing is swapped.
///
/// The three lowest bits of a clamped scalar are zero: there only the doubling remains.
pub(crate) fn multiply<F: Field>(
    backend: F::Backend,
    scalars: [F::Word; 4],
    u: [F::Word; 4],
) -> Fraction<F> {
    backend.vectorize(
        #[inline(always)]
        || {
            let u = F::from_limbs(&limbs::from_words(u));
            let [a, b, c, d] = scalar::changes(scalar::clamp(scalars));
            let (zero, one) = (field::zero::<F>(backend), field::one::<F>(backend));
            // Zero times the point, which is infinity, and once the point.
            let mut doubled = Coordinate::<F> { x: one, z: zero };
            let mut sum = Coordinate::<F> { x: u, z: one };
            let u = F::reduce(&u);
            // From bit 254 to bit 3.
            let mut last = a;
            for (word, bits) in [(d.shift_left::<1>(), 63), (c, 64), (b, 64), (a, 61)] {
                last = word;
                for _ in 0..bits {
                    let same = (last & last.splat(1 << 63)).is_zero();
                    last = last.shift_left::<1>();
                    (doubled, sum) = step::<F>(same, &doubled, &sum, &u);
                }
            }
            let same = (last & last.splat(1 << 63)).is_zero();
            let (x, z) = sum_and_difference::<F>(&doubled);
            let (other_x, other_z) = sum_and_difference::<F>(&sum);
            doubled = double::<F>(&F::select(same, &x, &other_x), &F::select(same, &z, &other_z));
            for _ in 0..2 {
                let (sum, difference) = sum_and_difference::<F>(&doubled);
                doubled = double::<F>(&sum, &difference);
            }
            Fraction { numerator: F::reduce(&doubled.x), denominator: F::reduce(&doubled.z) }
        },
    )
}

/// Doubles one of two coordinates, `a` where the mask says so, else `b`, and adds the two, whose
/// difference has the coordinate `u`.
#[inline(always)]
fn step<F: Field>(
    double_a: <F::Word as Word>::Mask,
    a: &Coordinate<F>,
    b: &Coordinate<F>,
    u: &F::Element,
) -> (Coordinate<F>, Coordinate<F>) {
    let (a_sum, a_difference) = sum_and_difference::<F>(a);
    let (b_sum, b_difference) = sum_and_difference::<F>(b);
    let crossed = F::multiply(&b_difference, &a_sum);
    let crossed_back = F::multiply(&b_sum, &a_difference);
    let sum = F::select(double_a, &a_sum, &b_sum);
    let difference = F::select(double_a, &a_difference, &b_difference);
    let doubled = double::<F>(&sum, &difference);
    let square = F::square(&F::difference(&crossed, &crossed_back));
    let added = Coordinate {
        x: F::square(&F::sum(&crossed, &crossed_back)),
        z: F::multiply(&F::reduce(&square), u),
    };
    (doubled, added)
}

/// `x + z` and `x − z`
#[inline(always)]
fn sum_and_difference<F: Field>(a: &Coordinate<F>) -> (F::Element, F::Element) {
    (F::sum(&a.x, &a.z), F::difference(&a.x, &a.z))
}

/// Twice the point of which `x + z` and `x − z` are given.
#[inline(always)]
fn double<F: Field>(sum: &F::Element, difference: &F::Element) -> Coordinate<F> {
    let sum = F::square(sum);
    let difference = F::square(difference);
    let between = F::difference(&sum, &difference);
    Coordinate {
        x: F::multiply(&F::reduce(&sum), &F::reduce(&difference)),
        z: F::multiply(&F::add_121665_times(&sum, &between), &between),
    }
}
