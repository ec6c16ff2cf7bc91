//! What both sides of a key agreement come to.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

/// A secret key times a public key, 32 bytes: the same for both sides.
///
/// Wiped on drop, compared in constant time, and not shown by `Debug`.
///
/// # Security
///
/// The other side can choose a point of low order; then all 32 bytes are zero, whatever the secret
/// key. Where that matters, ask [`is_contributory`](Self::is_contributory). These bytes are not
/// evenly distributed: derive keys from them, do not use them as one.
pub struct SharedSecret([u8; 32]);

impl SharedSecret {
    /// A place for one.
    pub(crate) fn zero() -> Self {
        Self([0; 32])
    }

    pub(crate) fn set(&mut self, bytes: &[u8; 32]) {
        self.0 = *bytes;
    }

    /// The 32 bytes.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the secret key has any influence on it: false if all bytes are zero.
    ///
    /// Asked in constant time; the answer is not a secret, since anyone can see it from the point.
    #[must_use]
    pub fn is_contributory(&self) -> bool {
        (!self.0.ct_eq(&[0; 32])).into()
    }
}

impl Drop for SharedSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SharedSecret {}

impl ConstantTimeEq for SharedSecret {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl PartialEq for SharedSecret {
    fn eq(&self, other: &Self) -> bool {
        self.ct_eq(other).into()
    }
}

impl Eq for SharedSecret {}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret([redacted])")
    }
}
