//! What a request can end in.

use matrix_key_backup::account::LoginError;
use matrix_key_backup::store::homeserver::{HomeserverError, TransportError};
use serde_json::Value;
use thiserror::Error;

/// A request that was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ApiError {
    /// The request cannot be written down.
    #[error("no such request: {0}")]
    Request(String),
    /// No answer came.
    #[error(transparent)]
    Transport(TransportError),
    /// Nobody was let in.
    #[error(transparent)]
    Login(LoginError),
    /// No answer came in time.
    #[error("the homeserver does not answer")]
    Timeout,
    /// The answer never ends.
    #[error("the answer is too long")]
    TooLong,
    /// The homeserver says no.
    #[error("the homeserver answers {status} {errcode:?}: {said:?}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// `errcode`, such as `M_FORBIDDEN`.
        errcode: String,
        /// What it says to people.
        said: String,
    },
    /// The answer is not what was asked for.
    #[error("the homeserver's answer has no well-formed `{0}`")]
    Malformed(&'static str),
}

impl ApiError {
    /// Whether a later try may succeed, with nothing else changed.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Timeout => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// The same for requests to the backup and the account.
#[must_use]
pub fn homeserver_is_passing(error: &HomeserverError) -> bool {
    match error {
        HomeserverError::Unreachable { .. }
        | HomeserverError::RateLimited { .. }
        | HomeserverError::Failing { .. }
        | HomeserverError::BrokenOff { .. } => true,
        HomeserverError::Key { cause, .. } => homeserver_is_passing(cause),
        _ => false,
    }
}

/// The body of an answer, if it is one of success.
pub(crate) fn read(status: u16, body: &[u8]) -> Result<Value, ApiError> {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    if (200..300).contains(&status) {
        return body.filter(Value::is_object).ok_or(ApiError::Malformed("body"));
    }
    let text = |name| body.as_ref().and_then(|body| body.get(name)?.as_str()).unwrap_or_default();
    let (errcode, said) = (text("errcode").to_owned(), text("error").to_owned());
    Err(ApiError::Refused { status, errcode, said })
}
