//! The id of a secret storage key.

use alloc::string::String;
use core::{borrow::Borrow, fmt};

use rand_core::CryptoRng;
use serde::Serialize;
use thiserror::Error;

use crate::random_text::random_text;

/// The id of a secret storage key: what follows `m.secret_storage.key.` in account data (S-3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// Takes an id as it is; any string that is not empty will do.
    ///
    /// # Errors
    ///
    /// [`EmptyKeyId`] if the string is empty.
    pub fn new(id: impl Into<String>) -> Result<Self, EmptyKeyId> {
        let id = id.into();
        if id.is_empty() { Err(EmptyKeyId) } else { Ok(Self(id)) }
    }

    /// Makes a new id, 32 characters.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(random_text(rng))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl AsRef<str> for KeyId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The id of a secret storage key was the empty string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the id of a secret storage key must not be empty")]
#[non_exhaustive]
pub struct EmptyKeyId;
