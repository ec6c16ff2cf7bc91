//! Backup versions.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The name that a store gave to a backup version.
///
/// It is opaque: a homeserver may number its versions or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(String);

impl VersionId {
    /// Takes the name as a store wrote it.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self(version.into())
    }

    /// The name as the store wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A backup version as a store describes it.
///
/// # Security
///
/// All of it is the store's word. Whether `auth_data` may be believed is for the trust layer to
/// say (T-1), and it may hold any JSON at all: `null`, a number, an object without a key.
#[derive(Clone, Debug)]
pub struct BackupVersion {
    /// The name of the version.
    pub version: VersionId,
    /// The name of the algorithm, known or not.
    pub algorithm: String,
    /// The `auth_data` as received.
    pub auth_data: Box<RawValue>,
    /// How many keys the version holds.
    pub count: u64,
    /// Changes when the keys of the version change, and only then.
    pub etag: String,
}
