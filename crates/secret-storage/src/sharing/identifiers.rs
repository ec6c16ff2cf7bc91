//! Identifiers of devices and requests: opaque strings of bounded length.

use alloc::{borrow::ToOwned, string::String};
use core::{borrow::Borrow, fmt};

use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::random_text::random_text;

/// Longest identifier that is taken, in bytes. What is remembered of others' requests is bounded,
/// and so must its parts be.
pub const IDENTIFIER_MAX_BYTES: usize = 255;

/// A string is no identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// It is the empty string.
    #[error("it must not be empty")]
    Empty,
    /// It is too long.
    #[error("it has {found} bytes, and at most {IDENTIFIER_MAX_BYTES} are taken")]
    #[non_exhaustive]
    TooLong {
        /// How many bytes it has.
        found: usize,
    },
}

/// Takes a string of 1 to [`IDENTIFIER_MAX_BYTES`] bytes.
pub(super) fn bounded(text: &str) -> Result<&str, IdentifierError> {
    match text.len() {
        0 => Err(IdentifierError::Empty),
        1..=IDENTIFIER_MAX_BYTES => Ok(text),
        found => Err(IdentifierError::TooLong { found }),
    }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes an identifier as it is: 1 to [`IDENTIFIER_MAX_BYTES`] bytes.
            ///
            /// # Errors
            ///
            /// [`IdentifierError`] if it is empty or too long.
            pub fn new(id: &str) -> Result<Self, IdentifierError> {
                bounded(id).map(|id| Self(id.to_owned()))
            }

            /// The identifier.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier! {
    /// Identifier of a device of one user.
    DeviceId
}

identifier! {
    /// Identifier of a request for a secret, chosen by the device that asks (G-1).
    RequestId
}

impl RequestId {
    /// 32 characters, 192 random bits.
    pub(super) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(random_text(rng))
    }
}
