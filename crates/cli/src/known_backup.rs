//! The backup that a decryption key is compared with. // S-6

use matrix_key_backup::{primitives::BackupPublicKey, wire::AuthData};
use serde::Serialize;

use crate::{
    account_data::AuthDataFile, context::Context, error::Error, files::Input, printable::printable,
    runtime::block_on, secrets::Origin, storage_error::StorageError, wording::shown,
};

/// What a file or the store says of a backup.
#[derive(Debug)]
pub(crate) struct KnownBackup {
    place: Place,
    pub(crate) auth_data: AuthData,
    version: Option<String>,
}

/// Who says it.
#[derive(Debug)]
enum Place {
    File(Input),
    Store(String),
}

impl KnownBackup {
    /// The backup that this file tells of, or else the current one in the store, if there is one.
    pub(crate) fn find(file: Option<&Input>, context: &Context) -> Result<Option<Self>, Error> {
        let Some(file) = file else { return block_on(Self::in_store(context)) };
        let AuthDataFile { file, auth_data, version } = AuthDataFile::read(file)?;
        Ok(Some(Self { place: Place::File(file), auth_data, version }))
    }

    async fn in_store(context: &Context) -> Result<Option<Self>, Error> {
        let Some(store) = context.place.open_if_there().await? else { return Ok(None) };
        let backup = context.place.backup(&store).await?;
        store.close().await?;
        Ok(backup.map(|backup| Self {
            place: Place::Store(shown(context.place.path())),
            auth_data: backup.auth_data().clone(),
            version: Some(backup.version().to_string()),
        }))
    }

    /// Refuses a decryption key with another public key.
    pub(crate) fn check(&self, found: &BackupPublicKey, key: &Origin) -> Result<(), StorageError> {
        if found == self.auth_data.public_key() { Ok(()) } else { Err(self.other(found, key)) }
    }

    /// The error that this key is another backup's.
    pub(crate) fn other(&self, found: &BackupPublicKey, key: &Origin) -> StorageError {
        let (backup, advice) = match &self.place {
            Place::File(file) => (file.to_string(), "Get the ones that do"),
            Place::Store(path) => (
                path.clone(),
                "If the key is for another backup, give what the homeserver says of that one with \
                 --auth-data",
            ),
        };
        let problem = format!(
            "the decryption key belongs to a backup with the public key {found}, and this backup \
             has {}",
            self.auth_data.public_key()
        );
        StorageError::OtherBackup { key: key.clone(), backup, problem, advice }
    }
}

/// What is known of a decryption key, for reports.
#[derive(Debug, Serialize)]
pub(crate) struct KeyFit {
    /// The public key that follows from it.
    public_key: String,
    /// Whether that is the public key of the backup.
    checked: bool,
    /// The file with the `auth_data`, or the store.
    backup: Option<String>,
    /// The version of that backup, where it was said.
    version: Option<String>,
}

impl KeyFit {
    /// A key that was checked against this backup, if there is one.
    pub(crate) fn new(public_key: &BackupPublicKey, backup: Option<&KnownBackup>) -> Self {
        let place = |backup: &KnownBackup| match &backup.place {
            Place::File(file) => file.to_string(),
            Place::Store(path) => path.clone(),
        };
        Self {
            public_key: public_key.to_base64(),
            checked: backup.is_some(),
            backup: backup.map(place),
            version: backup.and_then(|backup| backup.version.clone()),
        }
    }

    pub(crate) fn text(&self) -> String {
        let version = self.version.as_ref().map(|name| format!(", version {}", printable(name)));
        let backup = match &self.backup {
            Some(backup) => format!("{backup}{}: the key fits", version.unwrap_or_default()),
            None => "unchecked: the key was compared with none".to_owned(),
        };
        format!("Public key          {}\nBackup              {backup}\n", self.public_key)
    }
}
