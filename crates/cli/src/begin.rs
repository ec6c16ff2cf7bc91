//! Beginning a backup: the key is safe on the disk before there is anything that needs it.

use std::path::Path;

use matrix_key_backup::{
    OpenBackup, account::KeyBackupPreference, create_backup, v2::BackupReader,
    wire::BackupAlgorithm,
};

use crate::{
    any_store::AnyStore,
    context::Context,
    error::Error,
    files::{KEEP_KEYS, NewFile, Overwrite},
    output::Output,
    secrets::{GivenKey, Origin, key_in_environment, secret_text},
    store::StorePlace,
};

/// Refuses a place where no new file can go, before any work is done.
pub(crate) fn check_new_file(context: &Context, path: &Path) -> Result<(), Error> {
    check_place(context, path, KEEP_KEYS)
}

/// The same, with advice of the command's own where a file is there already.
pub(crate) fn check_place(
    context: &Context,
    path: &Path,
    overwrite: Overwrite,
) -> Result<(), Error> {
    if context.place.claims(path) {
        return Err(Error::Usage(format!(
            "{} is the store itself, or belongs to it, so nothing else can be written there, and \
             nothing was created: give another path",
            path.display()
        )));
    }
    overwrite.check(path)
}

/// The key in a file that has all but its name. It comes before the store is opened or made, so
/// that a key that cannot be written leaves no store behind.
pub(crate) fn prepare_key_file(
    context: &Context,
    reader: &BackupReader,
    path: &Path,
) -> Result<NewFile, Error> {
    check_new_file(context, path)?;
    let line = secret_text(&[&reader.decryption_key().expose_base58(), "\n"]); // K-3
    NewFile::prepare(path, line.as_bytes(), KEEP_KEYS)
}

/// Begins a backup in an open store, after giving its key's file its name, if there is to be one.
///
/// The key file stays even if the store then fails: it may be in use, and it does no harm.
pub(crate) async fn begin_backup(
    context: &Context,
    store: &AnyStore,
    reader: &BackupReader,
    algorithm: BackupAlgorithm,
    key_file: Option<NewFile>,
) -> Result<OpenBackup, Error> {
    if let Some(file) = key_file {
        file.finish()?;
    }
    let backup = create_backup(store, reader, algorithm)
        .await
        .map_err(|error| Error::from_open(context.place.path().to_owned(), error))?;
    tell_other_devices(&context.place, store, context.output).await;
    Ok(backup)
}

/// The backup is there whether or not that works. // P-1
pub(crate) async fn tell_other_devices(place: &StorePlace, store: &AnyStore, output: Output) {
    let (AnyStore::Homeserver(store), Ok(session)) = (store, place.session()) else {
        return;
    };
    let (account, enabled) = (store.account(), KeyBackupPreference::Enabled);
    if let Err(error) = account.set_key_backup_preference(&session.user_id, enabled).await {
        output.warn(format_args!(
            "account data does not say that a backup is wanted: {error}. Say it with `enable`"
        ));
    }
}

/// What was asked for is not refused; but clients may have begun to delete the backup. // P-1
pub(crate) async fn warn_of_unwanted_backup(place: &StorePlace, store: &AnyStore, output: Output) {
    let (AnyStore::Homeserver(store), Ok(session)) = (store, place.session()) else {
        return;
    };
    match store.account().key_backup_preference(&session.user_id).await {
        Ok(Some(KeyBackupPreference::Disabled)) => output.warn(
            "account data says that no backup is wanted, so other devices write none: if it is \
             wanted after all, say so with `enable`",
        ),
        Ok(_) => {}
        Err(error) => output
            .warn(format_args!("account data does not tell whether a backup is wanted: {error}")),
    }
}

/// A key in the environment, or in a file beside the default store, is used unasked; one that is
/// not the new backup's would be in the way from now on.
pub(crate) fn warn_of_other_keys(key: &GivenKey, context: &Context) {
    if let (Origin::New, Some(variable)) = (&key.origin, key_in_environment()) {
        context.output.warn(format_args!(
            "the key in the environment variable {variable} was not used, and is not the key of \
             the new backup: unset it, or give the right one with --key-file from now on"
        ));
    }
    let path = context.place.key_file();
    if !context.place.is_default() || !path.is_file() {
        return;
    }
    let beside = GivenKey::from_file(path.clone(), context.output);
    if !beside.is_ok_and(|beside| beside.reader.public_key() == key.reader.public_key()) {
        context.output.warn(format_args!(
            "{} lies beside the store and is not the key of the new backup: move it away, or give \
             the right one with --key-file from now on",
            path.display()
        ));
    }
}
