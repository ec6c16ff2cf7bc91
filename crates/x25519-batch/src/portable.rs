//! The portable tier: one operation at a time, on any processor.
//!
//! With one secret and many points it is the ladder of the vector units in one lane, with one inversion
//! for many results. With one point and many secrets it is curve25519-dalek's tables, one for each
//! point, and its way to share an inversion.

mod decoding;
mod jacobi;

use alloc::boxed::Box;
use alloc::vec::Vec;

use curve25519_dalek::constants::ED25519_BASEPOINT_TABLE;
use curve25519_dalek::edwards::EdwardsBasepointTable;
use curve25519_dalek::traits::BasepointTable as _;
use curve25519_dalek::{EdwardsPoint, MontgomeryPoint};
use zeroize::{Zeroize as _, Zeroizing};

use crate::implementation::{FixedPoints, Implementation};
use crate::lanes::{self, Plain, Wide51};
use crate::wipe::StackSize;
use crate::{PublicKey, SecretKey};

/// How many results share one inversion.
const BATCH: usize = 64;

/// The portable tier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable;

impl Implementation for Portable {
    fn diffie_hellman(
        &self,
        secret: &SecretKey,
        points: &[PublicKey],
        result: &mut dyn FnMut(usize, &[u8; 32]),
    ) {
        lanes::diffie_hellman::<Wide51>(Plain, secret, points, result);
    }

    fn fixed_points(&self, points: &[PublicKey]) -> Box<dyn FixedPoints> {
        Box::new(Tables(points.iter().map(Table::new).collect()))
    }

    fn ed25519_points(&self, encodings: &[[u8; 32]], result: &mut dyn FnMut(usize, bool)) {
        for (index, encoding) in encodings.iter().enumerate() {
            result(index, decoding::is_point(encoding));
        }
    }

    fn stack_to_wipe(&self, _: usize) -> StackSize {
        StackSize::Small
    }
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

    fn stack_to_wipe(&self, _: usize) -> StackSize {
        StackSize::Small
    }
}
