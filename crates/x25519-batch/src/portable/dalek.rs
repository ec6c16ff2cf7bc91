//! curve25519-dalek, one operation at a time: for words of 32 bits.
//!
//! There it has a field of its own, with limbs of 26 and 25 bits, and so takes half the time that
//! products of 128 bits take. With one point and many secrets there is more to gain: a table for each
//! point, and one inversion for many results.

use alloc::boxed::Box;
use alloc::vec::Vec;

use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::EdwardsBasepointTable;
use curve25519_dalek::traits::BasepointTable as _;
use curve25519_dalek::{EdwardsPoint, MontgomeryPoint};
use zeroize::{Zeroize as _, Zeroizing};

use crate::implementation::FixedPoints;
use crate::{PublicKey, SecretKey};

/// How many results share one inversion.
const BATCH: usize = 64;

/// Multiplies each point by the secret, and gives the result with the point's index.
pub(super) fn diffie_hellman(
    secret: &SecretKey,
    points: &[PublicKey],
    result: &mut dyn FnMut(usize, &[u8; 32]),
) {
    for (index, point) in points.iter().enumerate() {
        let mut product = MontgomeryPoint(*point.as_array()).mul_clamped(*secret.as_array());
        result(index, product.as_bytes());
        product.zeroize();
    }
}

/// Prepares for multiplying these points by many secrets.
pub(super) fn fixed_points(points: &[PublicKey]) -> Box<dyn FixedPoints> {
    Box::new(Tables(points.iter().map(Table::new).collect()))
}

struct Tables(Vec<Table>);

enum Table {
    /// The base point's, which is in the program.
    BasePoint,
    /// That of another point on the curve.
    Point(Box<EdwardsBasepointTable>),
    /// A point on the twist, which has no table.
    Twist(MontgomeryPoint),
}

impl Table {
    fn new(point: &PublicKey) -> Self {
        if *point == PublicKey::BASE_POINT {
            return Self::BasePoint;
        }
        let point = MontgomeryPoint(*point.as_array());
        // Two points have this coordinate, and so have their multiples: either will do.
        point.to_edwards(0).map_or(Self::Twist(point), |point| {
            Self::Point(Box::new(EdwardsBasepointTable::create(&point)))
        })
    }

    fn multiply(&self, secret: &SecretKey) -> Product {
        let secret = *secret.as_array();
        match self {
            Self::BasePoint => Product::Edwards(ED25519_BASEPOINT_TABLE.mul_base_clamped(secret)),
            Self::Point(table) => Product::Edwards(table.mul_base_clamped(secret)),
            Self::Twist(point) => Product::Montgomery(point.mul_clamped(secret)),
        }
    }
}

/// A point times a secret.
enum Product {
    Edwards(EdwardsPoint),
    Montgomery(MontgomeryPoint),
}

impl FixedPoints for Tables {
    fn multiply(&self, secrets: &[SecretKey], result: &mut dyn FnMut(usize, usize, &[u8; 32])) {
        let Self(tables) = self;
        for (first, secrets) in (0..).step_by(BATCH).zip(secrets.chunks(BATCH)) {
            let mut places = Vec::with_capacity(BATCH * tables.len());
            let mut points = Zeroizing::new(Vec::with_capacity(BATCH * tables.len()));
            for (index, secret) in (first..).zip(secrets) {
                for (place, table) in tables.iter().enumerate() {
                    match table.multiply(secret) {
                        Product::Edwards(point) => {
                            places.push((index, place));
                            points.push(point);
                        }
                        Product::Montgomery(mut point) => {
                            result(index, place, point.as_bytes());
                            point.zeroize();
                        }
                    }
                }
            }
            // One inversion for all of them.
            let products = Zeroizing::new(EdwardsPoint::to_montgomery_batch(&points));
            for ((index, place), product) in places.into_iter().zip(products.iter()) {
                result(index, place, product.as_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{self, Plain, Wide51};

    fn bytes(seed: u8) -> [u8; 32] {
        core::array::from_fn(|at| seed.wrapping_mul(at as u8 + 3))
    }

    /// In the order in which they are given, with what stands beside them.
    fn all<T: Ord>(mut results: Vec<(T, [u8; 32])>) -> Vec<(T, [u8; 32])> {
        results.sort_unstable();
        results
    }

    /// Where tests run it is not in use: so that it is right where it is, the other way is the oracle.
    #[test]
    fn both_ways_of_the_portable_tier_agree() {
        let secret = |seed| SecretKey::from_slice(&bytes(seed)).unwrap();
        // About half of these are on the twist; zero, the first one, is of low order.
        let points: Vec<_> = (0..80).map(|seed| PublicKey::from_array(&bytes(seed))).collect();
        for seed in [5, 77, 200] {
            let (mut ours, mut dalek) = (Vec::new(), Vec::new());
            let mut keep = |index, bytes: &[u8; 32]| ours.push((index, *bytes));
            lanes::diffie_hellman::<Wide51>(Plain, &secret(seed), &points, &mut keep);
            let mut keep = |index, bytes: &[u8; 32]| dalek.push((index, *bytes));
            diffie_hellman(&secret(seed), &points, &mut keep);
            assert_eq!(all(ours), all(dalek));
        }
        let secrets: Vec<_> = (1..70).map(secret).collect();
        for point in points {
            let points = [PublicKey::BASE_POINT, point];
            let of = |tables: &dyn FixedPoints| {
                let mut results = Vec::new();
                tables.multiply(&secrets, &mut |secret, point, bytes| {
                    results.push(((secret, point), *bytes));
                });
                all(results)
            };
            let ours = lanes::fixed_points::<Wide51>(Plain, &points, None);
            assert_eq!(of(&*ours), of(&*fixed_points(&points)));
        }
    }
}
