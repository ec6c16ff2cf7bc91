//! Backup versions.

use matrix_key_backup_wire::VersionId;
use serde_json::value::RawValue;

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
