//! Which version is migrated, and to what.

use matrix_key_backup::{
    OpenBackup,
    store::VersionId,
    wire::{BackupAlgorithm, Names},
};

use super::Arguments;
use crate::{
    any_store::AnyStore,
    args::{KeyArguments, VersionArguments},
    context::Context,
    error::Error,
    secrets::GivenKey,
};

/// From which version, and to which names.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) old: OpenBackup,
    pub(super) names: Names,
    /// The new version, where it is there already.
    pub(super) resumed: Option<VersionId>,
}

/// The old version's key: given, or asked for.
pub(super) fn old_key(arguments: &Arguments, context: &Context) -> Result<GivenKey, Error> {
    GivenKey::required(&KeyArguments { key_file: arguments.key_file.clone() }, context)
}

impl Plan {
    /// Looks, and changes nothing.
    ///
    /// The current version is the new one where it has the algorithm, the names and the key that are
    /// wanted; `target` finds the same, once the key is written.
    pub(super) async fn make(
        arguments: &Arguments,
        context: &Context,
        store: &AnyStore,
        old_key: &GivenKey,
        new_key: &GivenKey,
    ) -> Result<Self, Error> {
        let current = context.place.existing_backup(store, &VersionArguments::default()).await?;
        let asked_for = arguments.names.map(Names::from);
        let names = asked_for.or(current.algorithm().names()).unwrap_or(Names::Unstable); // N-1
        let is_target = current.algorithm() == BackupAlgorithm::V2(names)
            && current.public_key() == new_key.reader.public_key();
        let old = match &arguments.backup_version {
            Some(_) => named(arguments, context, store).await?,
            None if is_target => older(context, store, &current, old_key).await?,
            None => current.clone(),
        };
        match (old.version() == current.version(), is_target) {
            (true, true) => Err(nothing_to_do(context, current.version())),
            (true, false) => Ok(Self { old, names, resumed: None }),
            (false, true) => Ok(Self { old, names, resumed: Some(current.version().clone()) }),
            (false, false) => Err(Error::Replaced {
                store: context.place.path().to_owned(),
                old: old.version().clone(),
                current: current.version().clone(),
            }),
        }
    }

    /// Whether clients that know only v1 backups can write to the account's backup until now.
    pub(super) fn makes_v1_stop(&self) -> bool {
        self.old.algorithm() == BackupAlgorithm::V1 && self.resumed.is_none()
    }

    pub(super) fn nothing_to_do(&self, context: &Context) -> Error {
        nothing_to_do(context, self.old.version())
    }
}

async fn named(
    arguments: &Arguments,
    context: &Context,
    store: &AnyStore,
) -> Result<OpenBackup, Error> {
    let version = VersionArguments { backup_version: arguments.backup_version.clone() };
    context.place.existing_backup(store, &version).await
}

/// The newest version before the current one that the key reads. Others are none of its business.
async fn older(
    context: &Context,
    store: &AnyStore,
    current: &OpenBackup,
    key: &GivenKey,
) -> Result<OpenBackup, Error> {
    for version in context.place.versions(store).await? {
        let version = VersionArguments { backup_version: Some(version.to_string()) };
        match context.place.existing_backup(store, &version).await {
            Ok(older)
                if older.version() != current.version()
                    && older.public_key() == key.reader.public_key() =>
            {
                return Ok(older);
            }
            Ok(_) | Err(Error::UnreadableBackup { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(nothing_to_do(context, current.version()))
}

fn nothing_to_do(context: &Context, version: &VersionId) -> Error {
    let store = context.place.path().to_owned();
    Error::NothingToMigrate { store, version: version.clone() }
}
