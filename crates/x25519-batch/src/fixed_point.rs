//! Many secrets with one point.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::implementation::FixedPoints;
use crate::wipe::then_wipe_stack;
use crate::{PublicKey, SecretKey, SharedSecret};

/// A point that many secrets are multiplied with, with its table: from
/// [`Batch::fixed_point`](crate::Batch::fixed_point).
///
/// A point on the twist has no table. It gives the same results as with X25519, only more slowly.
///
/// ```
/// use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let batch = Batch::new();
/// let secrets = [SecretKey::from_slice(&[1; 32])?, SecretKey::from_slice(&[2; 32])?];
///
/// let public_keys = batch.fixed_point(&PublicKey::BASE_POINT).public_keys(&secrets);
/// // The first secret with the second public key is the second with the first.
/// let one = batch.fixed_point(&public_keys[1]).shared_secrets(&secrets[..1]);
/// let other = batch.fixed_point(&public_keys[0]).shared_secrets(&secrets[1..]);
/// assert_eq!(one, other);
/// # Ok(())
/// # }
/// ```
pub struct FixedPoint(Box<dyn FixedPoints>);

impl FixedPoint {
    pub(crate) fn new(table: Box<dyn FixedPoints>) -> Self {
        Self(table)
    }

    /// `X25519(secret, point)` for each of the secrets, in their order.
    ///
    /// # Security
    ///
    /// If the point is of low order, all results are zero: see
    /// [`is_contributory`](SharedSecret::is_contributory).
    #[must_use]
    pub fn shared_secrets(&self, secrets: &[SecretKey]) -> Vec<SharedSecret> {
        let mut shared = Vec::new();
        shared.resize_with(secrets.len(), SharedSecret::zero);
        then_wipe_stack(|| {
            self.0.multiply(secrets, &mut |index, _, bytes| {
                if let Some(shared) = shared.get_mut(index) {
                    shared.set(bytes);
                }
            });
        });
        shared
    }

    /// The same for results that are not secret: with the base point, the public keys of the
    /// secrets.
    #[must_use]
    pub fn public_keys(&self, secrets: &[SecretKey]) -> Vec<PublicKey> {
        let mut public = alloc::vec![PublicKey::BASE_POINT; secrets.len()];
        then_wipe_stack(|| {
            self.0.multiply(secrets, &mut |index, _, bytes| {
                if let Some(public) = public.get_mut(index) {
                    *public = PublicKey::from_array(bytes);
                }
            });
        });
        public
    }
}

impl fmt::Debug for FixedPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FixedPoint").finish_non_exhaustive()
    }
}

/// Somebody with whom many keys are agreed on, each by an ephemeral key pair: from
/// [`Batch::recipient`](crate::Batch::recipient).
///
/// ```
/// use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let batch = Batch::new();
/// let secret = SecretKey::from_slice(&[1; 32])?;
/// let public_key = batch.fixed_point(&PublicKey::BASE_POINT).public_keys(&[secret])[0];
///
/// let ephemeral = [SecretKey::from_slice(&[2; 32])?, SecretKey::from_slice(&[3; 32])?];
/// let agreed = batch.recipient(&public_key).agree(&ephemeral);
///
/// // The recipient comes to the same.
/// let secret = SecretKey::from_slice(&[1; 32])?;
/// let points = [agreed[0].public_key, agreed[1].public_key];
/// let shared = batch.diffie_hellman(&secret, &points);
/// assert_eq!(agreed[0].shared_secret, shared[0]);
/// assert_eq!(agreed[1].shared_secret, shared[1]);
/// # Ok(())
/// # }
/// ```
pub struct Recipient {
    public_key: PublicKey,
    /// Of the base point, and of the recipient's.
    tables: Box<dyn FixedPoints>,
}

/// One side of a key agreement: what to send, and what to keep.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyAgreement {
    /// The public half of the ephemeral key pair, for the recipient.
    pub public_key: PublicKey,
    /// What the recipient will come to as well.
    pub shared_secret: SharedSecret,
}

impl Recipient {
    pub(crate) fn new(public_key: PublicKey, tables: Box<dyn FixedPoints>) -> Self {
        Self { public_key, tables }
    }

    /// Whose tables these are.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// For each ephemeral secret its public key and what it shares with the recipient, in their
    /// order.
    ///
    /// # Security
    ///
    /// If the recipient's key is of low order, all shared secrets are zero: see
    /// [`is_contributory`](SharedSecret::is_contributory).
    #[must_use]
    pub fn agree(&self, ephemeral: &[SecretKey]) -> Vec<KeyAgreement> {
        let mut agreed = Vec::new();
        agreed.resize_with(ephemeral.len(), KeyAgreement::empty);
        then_wipe_stack(|| {
            self.tables.multiply(ephemeral, &mut |index, point, bytes| match (
                agreed.get_mut(index),
                point,
            ) {
                (Some(agreed), 0) => agreed.public_key = PublicKey::from_array(bytes),
                (Some(agreed), _) => agreed.shared_secret.set(bytes),
                (None, _) => {}
            });
        });
        agreed
    }
}

impl KeyAgreement {
    fn empty() -> Self {
        Self { public_key: PublicKey::BASE_POINT, shared_secret: SharedSecret::zero() }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}
