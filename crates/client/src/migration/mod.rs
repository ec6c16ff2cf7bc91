//! Migrating a backup: from v1 to v2, from unstable to stable names, to another decryption key.
//!
//! There is no upgrade in place (M-8). The new version is created first, so that the old one
//! becomes read-only and nothing is added to it behind the migration's back (M-4):
//!
//! ```text
//! target() ─→ Migrator::new ─ copy() ─→ CopiedMigration ─ compare() ─→ MigrationReport
//!                                                                       └ complete() ─→ delete_old()
//! ```
//!
//! Nothing of this destroys anything (M-5). The old version can be deleted only with the
//! [`CompleteMigration`] that a comparison of every key has given, and even then only by a call of
//! its own. What was interrupted is begun again from the start: what has arrived is left alone.
//!
//! [`Migration`] has the rules for one entry (M-1 to M-3), without I/O. [`dry_run`] tells what a
//! migration would do, and writes nothing.

mod compare;
mod copy;
mod report;
mod rules;
mod target;

pub use compare::CopiedMigration;
pub use copy::{Migrator, dry_run};
pub use report::{CompleteMigration, Difference, MigrationCounts, MigrationEvent, MigrationReport};
pub use rules::{MigratedEntry, Migration, MigrationAction, NotMigrated, OldEntry};
pub use target::{TargetError, target};

use thiserror::Error;

use crate::{WrongKey, store::StoreError, upload::UploadError};

/// Why a migration stopped. What has arrived in the new version stays there; the old one is as it
/// was, and the migration can be begun again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MigrateError<E> {
    /// The old version's decryption key is another one.
    #[error(transparent)]
    WrongOldKey(WrongKey),
    /// The new version's decryption key is another one.
    #[error(transparent)]
    WrongNewKey(WrongKey),
    /// The new version is not an authenticated backup.
    #[error("a backup is migrated to an authenticated one, and this is a v1 backup")]
    NotAuthenticated,
    /// Old and new are one version.
    #[error("a backup cannot be migrated into itself")]
    SameVersion,
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    NoRandomness,
    /// The store failed. [`StoreError::WrongVersion`]: a newer version has taken the place of the
    /// migration's target meanwhile (T-3).
    #[error(transparent)]
    Store(#[from] StoreError<E>),
    /// A key that has to be merged with one in the new version could not be written.
    #[error(transparent)]
    Upload(#[from] UploadError<E>),
}
