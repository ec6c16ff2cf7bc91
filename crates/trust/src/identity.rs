//! Which backup it is.

use alloc::string::String;
use core::fmt;

use matrix_key_backup_primitives::BackupPublicKey;
use matrix_key_backup_wire::BackupAlgorithm;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest name of a version that is remembered, in bytes. Servers count: theirs are short.
pub(crate) const VERSION_MAX_BYTES: usize = 255;

/// Which backup it is: its version, its algorithm and its public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BackupIdentity {
    /// The version, as the server names it.
    pub version: String,
    /// The algorithm.
    pub algorithm: BackupAlgorithm,
    /// The public key to which its keys are encrypted.
    #[serde(serialize_with = "write_key", deserialize_with = "read_key")]
    pub public_key: BackupPublicKey,
}

/// Whether a version came before the other one, or is the same. // T-4
///
/// Versions are opaque. Where both are decimal integers, of any length, the server counts; of
/// others nothing is known but whether they are equal.
pub(crate) fn no_newer(version: &str, other: &str) -> bool {
    match (decimal(version), decimal(other)) {
        (Some(this), Some(other)) => this <= other,
        _ => version == other,
    }
}

pub(crate) fn is_decimal(version: &str) -> bool {
    decimal(version).is_some()
}

/// A decimal integer in a form that is compared like the number: digits that count, then they.
fn decimal(version: &str) -> Option<(usize, &str)> {
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = version.trim_start_matches('0');
    Some((significant.len(), significant))
}

/// The version is the server's text: it is shown escaped.
impl fmt::Display for BackupIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, algorithm, public_key } = self;
        write!(f, "version {version:?} ({algorithm}, public key {public_key})")
    }
}

pub(crate) fn write_key<S: Serializer>(
    key: &BackupPublicKey,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&key.to_base64())
}

pub(crate) fn read_key<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BackupPublicKey, D::Error> {
    let text = String::deserialize(deserializer)?;
    BackupPublicKey::from_base64(&text).map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    // T-4: as numbers, not as texts, and however large they are.
    #[test]
    fn decimal_versions_are_compared_as_numbers() {
        let huge = "9".repeat(200);
        let ascending =
            ["0", "1", "2", "9", "10", "11", "99", "100", "18446744073709551616", &huge];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(no_newer(one, other), at <= other_at, "{one} {other}");
            }
        }
        assert!(no_newer("007", "7") && no_newer("7", "007") && no_newer("09", "10"));
    }

    #[test]
    fn of_opaque_versions_only_equality_is_known() {
        for (one, other) in [("a", "b"), ("b", "a"), ("1", "a"), ("a", "1"), ("-1", "1"), ("", "1")]
        {
            assert!(!no_newer(one, other), "{one} {other}");
        }
        assert!(no_newer("a", "a") && no_newer("", ""));
        // Digits of other scripts are digits to nobody who compares versions.
        assert!(!no_newer("١", "٢"));
    }
}
