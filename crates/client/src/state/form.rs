//! How a state is written.

use matrix_key_backup_trust::TrustState;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    BackupState, MAX_VERSIONS, SeenKey,
    seen_version::{SeenKeyForm, SeenVersion, SeenVersionForm},
};

/// What a state means is told by `format`: nothing is guessed from what is missing.
#[derive(Serialize, Deserialize)]
#[serde(tag = "format", deny_unknown_fields)]
pub(super) enum Form {
    /// Read, and not written any more.
    #[serde(rename = "backup-state-1")]
    V1 { trust: TrustState, salt: u64, versions: Vec<SeenVersionForm<SeenKey>> },
    #[serde(rename = "backup-state-2")]
    V2 { trust: TrustState, salt: Salt, versions: Vec<SeenVersionForm<SeenKeyForm>> },
}

/// 16 hexadecimal digits: a program in JavaScript that reads and writes a number of 64 bits
/// changes it, and with it which keys are remembered.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct Salt(u64);

impl From<Salt> for String {
    fn from(Salt(salt): Salt) -> Self {
        format!("{salt:016x}")
    }
}

impl TryFrom<String> for Salt {
    type Error = UnreadableState;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let salt = digits.then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        salt.map(Self).ok_or(UnreadableState::Salt)
    }
}

impl From<BackupState> for Form {
    fn from(state: BackupState) -> Self {
        let BackupState { trust, salt, versions } = state;
        let versions = versions.into_iter().map(From::from).collect();
        Self::V2 { trust, salt: Salt(salt), versions }
    }
}

impl TryFrom<Form> for BackupState {
    type Error = UnreadableState;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        let (trust, salt, versions) = match form {
            Form::V1 { trust, salt, versions } => (trust, salt, read(versions, salt)?),
            Form::V2 { trust, salt: Salt(salt), versions } => (trust, salt, read(versions, salt)?),
        };
        Ok(Self { trust, salt, versions })
    }
}

fn read<K: Into<SeenKey>>(
    versions: Vec<SeenVersionForm<K>>,
    salt: u64,
) -> Result<Vec<SeenVersion>, UnreadableState> {
    if versions.len() > MAX_VERSIONS {
        return Err(UnreadableState::TooMuch);
    }
    let versions: Option<_> = versions.into_iter().map(|seen| seen.read(salt)).collect();
    versions.ok_or(UnreadableState::TooMuch)
}

/// What is wrong with a state that was read; serde's errors carry it.
#[derive(Debug, Error)]
pub(super) enum UnreadableState {
    #[error("backup state: it has more in it than is ever written")]
    TooMuch,
    #[error("backup state: `salt` is not 16 hexadecimal digits")]
    Salt,
}
