//! What a writer hands to a store.

use alloc::{boxed::Box, string::String};

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// An encrypted `session_data` with its MAC, as JSON text.
///
/// Only [`BackupWriter`](crate::BackupWriter) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthenticatedSessionData {
    json: String,
}

impl AuthenticatedSessionData {
    pub(crate) fn new(json: String) -> Self {
        Self { json }
    }

    /// The JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// The JSON text as a raw value, for `KeyBackupData`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the writer wrote this text as JSON")]
    #[expect(clippy::missing_panics_doc, reason = "cannot happen")]
    pub fn into_raw(self) -> Box<RawValue> {
        RawValue::from_string(self.json).expect("a writer writes JSON")
    }
}

impl Serialize for AuthenticatedSessionData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.clone().into_raw().serialize(serializer)
    }
}
