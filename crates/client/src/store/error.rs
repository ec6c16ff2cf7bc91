//! What every store says alike.

use super::VersionId;

/// Why a store could not do what it was asked to.
///
/// `E` is what only this kind of store can say: [`BackupStore::Error`](super::BackupStore::Error).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError<E> {
    /// The version does not exist, or was deleted.
    #[error("there is no backup version {version}")]
    NoSuchVersion {
        /// The version that was asked for.
        version: VersionId,
    },
    /// Keys were to be written to a version that is not the newest: `M_WRONG_ROOM_KEYS_VERSION`
    /// . Whether the newest may be written to instead must be established anew (T-3).
    #[error(
        "backup version {version} is read-only, because {} has taken its place",
        current.as_ref().map_or("a newer one", VersionId::as_str)
    )]
    WrongVersion {
        /// The version that was to be written to.
        version: VersionId,
        /// The newest version, where the store named it.
        current: Option<VersionId>,
    },
    /// An update named another algorithm than the version was created with.
    #[error("backup version {version} cannot be changed to the algorithm {algorithm}")]
    OtherAlgorithm {
        /// The version that was to be updated.
        version: VersionId,
        /// The algorithm that the update named.
        algorithm: String,
    },
    /// The store itself failed.
    #[error(transparent)]
    Store(E),
}
