//! The portable tier, on any processor: where words have 64 bits, the program of the vector units in
//! one lane; elsewhere curve25519-dalek.
//!
//! Which encodings are points is asked of the Jacobi symbol instead, which takes a third of the time
//! of a power; what it cannot tell, curve25519-dalek does.

#[cfg(any(test, not(target_pointer_width = "64")))]
mod dalek;
mod decoding;
mod jacobi;

use alloc::boxed::Box;

use crate::implementation::{FixedPoints, Implementation};
#[cfg(target_pointer_width = "64")]
use crate::lanes::{self, Plain, Wide51};
use crate::{PublicKey, SecretKey};

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
        #[cfg(target_pointer_width = "64")]
        lanes::diffie_hellman::<Wide51>(Plain, secret, points, result);
        #[cfg(not(target_pointer_width = "64"))]
        dalek::diffie_hellman(secret, points, result);
    }

    fn fixed_points(&self, points: &[PublicKey]) -> Box<dyn FixedPoints> {
        #[cfg(target_pointer_width = "64")]
        return lanes::fixed_points::<Wide51>(Plain, points, None);
        #[cfg(not(target_pointer_width = "64"))]
        dalek::fixed_points(points)
    }

    fn ed25519_points(&self, encodings: &[[u8; 32]], result: &mut dyn FnMut(usize, bool)) {
        for (index, encoding) in encodings.iter().enumerate() {
            result(index, decoding::is_point(encoding));
        }
    }
}
