//! What can go wrong.

use client_api::{ApiError, homeserver_is_passing};
use matrix_key_backup::OpenError;
use matrix_key_backup::store::StoreError;
use matrix_key_backup::store::homeserver::HomeserverError;
use matrix_key_backup::upload::UploadError;
use olm_device::DeviceError;
use thiserror::Error;

/// The device cannot do what it should.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MainDeviceError {
    /// Olm, or a request around it.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A request failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A request to the account failed.
    #[error(transparent)]
    Homeserver(#[from] HomeserverError),
    /// The backup cannot be made or opened.
    #[error(transparent)]
    Backup(#[from] OpenError<HomeserverError>),
    /// Writing to the backup failed.
    #[error(transparent)]
    Upload(#[from] UploadError<HomeserverError>),
    /// The account is no new one: what it has would be replaced.
    #[error(
        "the account has {0} already, which this would replace: with --existing and its secret storage \
         key it is left as it is"
    )]
    InUse(&'static str),
    /// No password was given.
    #[error("there is no password: put it into the variable {0} or into the standard input")]
    NoPassword(&'static str),
    /// The user has no such device.
    #[error("the user has no device {0:?}")]
    NoSuchDevice(String),
    /// The fingerprint is not the one that was compared.
    #[error("the device {device:?} has the fingerprint {found}, and not {expected}")]
    OtherFingerprint {
        /// The device.
        device: String,
        /// What the homeserver shows for it.
        found: String,
        /// What the person compared.
        expected: String,
    },
    /// The system gave no random numbers, or a library does not do as it says.
    #[error("{0}")]
    Other(String),
}

impl MainDeviceError {
    /// Whether a later try may succeed, with nothing else changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Device(DeviceError::Api(error)) | Self::Api(error) => error.is_passing(),
            Self::Homeserver(error) => homeserver_is_passing(error),
            Self::Backup(OpenError::Store(StoreError::Store(error)))
            | Self::Upload(UploadError::Store(StoreError::Store(error))) => {
                homeserver_is_passing(error)
            }
            _ => false,
        }
    }

    pub(crate) fn other(error: &dyn core::error::Error) -> Self {
        Self::Other(error.to_string())
    }
}
