//! The version that is copied to.

use matrix_key_backup_wire::Json;
use serde_json::value::RawValue;

use super::CopyError;
use crate::store::{BackupStore, BackupVersion, VersionId};

/// What to do where the store to copy to has another backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherBackup {
    /// Nothing: the copy is refused.
    Refuse,
    /// A new version is made. The one that was current stays, and becomes read-only (A-1).
    MakeReadOnly,
}

/// Where entries go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) version: VersionId,
    /// Whether it was made for this copy.
    pub(super) created: bool,
    /// Whether it has no entry yet, so nothing has to be looked up.
    pub(super) empty: bool,
}

/// Finds the target, or makes it.
pub(super) async fn target<F, T: BackupStore>(
    described: &BackupVersion,
    to: &T,
    other: OtherBackup,
) -> Result<Target, CopyError<F, T::Error>> {
    match to.current_version().await.map_err(CopyError::Target)? {
        Some(current) if is_same_backup(described, &current) => {
            let BackupVersion { version, count, .. } = current;
            return Ok(Target { version, created: false, empty: count == 0 });
        }
        Some(current) if other == OtherBackup::Refuse => {
            return Err(CopyError::OtherBackup { current: current.version });
        }
        _ => {}
    }
    let created = to.create_version(&described.algorithm, &described.auth_data).await;
    Ok(Target { version: created.map_err(CopyError::Target)?, created: true, empty: true })
}

/// Whether two versions have the same algorithm and the same `auth_data`, as JSON (A-4), whatever
/// it is: stores take anything.
pub(super) fn is_same_backup(one: &BackupVersion, other: &BackupVersion) -> bool {
    one.algorithm == other.algorithm && is_same_json(&one.auth_data, &other.auth_data)
}

fn is_same_json(one: &RawValue, other: &RawValue) -> bool {
    let (one, other) = (one.get(), other.get());
    one == other || Json::parse(one).is_ok_and(|json| Json::parse(other) == Ok(json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_data_is_compared_as_json() {
        let same = |one: &str, other: &str| {
            let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
            is_same_json(&raw(one), &raw(other))
        };
        assert!(same(r#"{"a":1,"b":"\u00e9"}"#, "{ \"b\": \"é\",\n\"a\": 1 }"));
        assert!(same("null", "null"));
        assert!(same(r#"{"a":1,"a":1}"#, r#"{"a":1,"a":1}"#), "as text, where it is malformed");
        assert!(!same(r#"{"a":1,"a":1}"#, r#"{"a":1, "a":1}"#));
        assert!(!same("{}", "null"));
        assert!(!same(r#"{"a":1}"#, r#"{"a":"1"}"#));
        assert!(!same("[1,2]", "[2,1]"));
    }
}
