//! What can be wrong with the bytes, or the base64, of a key.

use crate::Base64Error;

/// A key, or the IV that goes with it, has the wrong number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{expected} bytes were expected, and there are {found}")]
#[non_exhaustive]
pub struct KeyLengthError {
    /// How many bytes the key must have.
    pub expected: usize,
    /// How many bytes were given.
    pub found: usize,
}

/// A key could not be read from base64 (K-4).
///
/// Neither variant carries anything of the text, which may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64KeyError {
    /// The text is not base64 of the form that is accepted here.
    #[error("the key is not well-formed base64")]
    Encoding(Base64Error),
    /// The text decodes to the wrong number of bytes.
    #[error(transparent)]
    Length(#[from] KeyLengthError),
}

impl From<Base64Error> for Base64KeyError {
    fn from(error: Base64Error) -> Self {
        Self::Encoding(error)
    }
}
