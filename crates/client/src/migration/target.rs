//! The version that a migration goes to.

use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{BackupAlgorithm, Names};
use thiserror::Error;

use crate::{
    OpenBackup, OpenError, create_backup,
    store::{BackupStore, VersionId},
};

/// Makes the version to migrate to, or finds the one that an interrupted migration has made (M-4,
/// M-5).
///
/// The version that is found is the current one, with the algorithm and the public key that are
/// wanted. Where there is another version after `old`, it is somebody else's, and nothing is done.
///
/// # Errors
///
/// [`TargetError`].
pub async fn target<S: BackupStore>(
    store: &S,
    old: &OpenBackup,
    new_key: &BackupReader,
    names: Names,
) -> Result<OpenBackup, TargetError<S::Error>> {
    let algorithm = BackupAlgorithm::V2(names);
    let current = OpenBackup::current(store).await?;
    let fits = current.algorithm() == algorithm && current.public_key() == new_key.public_key();
    match (current.version() == old.version(), fits) {
        (true, true) => Err(TargetError::NothingToDo),
        (true, false) => Ok(create_backup(store, new_key, algorithm).await?),
        (false, true) => Ok(current),
        (false, false) => Err(TargetError::Replaced { current: current.version().clone() }),
    }
}

/// Why there is no version to migrate to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetError<E> {
    /// The backup has the algorithm, the names and the key that it is to have.
    #[error("the backup is of the algorithm, the names and the key that it is to be migrated to")]
    NothingToDo,
    /// There is a newer version, which is not what this migration would make.
    #[error(
        "backup version {current} has taken the place of the one to migrate, and has another \
         algorithm or key than the migration's target"
    )]
    #[non_exhaustive]
    Replaced {
        /// The current version.
        current: VersionId,
    },
    /// The current version could not be opened, or a new one not be made.
    #[error(transparent)]
    Open(#[from] OpenError<E>),
}
