//! What can go wrong.

use client_api::ApiError;
use matrix_key_backup::OpenError;
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
    pub(crate) fn other(error: &dyn core::error::Error) -> Self {
        Self::Other(error.to_string())
    }
}
