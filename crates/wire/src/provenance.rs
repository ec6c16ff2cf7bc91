//! Where a key comes from, as far as the backup vouches for it (V2-8, V2-9).

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

/// Whether the one who uploaded a key vouches that it belongs to its `sender_key`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// The uploader vouches for the key (V2-8).
    Authenticated,
    /// Nobody vouches for the key, for this reason.
    Unauthenticated(UnauthenticatedSource),
}

impl Provenance {
    /// Whether the uploader vouches for the key.
    pub const fn is_authenticated(&self) -> bool {
        matches!(self, Self::Authenticated)
    }

    /// Why nobody vouches for the key, if nobody does.
    pub const fn unauthenticated_source(&self) -> Option<&UnauthenticatedSource> {
        match self {
            Self::Authenticated => None,
            Self::Unauthenticated(source) => Some(source),
        }
    }
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authenticated => f.write_str("authenticated"),
            Self::Unauthenticated(source) => {
                write!(f, "unauthenticated ({})", source.effective())
            }
        }
    }
}

/// Value of the plaintext's `unauthenticated` (V2-9).
///
/// ```
/// use matrix_key_backup_wire::UnauthenticatedSource;
///
/// let source = UnauthenticatedSource::from_written("com.example.imported");
/// assert_eq!(source.as_written(), "com.example.imported");
/// assert_eq!(source.effective(), "m.undefined");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UnauthenticatedSource {
    /// `m.undefined`: no more is known.
    Undefined,
    /// `m.legacy-v1`: the key came from a v1 backup, which authenticates nothing.
    LegacyV1,
    /// `m.forwarded_room_key`: the key was forwarded by a device that is not trusted for it.
    ForwardedRoomKey,
    /// Any other value, kept as it was written. It counts as [`Undefined`](Self::Undefined).
    ///
    /// Build it with [`from_written`](Self::from_written), which never puts a known value here.
    Other(String),
}

impl UnauthenticatedSource {
    const UNDEFINED: &'static str = "m.undefined";
    const LEGACY_V1: &'static str = "m.legacy-v1";
    const FORWARDED_ROOM_KEY: &'static str = "m.forwarded_room_key";

    /// Reads a value. Values are compared exactly: another case makes another value.
    pub fn from_written(value: &str) -> Self {
        match value {
            Self::UNDEFINED => Self::Undefined,
            Self::LEGACY_V1 => Self::LegacyV1,
            Self::FORWARDED_ROOM_KEY => Self::ForwardedRoomKey,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The value as it stands, or will stand, in the plaintext.
    pub fn as_written(&self) -> &str {
        match self {
            Self::Other(value) => value,
            known => known.effective(),
        }
    }

    /// What the value counts as: an unknown one as `m.undefined` (V2-9).
    pub const fn effective(&self) -> &'static str {
        match self {
            Self::Undefined | Self::Other(_) => Self::UNDEFINED,
            Self::LegacyV1 => Self::LEGACY_V1,
            Self::ForwardedRoomKey => Self::FORWARDED_ROOM_KEY,
        }
    }
}
