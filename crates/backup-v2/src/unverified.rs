//! The first step down: one `session_data` as it was received, and the check of its MAC.

use matrix_key_backup_primitives::{BackupMac, BackupMacKey};
use matrix_key_backup_wire::{
    BackupAlgorithm, CanonicalJsonError, Json, Names, ReceivedSessionData, SessionDataError,
};
use thiserror::Error;

use crate::VerifiedSessionData;

/// One `session_data` as received, well-formed JSON and nothing more.
///
/// There is no way from here to the plaintext but [`verify`](Self::verify): the MAC comes before
/// any base64, any Diffie-Hellman and any AES (V2-7).
///
/// Source: V2-4 to V2-7, V2-13 and H-1 to H-4 in `docs/rules.md`;
/// [MSC4048](https://github.com/matrix-org/matrix-spec-proposals/pull/4048).
#[derive(Debug)]
pub struct UnverifiedSessionData<'a> {
    received: ReceivedSessionData<'a>,
    algorithm: BackupAlgorithm,
}

impl<'a> UnverifiedSessionData<'a> {
    /// Parses the JSON text of one `session_data`, exactly as it was received.
    ///
    /// `algorithm` is that of the backup in which the entry was found. It is asked for here, and
    /// not later, because it decides what the MAC is worth in the end: in a v1 backup even an
    /// entry with a valid MAC comes out unauthenticated (H-3).
    ///
    /// # Errors
    ///
    /// [`SessionDataError`] if the text is not one JSON object, repeats a property at any depth,
    /// is longer than 1 MiB or nested deeper than 128 levels (V2-13).
    pub fn parse(json: &'a str, algorithm: BackupAlgorithm) -> Result<Self, SessionDataError> {
        Ok(Self { received: ReceivedSessionData::parse(json)?, algorithm })
    }

    /// Checks `unsigned.backup_mac`, under either name, in constant time.
    ///
    /// `HMAC-SHA-256(backup MAC key, canonical JSON of session_data without signatures and
    /// unsigned)`, all 32 bytes (V2-4). Where both names are present, both must hold (N-2).
    ///
    /// # Errors
    ///
    /// [`VerifyError`]: the entry is to be ignored, counted and reported (V2-6).
    pub fn verify(self, mac_key: &BackupMacKey) -> Result<VerifiedSessionData<'a>, VerifyError> {
        let macs = self.received.backup_macs();
        let form = match (macs.stable, macs.unstable) {
            (None, None) => return Err(VerifyError::Missing),
            (Some(_), None) => MacForm::One(Names::Stable),
            (None, Some(_)) => MacForm::One(Names::Unstable),
            (Some(_), Some(_)) => MacForm::Both,
        };
        let right = mac_key.mac_of(|write| self.received.write_signable(write))?;
        for (names, mac) in macs.iter() {
            check(&right, names, mac)?;
        }
        Ok(VerifiedSessionData::new(self.received, self.algorithm, form, mac_key))
    }
}

/// Checks the MAC that stands under one name. // V2-12: strict base64, all 43 characters.
fn check(right: &BackupMac, names: Names, value: &Json<'_>) -> Result<(), VerifyError> {
    let name = names.backup_mac();
    let text = value.as_str().ok_or(VerifyError::Malformed { name })?;
    let mac = BackupMac::from_base64_strict(text).map_err(|_| VerifyError::Malformed { name })?;
    // In constant time, as all comparisons of MACs.
    if mac == *right { Ok(()) } else { Err(VerifyError::Wrong { name }) }
}

/// Under which names the valid MACs stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacForm {
    /// Under one of the two names.
    One(Names),
    /// Under both, and both are right (N-2).
    Both,
}

/// Why an entry has no valid MAC. Whatever the reason, the entry is ignored (V2-6).
///
/// None of these says anything about the MAC that would have been right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Neither name of the MAC is there.
    #[error("there is no `backup_mac` in `unsigned`: nobody vouches for this key")]
    Missing,
    /// A MAC is there and is not 43 characters of unpadded base64 (V2-12).
    #[error("`unsigned.{name}` is not 43 characters of unpadded base64")]
    Malformed {
        /// The property's name as the writer spelled it.
        name: &'static str,
    },
    /// The MAC is not that of this `session_data`: forged, changed after it was written, or made
    /// with the MAC key of another backup.
    #[error("`unsigned.{name}` is not the MAC of this key: forged, changed or of another backup")]
    Wrong {
        /// The property's name as the writer spelled it.
        name: &'static str,
    },
    /// The MAC covers something that canonical JSON cannot carry (V2-13).
    #[error("no MAC can cover this entry: {0}")]
    NotCanonical(CanonicalJsonError),
}

impl From<CanonicalJsonError> for VerifyError {
    fn from(error: CanonicalJsonError) -> Self {
        Self::NotCanonical(error)
    }
}

impl VerifyError {
    /// Whether a MAC was there and did not hold, as against none at all (H-2 reports the former).
    #[must_use]
    pub fn was_present(&self) -> bool {
        !matches!(self, Self::Missing)
    }
}
