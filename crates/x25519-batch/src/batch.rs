//! One secret with many points, and the way to everything else.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::fixed_point::{FixedPoint, Recipient};
use crate::implementation::Implementation;
use crate::portable::Portable;
use crate::tier::{Tier, TierUnavailable};
use crate::wipe::then_wipe_stack;
use crate::{PublicKey, SecretKey, SharedSecret};

/// Many X25519 operations at once, on one [`Tier`].
///
/// ```
/// use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let secret = SecretKey::from_slice(&[1; 32])?;
/// let points = [PublicKey::from_slice(&[2; 32])?, PublicKey::from_slice(&[0; 32])?];
///
/// let shared = Batch::new().diffie_hellman(&secret, &points);
/// assert!(shared[0].is_contributory());
/// assert!(!shared[1].is_contributory(), "a point of low order");
/// # Ok(())
/// # }
/// ```
pub struct Batch {
    tier: Tier,
    implementation: Box<dyn Implementation>,
}

impl Batch {
    /// Takes the fastest tier that this processor has.
    #[must_use]
    pub fn new() -> Self {
        let tier = Tier::detect();
        let implementation = tier.implementation().unwrap_or_else(|| Box::new(Portable));
        Self { tier, implementation }
    }

    /// Takes a tier of your choice, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`TierUnavailable`] if this processor does not have it.
    pub fn with_tier(tier: Tier) -> Result<Self, TierUnavailable> {
        let implementation = tier.implementation().ok_or(TierUnavailable(tier))?;
        Ok(Self { tier, implementation })
    }

    /// The tier that it computes on.
    #[must_use]
    pub fn tier(&self) -> Tier {
        self.tier
    }

    /// `X25519(secret, point)` for each of the points, in their order.
    ///
    /// # Security
    ///
    /// A point of low order gives 32 zero bytes:
    /// [`is_contributory`](SharedSecret::is_contributory) tells for each result.
    #[must_use]
    pub fn diffie_hellman(&self, secret: &SecretKey, points: &[PublicKey]) -> Vec<SharedSecret> {
        let mut shared = Vec::new();
        shared.resize_with(points.len(), SharedSecret::zero);
        then_wipe_stack(|| {
            self.implementation.diffie_hellman(secret, points, &mut |index, bytes| {
                if let Some(shared) = shared.get_mut(index) {
                    shared.set(bytes);
                }
            });
        });
        shared
    }

    /// For each of the encodings, in their order, whether it is that of a point of Ed25519: 32
    /// bytes, y in the lower 255 bits, the sign of x above it.
    ///
    /// The answer is exactly that of decompression in curve25519-dalek, which
    /// `VerifyingKey::from_bytes` of ed25519-dalek asks too: y is reduced where it is not below
    /// 2^255 − 19, either sign will do where x is zero, and points of low order are points.
    ///
    /// ```
    /// use matrix_key_backup_x25519_batch::Batch;
    ///
    /// let encodings = [[2; 32], [3; 32]];
    /// assert_eq!(Batch::new().ed25519_points(&encodings), [false, true]);
    /// ```
    ///
    /// # Security
    ///
    /// Encodings are public: the time that it takes may depend on them.
    #[must_use]
    pub fn ed25519_points(&self, encodings: &[[u8; 32]]) -> Vec<bool> {
        let mut points = alloc::vec![false; encodings.len()];
        self.implementation.ed25519_points(encodings, &mut |index, is_point| {
            if let Some(point) = points.get_mut(index) {
                *point = is_point;
            }
        });
        points
    }

    /// Prepares for multiplying one point by many secrets.
    ///
    /// The table takes some 60 KB, and about as long as ten multiplications one by one. It is made
    /// of the point alone, which is public, and can be shared between threads.
    #[must_use]
    pub fn fixed_point(&self, point: &PublicKey) -> FixedPoint {
        FixedPoint::new(self.implementation.fixed_points(&[*point]))
    }

    /// Prepares for many key agreements with one recipient, each with an ephemeral key pair of its
    /// own.
    ///
    /// That takes two tables, of the base point and of the recipient's key.
    #[must_use]
    pub fn recipient(&self, public_key: &PublicKey) -> Recipient {
        let points = [PublicKey::BASE_POINT, *public_key];
        Recipient::new(*public_key, self.implementation.fixed_points(&points))
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("tier", &self.tier).finish_non_exhaustive()
    }
}
