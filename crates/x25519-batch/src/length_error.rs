//! Keys that are not 32 bytes.

use thiserror::Error;

/// Bytes that should have been a key are too few or too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a key has 32 bytes, and {found} were given")]
pub struct LengthError {
    /// How many bytes were given.
    pub found: usize,
}

/// Exactly 32 bytes.
pub(crate) fn array_of(bytes: &[u8]) -> Result<[u8; 32], LengthError> {
    bytes.try_into().map_err(|_| LengthError { found: bytes.len() })
}
