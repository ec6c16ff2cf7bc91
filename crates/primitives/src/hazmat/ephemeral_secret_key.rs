//! The secret half of the key pair made for one message.

use matrix_key_backup_x25519_batch::SecretKey;
use rand_core::CryptoRng;
use subtle::{Choice, ConstantTimeEq};
use zeroize::ZeroizeOnDrop;

use crate::{EphemeralPublicKey, KeyLengthError, secret::SecretBytes};

/// The X25519 private key made for one message (V1-2).
///
/// # Security
///
/// To be made anew for each message and forgotten afterwards: two messages under one key share
/// their AES key and IV. Wiped on drop, compared in constant time, redacted in `Debug` (K-5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EphemeralSecretKey(SecretBytes<32>);

impl EphemeralSecretKey {
    /// Makes a new key from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(SecretBytes::init(|bytes| rng.fill_bytes(bytes)))
    }

    /// Makes a new key from the system's random number generator.
    ///
    /// # Errors
    ///
    /// [`getrandom::Error`] if the system has none, or it fails.
    #[cfg(feature = "getrandom")]
    pub fn random() -> Result<Self, getrandom::Error> {
        SecretBytes::try_init(|bytes| getrandom::fill(bytes)).map(Self)
    }

    /// Takes the 32 bytes of a private key. Meant for test vectors.
    ///
    /// # Errors
    ///
    /// [`KeyLengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        SecretBytes::from_slice(bytes).map(Self)
    }

    /// `X25519(clamp(private key), basepoint)`, 32 bytes: what goes out as `ephemeral`.
    #[must_use]
    pub fn public_key(&self) -> EphemeralPublicKey {
        EphemeralPublicKey::from_x25519((&self.to_x25519()).into())
    }

    pub(super) fn to_x25519(&self) -> x25519_dalek::StaticSecret {
        (*self.0.as_bytes()).into()
    }

    /// The same key, for many operations at once.
    pub(super) fn to_scalar(&self) -> SecretKey {
        self.0.to_scalar()
    }
}

impl ConstantTimeEq for EphemeralSecretKey {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl ZeroizeOnDrop for EphemeralSecretKey {}
