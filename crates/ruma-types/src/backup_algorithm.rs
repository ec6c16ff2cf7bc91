//! What Ruma calls `BackupAlgorithm`: the algorithm of a backup version and its `auth_data`.

use matrix_key_backup_wire::{AuthData, AuthDataError, BackupAlgorithm, UnknownBackupAlgorithm};
use ruma_client_api::backup;
use ruma_common::serde::Raw;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use thiserror::Error;

/// The `algorithm` of a backup version and its `auth_data`, as one JSON object.
///
/// It carries every algorithm (v1, v2 under either name, and unknown ones) and keeps `auth_data`
/// text for text, whatever stands there: signatures cover what was received. Ruma's
/// [`BackupAlgorithm`](backup::BackupAlgorithm) has the same shape on the wire but knows v1 alone,
/// and demands `signatures` there, which are optional (V2-1).
///
/// ```
/// use matrix_key_backup_ruma::BackupAlgorithmData;
/// use matrix_key_backup_wire::{BackupAlgorithm, Names};
/// use ruma_client_api::backup::{BackupAlgorithm as RumaBackupAlgorithm, create_backup_version};
/// use ruma_common::serde::Raw;
///
/// let received: Raw<RumaBackupAlgorithm> = Raw::from_json_string(
///     r#"{
///         "algorithm": "org.matrix.msc4048.curve25519-aes-sha2",
///         "auth_data": { "public_key": "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI" }
///     }"#
///     .to_owned(),
/// )?;
/// let (algorithm, auth_data) = BackupAlgorithmData::try_from(&received)?.read()?;
/// assert_eq!(algorithm, BackupAlgorithm::V2(Names::Unstable));
///
/// // And back, for a request.
/// let data = BackupAlgorithmData::new(algorithm, &auth_data);
/// let request = create_backup_version::v3::Request::new(Raw::from(&data));
/// # let _ = request;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: V2-1, N-1;
/// [backup versions](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackupAlgorithmData {
    algorithm: String,
    auth_data: Box<RawValue>,
}

impl BackupAlgorithmData {
    /// Describes a backup version of a known algorithm.
    #[must_use]
    pub fn new(algorithm: BackupAlgorithm, auth_data: &AuthData) -> Self {
        Self::from_parts(algorithm.as_str().to_owned(), to_raw(auth_data))
    }

    /// Puts any algorithm and any `auth_data` together.
    #[must_use]
    pub fn from_parts(algorithm: String, auth_data: Box<RawValue>) -> Self {
        Self { algorithm, auth_data }
    }

    /// The algorithm's name, known or not.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// `auth_data` as it was received, which may be anything.
    #[must_use]
    pub fn auth_data(&self) -> &RawValue {
        &self.auth_data
    }

    /// Takes name and `auth_data` apart.
    #[must_use]
    pub fn into_parts(self) -> (String, Box<RawValue>) {
        (self.algorithm, self.auth_data)
    }

    /// Reads the two as what they must be.
    ///
    /// # Errors
    ///
    /// [`BackupAlgorithmDataError`] if the algorithm is unknown, or `auth_data` malformed.
    ///
    /// # Security
    ///
    /// This is the server's word: nothing is to be encrypted to the public key before the backup is
    /// trusted (T-1).
    pub fn read(&self) -> Result<(BackupAlgorithm, AuthData), BackupAlgorithmDataError> {
        Ok((self.algorithm.parse()?, AuthData::parse(self.auth_data.get())?))
    }

    /// The same as Ruma's own type, for code that takes nothing else.
    ///
    /// A v1 `auth_data` without `signatures` gets empty ones, because Ruma demands them. Base64 is
    /// normalised on the way and, for v1, unknown properties are dropped: do not send the result
    /// back, and check no signature over it.
    ///
    /// # Errors
    ///
    /// [`serde_json::Error`] if `auth_data` is not what Ruma takes.
    pub fn to_ruma(&self) -> serde_json::Result<backup::BackupAlgorithm> {
        let unsigned_v1 = match self.read() {
            Ok((BackupAlgorithm::V1, auth_data)) if auth_data.signatures().is_none() => auth_data,
            _ => return Raw::from(self).deserialize(),
        };
        let public_key =
            ruma_common::serde::Base64::new(unsigned_v1.public_key().as_bytes().to_vec());
        Ok(backup::MegolmBackupV1Curve25519AesSha2AuthData::new(public_key).into())
    }
}

impl From<&BackupAlgorithmData> for Raw<backup::BackupAlgorithm> {
    fn from(data: &BackupAlgorithmData) -> Self {
        Self::from_json(to_raw(data))
    }
}

impl TryFrom<&Raw<backup::BackupAlgorithm>> for BackupAlgorithmData {
    type Error = serde_json::Error;

    fn try_from(raw: &Raw<backup::BackupAlgorithm>) -> serde_json::Result<Self> {
        raw.deserialize_as_unchecked()
    }
}

impl TryFrom<&backup::BackupAlgorithm> for BackupAlgorithmData {
    type Error = serde_json::Error;

    fn try_from(algorithm: &backup::BackupAlgorithm) -> serde_json::Result<Self> {
        Self::try_from(&Raw::new(algorithm)?)
    }
}

#[expect(clippy::expect_used, reason = "strings, and JSON that was parsed before")]
fn to_raw<T: Serialize>(value: &T) -> Box<RawValue> {
    to_raw_value(value).expect("JSON")
}

/// A backup version cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BackupAlgorithmDataError {
    /// Its algorithm is not known here.
    #[error(transparent)]
    UnknownAlgorithm(#[from] UnknownBackupAlgorithm),
    /// Its `auth_data` is malformed.
    #[error(transparent)]
    AuthData(#[from] AuthDataError),
}
