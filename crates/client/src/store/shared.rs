//! Whoever borrows or shares a store has one.

use std::sync::Arc;

use matrix_key_backup_wire::{RoomId, SessionId};
use serde_json::value::RawValue;

use super::{
    BackupStore, BackupVersion, BatchLimits, KeyPages, KeyScope, KeyToStore, PutOutcome,
    ReceivedKey, StoreError, VersionId,
};

/// Every method hands on, also those that a store need not have of its own: it may do them better.
macro_rules! hand_on {
    ($pointer:ty) => {
        impl<S: BackupStore> BackupStore for $pointer {
            type Error = S::Error;

            async fn current_version(
                &self,
            ) -> Result<Option<BackupVersion>, StoreError<Self::Error>> {
                (**self).current_version().await
            }

            async fn version(
                &self,
                version: &VersionId,
            ) -> Result<Option<BackupVersion>, StoreError<Self::Error>> {
                (**self).version(version).await
            }

            async fn create_version(
                &self,
                algorithm: &str,
                auth_data: &RawValue,
            ) -> Result<VersionId, StoreError<Self::Error>> {
                (**self).create_version(algorithm, auth_data).await
            }

            async fn update_auth_data(
                &self,
                version: &VersionId,
                algorithm: &str,
                auth_data: &RawValue,
            ) -> Result<(), StoreError<Self::Error>> {
                (**self).update_auth_data(version, algorithm, auth_data).await
            }

            async fn delete_version(
                &self,
                version: &VersionId,
            ) -> Result<bool, StoreError<Self::Error>> {
                (**self).delete_version(version).await
            }

            async fn put_keys(
                &self,
                version: &VersionId,
                keys: Vec<KeyToStore>,
            ) -> Result<PutOutcome, StoreError<Self::Error>> {
                (**self).put_keys(version, keys).await
            }

            fn batch_limits(&self) -> BatchLimits {
                (**self).batch_limits()
            }

            fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, Self::Error> {
                (**self).keys(version, scope)
            }

            async fn keys_of(
                &self,
                version: &VersionId,
                sessions: &[(RoomId, SessionId)],
            ) -> Result<Vec<ReceivedKey>, StoreError<Self::Error>> {
                (**self).keys_of(version, sessions).await
            }

            async fn delete_keys(
                &self,
                version: &VersionId,
                scope: KeyScope,
            ) -> Result<PutOutcome, StoreError<Self::Error>> {
                (**self).delete_keys(version, scope).await
            }
        }
    };
}

hand_on!(&S);
hand_on!(Arc<S>);
