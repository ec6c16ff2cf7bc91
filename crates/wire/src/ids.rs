//! Identifiers as plain strings: they are compared and passed on, never taken apart.

use alloc::{borrow::ToOwned, string::String};
use core::{borrow::Borrow, fmt, str::FromStr};

use matrix_key_backup_primitives::base64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An identifier was the empty string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier must not be empty")]
#[non_exhaustive]
pub struct EmptyIdentifier;

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Takes an identifier as it is; any string that is not empty will do.
            ///
            /// # Errors
            ///
            /// [`EmptyIdentifier`] if the string is empty.
            pub fn new(id: impl Into<String>) -> Result<Self, EmptyIdentifier> {
                let id = id.into();
                if id.is_empty() { Err(EmptyIdentifier) } else { Ok(Self(id)) }
            }

            /// Takes an identifier that is known not to be empty.
            pub(crate) fn known(id: &str) -> Self {
                Self(id.to_owned())
            }

            /// The identifier.
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

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = EmptyIdentifier;

            fn try_from(id: String) -> Result<Self, Self::Error> {
                Self::new(id)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = EmptyIdentifier;

            fn try_from(id: &str) -> Result<Self, Self::Error> {
                Self::new(id.to_owned())
            }
        }

        impl FromStr for $name {
            type Err = EmptyIdentifier;

            fn from_str(id: &str) -> Result<Self, Self::Err> {
                Self::new(id.to_owned())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier! {
    /// Identifier of a room.
    RoomId
}

identifier! {
    /// Identifier of a user.
    UserId
}

identifier! {
    /// Identifier of a Megolm session: unpadded base64 of its Ed25519 public key.
    ///
    /// It may contain `/` and `+`, so it is percent-encoded where it becomes part of a path.
    SessionId
}

impl SessionId {
    /// Whether it can be that of a Megolm session: the Ed25519 public key at the end of its session
    /// key, 43 characters of unpadded base64. There is no key for any other, so nobody needs to be
    /// asked for one (B-1).
    ///
    /// ```
    /// use matrix_key_backup_wire::SessionId;
    ///
    /// let id = SessionId::new("FKXxYTJhsyJWvDeVyqsQpTzfjMC4G6dcpEDcbTVrXnk")?;
    /// assert!(id.is_megolm());
    /// assert!(!SessionId::new("../whoami")?.is_megolm());
    /// # Ok::<(), matrix_key_backup_wire::EmptyIdentifier>(())
    /// ```
    #[must_use]
    pub fn is_megolm(&self) -> bool {
        base64::decode_unpadded_array::<32>(self.as_str()).is_some()
    }

    /// Whether it is the one that belongs to a session's Ed25519 public key (B-1). Of 32 bytes there is
    /// but one text.
    pub(crate) fn is_of(&self, public_key: &[u8; 32]) -> bool {
        base64::decode_unpadded_array(self.as_str()).as_ref() == Some(public_key)
    }

    /// The identifier that belongs to a session's Ed25519 public key (B-1).
    pub(crate) fn from_public_key(public_key: &[u8]) -> Self {
        Self(base64::encode_unpadded(public_key))
    }
}
