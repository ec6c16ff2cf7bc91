//! Points, as the other side of a key agreement gives them.

use core::fmt;

use crate::LengthError;
use crate::length_error::array_of;

/// A point of Curve25519 or its twist by its u-coordinate, 32 bytes: the public half of a key pair.
///
/// Any 32 bytes are one. Bit 255 is ignored and a number not below 2^255 − 19 is reduced when it is
/// used, as RFC 7748 says; `==` compares the bytes as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The base point, u = 9: a secret key times this is its public key.
    pub const BASE_POINT: Self = {
        let mut bytes = [0; 32];
        bytes[0] = 9;
        Self(bytes)
    };

    /// Takes the 32 bytes of a u-coordinate.
    ///
    /// # Errors
    ///
    /// [`LengthError`] if there are not exactly 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, LengthError> {
        array_of(bytes).map(Self)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn as_array(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn from_array(bytes: &[u8; 32]) -> Self {
        Self(*bytes)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}
