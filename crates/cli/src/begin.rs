//! Beginning a backup: the key is safe on the disk before there is anything that needs it.

use std::path::Path;

use matrix_key_backup::{
    OpenBackup, create_backup, store::SqliteStore, v2::BackupReader, wire::BackupAlgorithm,
};

use crate::{
    context::Context,
    error::Error,
    files::{KEEP_KEYS, NewFile},
    secrets::secret_text,
};

/// Begins a backup in an open store, after writing its key to a file, if there is to be one.
///
/// The key file stays even if the store then fails: it may be in use, and it does no harm.
pub(crate) async fn begin_backup(
    context: &Context,
    store: &SqliteStore,
    reader: &BackupReader,
    algorithm: BackupAlgorithm,
    key_file: Option<&Path>,
) -> Result<OpenBackup, Error> {
    if let Some(path) = key_file {
        let line = secret_text(&[&reader.decryption_key().expose_base58(), "\n"]); // K-3
        NewFile::write(path, line.as_bytes(), KEEP_KEYS)?;
    }
    create_backup(store, reader, algorithm)
        .await
        .map_err(|error| Error::from_open(context.place.path().to_owned(), error))
}
