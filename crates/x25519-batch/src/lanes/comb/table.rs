//! How a table is made: once for a point, so brevity counts more here than speed.

use alloc::vec::Vec;

use super::{Comb, DIGITS, Digit};
use crate::lanes::edwards::{Addend, Point};
use crate::lanes::field::{self, Field};
use crate::lanes::word::{Backend, Word};
use crate::lanes::{fraction, limbs};

/// How many multiples a digit chooses from.
const MULTIPLES: usize = 8;

impl<F: Field> Comb<F> {
    /// The table of the point with the u-coordinate `u`, four words that are the same in all lanes;
    /// none if it is on the twist.
    ///
    /// The time it takes depends on which of the two it is, and on nothing else.
    pub(crate) fn new(backend: F::Backend, u: [F::Word; 4]) -> Option<Self> {
        let u = F::from_limbs(&limbs::from_words(u));
        let q = Point::<F>::from_u(&u, backend)?.double(2, backend);
        // 16^i·Q for each digit, and once more for the start.
        let mut powers = Vec::with_capacity(DIGITS);
        let mut power = q;
        for _ in 0..DIGITS {
            powers.push(power);
            power = power.double(4, backend);
        }
        let start = power.add(&q.negate(backend), backend);
        // From here on the lanes are different digits.
        let mut multiples = Vec::with_capacity(MULTIPLES * DIGITS);
        for powers in powers.chunks(F::Word::LANES) {
            add_odd_multiples(backend, &gather(backend, powers), &mut multiples);
        }
        let addends = affine(backend, &multiples);
        let digits = addends
            .chunks(MULTIPLES)
            .flat_map(|addends| (0..F::Word::LANES).map(|lane| Digit::new(backend, addends, lane)));
        let mut table = Vec::with_capacity(DIGITS);
        table.extend(digits.take(DIGITS));
        Some(Self { start, digits: table })
    }
}

/// One point in each lane, out of as many or fewer that are the same in all lanes.
fn gather<F: Field>(backend: F::Backend, points: &[Point<F>]) -> Point<F> {
    let zero = field::zero::<F>(backend);
    let mut gathered = Point { x: zero, y: zero, z: zero, t: zero };
    for (place, point) in points.iter().enumerate() {
        let elsewhere = backend.word(|lane| u64::from(lane != place));
        backend.vectorize(
            #[inline(always)]
            || {
                put::<F>(backend, elsewhere, &mut gathered.x, &point.x);
                put::<F>(backend, elsewhere, &mut gathered.y, &point.y);
                put::<F>(backend, elsewhere, &mut gathered.z, &point.z);
                put::<F>(backend, elsewhere, &mut gathered.t, &point.t);
            },
        );
    }
    gathered
}

/// Takes `new` for `old` in the lanes where `elsewhere` is zero.
#[inline(always)]
fn put<F: Field>(backend: F::Backend, elsewhere: F::Word, old: &mut F::Product, new: &F::Product) {
    let selected = F::select(elsewhere.is_zero(), &F::reduce(new), &F::reduce(old));
    *old = F::multiply(&selected, &F::reduce(&field::one::<F>(backend)));
}

/// The point 1, 3, 5 … 15 times.
fn add_odd_multiples<F: Field>(
    backend: F::Backend,
    point: &Point<F>,
    multiples: &mut Vec<Point<F>>,
) {
    let twice = point.double(1, backend);
    let mut multiple = *point;
    for _ in 0..MULTIPLES {
        multiples.push(multiple);
        multiple = multiple.add(&twice, backend);
    }
}

/// An addend in limbs of numbers below p, in radix 2^51.
struct AddendLimbs<W> {
    plus: [W; 5],
    minus: [W; 5],
    dxy: [W; 5],
}

/// The points with Z divided out, ready to be added.
fn affine<F: Field>(backend: F::Backend, points: &[Point<F>]) -> Vec<AddendLimbs<F::Word>> {
    let mut inverses: Vec<_> = points.iter().map(|point| F::reduce(&point.z)).collect();
    let mut room = inverses.clone();
    fraction::invert_all::<F>(backend, &mut inverses, &mut room);
    let addend = |(point, inverse): (&Point<F>, &F::Element)| {
        backend.vectorize(
            #[inline(always)]
            || {
                let x = F::multiply(&F::reduce(&point.x), inverse);
                let y = F::multiply(&F::reduce(&point.y), inverse);
                let xy = F::multiply(&F::reduce(&x), &F::reduce(&y));
                let Addend { plus, minus, dxy } = Addend::<F>::new(backend, &x, &y, &xy);
                AddendLimbs {
                    plus: limbs::below_p(F::to_limbs(&plus)),
                    minus: limbs::below_p(F::to_limbs(&minus)),
                    dxy: limbs::below_p(F::to_limbs(&dxy)),
                }
            },
        )
    };
    points.iter().zip(&inverses).map(addend).collect()
}

impl<F: Field> Digit<F> {
    /// What one lane of eight multiples has.
    fn new(backend: F::Backend, multiples: &[AddendLimbs<F::Word>], lane: usize) -> Self {
        let rows = |coordinate: fn(&AddendLimbs<F::Word>) -> &[F::Word; 5]| {
            let mut entries = [[0; 5]; MULTIPLES];
            for (entry, multiple) in entries.iter_mut().zip(multiples) {
                *entry = coordinate(multiple).map(|limb| limb.lane(lane));
            }
            F::rows(backend, &entries)
        };
        Self {
            plus: rows(|multiple| &multiple.plus),
            minus: rows(|multiple| &multiple.minus),
            dxy: rows(|multiple| &multiple.dxy),
        }
    }
}
