//! What can go wrong with a device.

use client_api::ApiError;
use matrix_sdk_crypto::{CryptoStoreError, MegolmError, OlmError};
use ruma::IdParseError;
use thiserror::Error;

/// A device cannot do what it should.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// A request failed.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The homeserver's answer is none for the machine.
    #[error("the homeserver's answer cannot be read: {0}")]
    Answer(String),
    /// What should be JSON is none.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// What should be an id is none.
    #[error(transparent)]
    Id(#[from] IdParseError),
    /// There is no such device.
    #[error("the user has no device {0:?}")]
    NoSuchDevice(String),
    /// Olm failed.
    #[error(transparent)]
    Olm(#[from] OlmError),
    /// Megolm failed.
    #[error(transparent)]
    Megolm(#[from] MegolmError),
    /// The store of the machine failed.
    #[error(transparent)]
    Store(#[from] CryptoStoreError),
}
