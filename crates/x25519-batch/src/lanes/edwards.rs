//! The same curve in its twisted Edwards form −x² + y² = 1 + d·x²·y², where addition is complete:
//! it has no exceptions, so it needs no branches.

use super::field::{self, Field, constant};
use super::limbs;
use super::word::{Backend as _, Word as _};

/// d = −121665 / 121666
pub(crate) const D: [u64; 5] = [
    929_955_233_495_203,
    466_365_720_129_213,
    1_662_059_464_998_953,
    2_033_849_074_728_123,
    1_442_794_654_840_575,
];
/// A square root of −1.
const ROOT_OF_MINUS_1: [u64; 5] = [
    1_718_705_420_411_056,
    234_908_883_556_509,
    2_233_514_472_574_048,
    2_117_202_627_021_982,
    765_476_049_583_133,
];
/// (p + 1) / 2
const HALF: [u64; 5] = [
    2_251_799_813_685_239,
    2_251_799_813_685_247,
    2_251_799_813_685_247,
    2_251_799_813_685_247,
    1_125_899_906_842_623,
];

/// A point as x = X/Z, y = Y/Z, x·y = T/Z.
#[derive(Clone, Copy)]
pub(crate) struct Point<F: Field> {
    pub(crate) x: F::Product,
    pub(crate) y: F::Product,
    pub(crate) z: F::Product,
    pub(crate) t: F::Product,
}

/// A point as it is added: (y + x)/2, (y − x)/2 and d·x·y, all times Z, and Z itself apart.
///
/// The halves save the doubling of Z that the addition formula asks for.
#[derive(Clone, Copy)]
pub(crate) struct Addend<F: Field> {
    pub(crate) plus: F::Element,
    pub(crate) minus: F::Element,
    pub(crate) dxy: F::Element,
}

impl<F: Field> Point<F> {
    /// Adds a point whose Z is one.
    #[inline(always)]
    pub(crate) fn add_affine(&self, addend: &Addend<F>) -> Self {
        self.add_with(addend, &self.z)
    }

    /// Adds a point, where `z` is the product of both Z ("add-2008-hwcd-3", with halves).
    #[inline(always)]
    fn add_with(&self, addend: &Addend<F>, z: &F::Product) -> Self {
        let a = F::multiply(&F::difference(&self.y, &self.x), &addend.minus);
        let b = F::multiply(&F::sum(&self.y, &self.x), &addend.plus);
        let c = F::multiply(&F::reduce(&self.t), &addend.dxy);
        let (e, h) = (F::difference(&b, &a), F::sum(&b, &a));
        let (f, g) = (F::difference(z, &c), F::sum(z, &c));
        Self {
            x: F::multiply(&e, &f),
            y: F::multiply(&g, &h),
            z: F::multiply(&f, &g),
            t: F::multiply(&e, &h),
        }
    }

    /// Adds any point.
    pub(crate) fn add(&self, other: &Self, backend: F::Backend) -> Self {
        backend.vectorize(
            #[inline(always)]
            || {
                let z = F::multiply(&F::reduce(&self.z), &F::reduce(&other.z));
                self.add_with(&Addend::new(backend, &other.x, &other.y, &other.t), &z)
            },
        )
    }

    /// The point 2^`times` times.
    pub(crate) fn double(&self, times: u32, backend: F::Backend) -> Self {
        (0..times).fold(*self, |point, _| point.add(&point, backend))
    }

    /// The point with its sign changed.
    pub(crate) fn negate(&self, backend: F::Backend) -> Self {
        backend.vectorize(
            #[inline(always)]
            || {
                let zero = field::zero::<F>(backend);
                let one = F::reduce(&field::one::<F>(backend));
                Self {
                    x: F::multiply(&F::difference(&zero, &self.x), &one),
                    t: F::multiply(&F::difference(&zero, &self.t), &one),
                    ..*self
                }
            },
        )
    }

    /// One of the two points with the u-coordinate `u`, which is the same in all lanes; none if it
    /// is on the twist.
    ///
    /// The time it takes depends on which of the two it is, and on nothing else.
    pub(crate) fn from_u(u: &F::Product, backend: F::Backend) -> Option<Self> {
        // y = (u − 1) / (u + 1). The point with u = −1 is on the twist.
        let (numerator, denominator) = backend.vectorize(
            #[inline(always)]
            || {
                let one = field::one::<F>(backend);
                (F::difference(u, &one), F::sum(u, &one))
            },
        );
        if is_zero::<F>(backend, &denominator) {
            return None;
        }
        let inverse = field::inverse::<F>(backend, &denominator);
        let y = backend.vectorize(
            #[inline(always)]
            || F::multiply(&numerator, &inverse),
        );
        let x = root_of_x_squared::<F>(&y, backend)?;
        backend.vectorize(
            #[inline(always)]
            || {
                let t = F::multiply(&F::reduce(&x), &F::reduce(&y));
                Some(Self { x, y, z: field::one::<F>(backend), t })
            },
        )
    }
}

impl<F: Field> Addend<F> {
    /// Of x, y and x·y, all of them times Z.
    #[inline(always)]
    pub(crate) fn new(
        backend: F::Backend,
        x: &F::Product,
        y: &F::Product,
        xy: &F::Product,
    ) -> Self {
        let half = F::reduce(&constant::<F>(backend, HALF));
        let d = F::reduce(&constant::<F>(backend, D));
        Self {
            plus: F::reduce(&F::multiply(&F::sum(y, x), &half)),
            minus: F::reduce(&F::multiply(&F::difference(y, x), &half)),
            dxy: F::reduce(&F::multiply(&F::reduce(xy), &d)),
        }
    }
}

/// A root of x² = (y² − 1) / (d·y² + 1), if there is one. The denominator is never zero.
fn root_of_x_squared<F: Field>(y: &F::Product, backend: F::Backend) -> Option<F::Product> {
    // With a = y² − 1 and b = d·y² + 1, the candidate is a·b³·(a·b⁷)^((p − 5)/8).
    let (a, b, ab3, ab7) = backend.vectorize(
        #[inline(always)]
        || {
            let one = field::one::<F>(backend);
            let d = F::reduce(&constant::<F>(backend, D));
            let y_squared = F::square(&F::reduce(y));
            let a = F::difference(&y_squared, &one);
            let b = F::sum(&F::multiply(&F::reduce(&y_squared), &d), &one);
            let b3 = F::reduce(&F::multiply(&F::reduce(&F::square(&b)), &b));
            let b7 = F::reduce(&F::multiply(&F::reduce(&F::square(&b3)), &b));
            (a, b, F::reduce(&F::multiply(&a, &b3)), F::reduce(&F::multiply(&a, &b7)))
        },
    );
    let power = field::root_power::<F>(backend, &ab7);
    // It is a root, or a root of −x², or there is none.
    let (x, other_x, error, other_error) = backend.vectorize(
        #[inline(always)]
        || {
            let x = F::multiply(&ab3, &power);
            let root_of_minus_1 = F::reduce(&constant::<F>(backend, ROOT_OF_MINUS_1));
            let other_x = F::multiply(&F::reduce(&x), &root_of_minus_1);
            let found = F::multiply(&F::reduce(&F::square(&F::reduce(&x))), &b);
            let wanted = F::multiply(&a, &F::reduce(&field::one::<F>(backend)));
            (x, other_x, F::difference(&found, &wanted), F::sum(&found, &wanted))
        },
    );
    if is_zero::<F>(backend, &error) {
        Some(x)
    } else if is_zero::<F>(backend, &other_error) {
        Some(other_x)
    } else {
        None
    }
}

/// Whether all lanes are a multiple of p.
fn is_zero<F: Field>(backend: F::Backend, element: &F::Element) -> bool {
    let words = backend.vectorize(
        #[inline(always)]
        || limbs::to_words(F::to_limbs(element)),
    );
    words.iter().all(|word| word.all_below(1))
}
