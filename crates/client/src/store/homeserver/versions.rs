//! Backup versions: describing, making, changing and deleting them.

use matrix_key_backup_ruma::BackupAlgorithmData;
use ruma_client_api::backup::{
    BackupAlgorithm, create_backup_version, delete_backup_version, get_backup_info,
    get_latest_backup_info, update_backup_version,
};
use ruma_common::serde::Raw;
use serde_json::value::RawValue;

use super::client::{Failed, Repeat, random};
use super::failure::{Failure, Meaning};
use super::path::segment;
use super::retry::{Backoff, Next};
use super::{HomeserverError, HomeserverStore, Outcome, Request, RequestName, Transport};
use crate::store::entry::is_same_json;
use crate::store::{BackupVersion, StoreError, VersionId};

impl<T: Transport> HomeserverStore<T> {
    pub(super) async fn current(&self) -> Outcome<Option<BackupVersion>> {
        use get_latest_backup_info::v3::{Request, Response};

        let request = self.request(Request::new())?;
        match self.client.call::<Response>(&request, Repeat::Always).await {
            Ok(Response { algorithm, count, etag, version, .. }) => {
                described(&request, version, &algorithm, count.into(), etag).map(Some)
            }
            Err(failed) => none_if_missing(failed),
        }
    }

    pub(super) async fn describe(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        use get_backup_info::v3::{Request, Response};

        let Some(segment) = segment(version.as_str()) else { return Ok(None) };
        let request = self.request(Request::new(segment))?;
        match self.client.call::<Response>(&request, Repeat::Always).await {
            // What was asked for is what it is filed under, whatever the answer calls it.
            Ok(Response { algorithm, count, etag, .. }) => {
                described(&request, version.to_string(), &algorithm, count.into(), etag).map(Some)
            }
            Err(failed) => none_if_missing(failed),
        }
    }

    /// Not to be repeated blindly: that would make two. Where the answer did not come, the current
    /// version says whether it was made.
    pub(super) async fn create(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        use create_backup_version::v3::{Request, Response};

        let before = self.current().await?.map(|before| before.version);
        let request = self.request(Request::new(to_ruma(algorithm, auth_data)))?;
        let mut backoff = Backoff::new(self.client.patience);
        loop {
            let failed = match self.client.call::<Response>(&request, Repeat::IfNotDone).await {
                Ok(Response { version, .. }) => return Ok(VersionId::new(version)),
                Err(failed) => failed,
            };
            let next = backoff.after_failure(failed.failure.retry_after(), random());
            let (Meaning::Unknown, Next::Pause(pause)) = (failed.failure.meaning(), next) else {
                return Err(StoreError::Store(failed.into_error()));
            };
            self.client.pause(pause).await;
            let is_new = |now: &BackupVersion| {
                Some(&now.version) != before.as_ref()
                    && now.algorithm == algorithm
                    && is_same_json(&now.auth_data, auth_data)
            };
            if let Some(created) = self.current().await?.filter(is_new) {
                return Ok(created.version);
            }
        }
    }

    pub(super) async fn update(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        use update_backup_version::v3::{Request, Response};

        let missing = || StoreError::NoSuchVersion { version: version.clone() };
        let segment = segment(version.as_str()).ok_or_else(missing)?;
        let request = self.request(Request::new(segment, to_ruma(algorithm, auth_data)))?;
        match self.client.call::<Response>(&request, Repeat::Always).await {
            Ok(_) => Ok(()),
            Err(failed) if failed.failure.status() == Some(400) => {
                let found = self.describe(version).await?.ok_or_else(missing)?;
                if found.algorithm == algorithm {
                    return Err(failed.about(version));
                }
                let (version, algorithm) = (version.clone(), algorithm.to_owned());
                Err(StoreError::OtherAlgorithm { version, algorithm })
            }
            Err(failed) => Err(failed.about(version)),
        }
    }

    /// Asked for first, because a second try cannot tell what the first has deleted.
    pub(super) async fn delete(&self, version: &VersionId) -> Outcome<bool> {
        use delete_backup_version::v3::{Request, Response};

        let (Some(segment), Some(_)) = (segment(version.as_str()), self.describe(version).await?)
        else {
            return Ok(false);
        };
        let request = self.request(Request::new(segment))?;
        match self.client.call::<Response>(&request, Repeat::Always).await {
            Err(failed) if !failed.failure.is(404, "M_NOT_FOUND") => {
                Err(StoreError::Store(failed.into_error()))
            }
            _ => Ok(true),
        }
    }

    /// The error of writing to a version that is not the newest. Which one is, the refusal may say
    /// wrongly (Synapse names the one that was written to), so it is asked for. // A-1
    pub(super) async fn wrong_version(&self, version: &VersionId) -> StoreError<HomeserverError> {
        let current = self.current().await.ok().flatten().map(|current| current.version);
        let current = current.filter(|current| current != version);
        StoreError::WrongVersion { version: version.clone(), current }
    }
}

fn described(
    request: &Request,
    version: String,
    algorithm: &Raw<BackupAlgorithm>,
    count: u64,
    etag: String,
) -> Outcome<BackupVersion> {
    let data = BackupAlgorithmData::try_from(algorithm).map_err(|error| {
        let failure = Failure::malformed(&error);
        let failed = Failed { request: RequestName::of(request), tries: 1, failure };
        StoreError::Store(failed.into_error())
    })?;
    let (algorithm, auth_data) = data.into_parts();
    Ok(BackupVersion { version: VersionId::new(version), algorithm, auth_data, count, etag })
}

fn none_if_missing<V>(failed: Failed) -> Outcome<Option<V>> {
    if failed.failure.is(404, "M_NOT_FOUND") {
        return Ok(None);
    }
    Err(StoreError::Store(failed.into_error()))
}

fn to_ruma(algorithm: &str, auth_data: &RawValue) -> Raw<BackupAlgorithm> {
    Raw::from(&BackupAlgorithmData::from_parts(algorithm.to_owned(), auth_data.to_owned()))
}
