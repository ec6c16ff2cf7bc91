//! Where a backup lies: the [`BackupStore`] trait, its types, and the stores that implement it.
//!
//! A store is what the `/room_keys` API of a homeserver is: numbered backup versions, each
//! with one entry per room and session. It sees ciphertext only, checks no MAC and trusts nobody;
//! everything that it returns is unverified until the engine has verified it.
//!
//! The trait needs no async runtime. Off wasm all its futures and streams are [`Send`].

mod batch_limits;
mod entry;
mod error;
#[cfg(feature = "homeserver")]
pub mod homeserver;
#[cfg(feature = "json")]
mod json;
mod pages;
mod room_keys_body;
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
mod version;

pub use batch_limits::BatchLimits;
pub use entry::{KeyScope, KeyToStore, PutOutcome, ReceivedKey, Unwritten, UnwrittenReason};
pub use error::StoreError;
#[cfg(feature = "json")]
pub use json::{
    JsonFileError, JsonFileStore, JsonFileWriter, JsonFormError, JsonWriteError, LeftOut,
    LeftOutReason,
};
pub use matrix_key_backup_wire::VersionId;
pub use pages::KeyPages;
pub use room_keys_body::{RoomKeysBodyError, RoomKeysScanner};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteStore, SqliteStoreError};
pub use version::BackupVersion;

use core::future::Future;

use matrix_key_backup_wire::{RoomId, SessionId};
use serde_json::value::RawValue;

use crate::maybe_send::{MaybeSend, MaybeSync};

/// A place for backup versions and their keys: a homeserver, or a file.
///
/// # What every store keeps to
///
/// - Versions are numbered by the store and never reused. The newest one that was not deleted is
///   the current one; deleting it makes the one before current again.
/// - Keys go only to the current version: [`WrongVersion`](StoreError::WrongVersion) for an older
///   one, [`NoSuchVersion`](StoreError::NoSuchVersion) for one that is not there.
/// - Of two entries for one room and session, the one that A-2 names stays
///   ([`replaces`](crate::replacement::replaces)). Homeservers differ here in detail.
/// - An entry comes back as the same JSON, but not always as the same bytes.
/// - The etag changes when the keys of a version change, and only then.
///
/// A `&S` and an `Arc<S>` are stores as well, so what owns its store can share one too.
///
/// Futures do nothing before they are polled. One that is dropped half-way may or may not have
/// had its effect; one that returned `Ok` has had it, for good.
///
/// Source: rules;
/// [server-side key backups](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups).
pub trait BackupStore: MaybeSend + MaybeSync {
    /// What can go wrong in this store beyond what [`StoreError`] names.
    type Error: core::error::Error + MaybeSend + MaybeSync + 'static;

    /// The newest version, or `None` where there is no backup.
    ///
    /// # Errors
    ///
    /// [`StoreError::Store`].
    fn current_version(
        &self,
    ) -> impl Future<Output = Result<Option<BackupVersion>, StoreError<Self::Error>>> + MaybeSend;

    /// One version, or `None` where it does not exist (any more).
    ///
    /// # Errors
    ///
    /// [`StoreError::Store`].
    fn version(
        &self,
        version: &VersionId,
    ) -> impl Future<Output = Result<Option<BackupVersion>, StoreError<Self::Error>>> + MaybeSend;

    /// Adds a version, which becomes the current one; the version before it becomes read-only.
    ///
    /// # Errors
    ///
    /// [`StoreError::Store`].
    fn create_version(
        &self,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> impl Future<Output = Result<VersionId, StoreError<Self::Error>>> + MaybeSend;

    /// Replaces the `auth_data` of a version, for instance by the same with one more signature.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchVersion`]; [`StoreError::OtherAlgorithm`] where `algorithm` is not the
    /// one that the version was created with; [`StoreError::Store`].
    fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> impl Future<Output = Result<(), StoreError<Self::Error>>> + MaybeSend;

    /// Deletes a version with all its keys; says whether it was there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Store`].
    fn delete_version(
        &self,
        version: &VersionId,
    ) -> impl Future<Output = Result<bool, StoreError<Self::Error>>> + MaybeSend;

    /// Adds a batch of entries to the current version, each one where A-2 lets it in.
    ///
    /// Where a batch names one session twice, the two meet by A-2 like any other two. What is not
    /// there afterwards is named in the answer: a store may have a rule of its own, and another
    /// device may have been quicker.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchVersion`]; [`StoreError::WrongVersion`]; [`StoreError::Store`].
    fn put_keys(
        &self,
        version: &VersionId,
        keys: Vec<KeyToStore>,
    ) -> impl Future<Output = Result<PutOutcome, StoreError<Self::Error>>> + MaybeSend;

    /// How much the store likes to be given at a time.
    fn batch_limits(&self) -> BatchLimits {
        BatchLimits::default()
    }

    /// Reads the entries of a version, page by page; see [`KeyPages`].
    ///
    /// Nothing is read before the stream is polled. A scope that holds no entry gives no page.
    /// The stream ends after its first error, which may be [`StoreError::NoSuchVersion`].
    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, Self::Error>;

    /// Looks up a batch of sessions; what is not there is left out of the answer.
    ///
    /// The answer is held in memory whole, so the caller bounds the batch.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchVersion`]; [`StoreError::Store`].
    fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> impl Future<Output = Result<Vec<ReceivedKey>, StoreError<Self::Error>>> + MaybeSend {
        async move {
            let mut found = Vec::new();
            for (room_id, session_id) in sessions {
                let scope = KeyScope::Session(room_id.clone(), session_id.clone());
                let mut pages = self.keys(version.clone(), scope);
                while let Some(page) = pages.next_page().await {
                    found.extend(page?);
                }
            }
            Ok(found)
        }
    }

    /// Deletes entries of the current version.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchVersion`]; [`StoreError::WrongVersion`], which not every homeserver
    /// says here; [`StoreError::Store`].
    fn delete_keys(
        &self,
        version: &VersionId,
        scope: KeyScope,
    ) -> impl Future<Output = Result<PutOutcome, StoreError<Self::Error>>> + MaybeSend;
}
