//! The version of what is stored over restarts.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const VERSION: u8 = 1;

/// Written as `1`; anything else is refused, for nobody knows what it means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StateVersion;

impl Serialize for StateVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(VERSION)
    }
}

impl<'de> Deserialize<'de> for StateVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "state of version {other}, and only version {VERSION} is understood"
            ))),
        }
    }
}

/// Stored state is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidState {
    #[error("more is in the state than was ever written")]
    TooMuch,
    #[error("a request is in the state twice")]
    Duplicate,
    #[error("a request in the state was sent to nobody")]
    NobodyAsked,
}
