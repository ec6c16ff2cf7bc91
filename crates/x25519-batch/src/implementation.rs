//! What a tier has to offer, so that what is above it does not ask which one it is.

use alloc::boxed::Box;

use crate::{PublicKey, SecretKey};

/// X25519 on one tier.
pub(crate) trait Implementation: Send + Sync {
    /// Multiplies each point by the secret, and gives the result with the point's index.
    fn diffie_hellman(
        &self,
        secret: &SecretKey,
        points: &[PublicKey],
        result: &mut dyn FnMut(usize, &[u8; 32]),
    );

    /// Prepares for multiplying these points by many secrets.
    fn fixed_points(&self, points: &[PublicKey]) -> Box<dyn FixedPoints>;

    /// Gives for each encoding, with its index, whether it is that of a point. All of it is public.
    fn ed25519_points(&self, encodings: &[[u8; 32]], result: &mut dyn FnMut(usize, bool));
}

/// Points that are multiplied often, with their tables.
pub(crate) trait FixedPoints: Send + Sync {
    /// Multiplies each point by each secret, and gives the result with the index of the secret and
    /// that of the point.
    fn multiply(&self, secrets: &[SecretKey], result: &mut dyn FnMut(usize, usize, &[u8; 32]));
}
