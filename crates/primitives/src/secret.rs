//! The one container for secret bytes (K-5). Every secret type of the crate is a newtype over it.

use alloc::boxed::Box;
use core::{convert::Infallible, fmt};

use matrix_key_backup_x25519_batch::SecretKey;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::KeyLengthError;

/// `N` secret bytes on the heap: moving the owner leaves no copy behind on the stack.
///
/// Wiped on drop, compared in constant time, and `Debug` prints a placeholder, so that a newtype
/// may simply derive `Clone`, `Debug`, `PartialEq` and `Eq`.
#[derive(Clone)]
pub(crate) struct SecretBytes<const N: usize>(Box<[u8; N]>);

impl<const N: usize> SecretBytes<N> {
    /// Lets `fill` write the bytes in place.
    pub(crate) fn init(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let Ok(secret) = Self::try_init(|bytes| {
            fill(bytes);
            Ok::<(), Infallible>(())
        });
        secret
    }

    /// Lets `fill` write the bytes in place, unless it fails.
    pub(crate) fn try_init<E>(fill: impl FnOnce(&mut [u8; N]) -> Result<(), E>) -> Result<Self, E> {
        let mut secret = Self(Box::new([0; N]));
        fill(&mut secret.0)?;
        Ok(secret)
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Result<Self, KeyLengthError> {
        let bytes: &[u8; N] =
            bytes.try_into().map_err(|_| KeyLengthError { expected: N, found: bytes.len() })?;
        Ok(Self::init(|secret| secret.copy_from_slice(bytes)))
    }

    pub(crate) fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    pub(crate) fn as_mut_bytes(&mut self) -> &mut [u8; N] {
        &mut self.0
    }
}

impl SecretBytes<32> {
    /// The bytes as a scalar of X25519, which is wiped as well.
    #[expect(clippy::expect_used, reason = "the type has 32 bytes")]
    pub(crate) fn to_scalar(&self) -> SecretKey {
        SecretKey::from_slice(self.as_bytes()).expect("there are 32 bytes")
    }
}

impl<const N: usize> Drop for SecretBytes<N> {
    fn drop(&mut self) {
        // As a slice it is wiped at once, as an array byte by byte.
        self.0.as_mut_slice().zeroize();
    }
}

impl<const N: usize> ZeroizeOnDrop for SecretBytes<N> {}

impl<const N: usize> ConstantTimeEq for SecretBytes<N> {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.as_slice().ct_eq(other.0.as_slice())
    }
}

impl<const N: usize> PartialEq for SecretBytes<N> {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl<const N: usize> Eq for SecretBytes<N> {}

impl<const N: usize> fmt::Debug for SecretBytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
