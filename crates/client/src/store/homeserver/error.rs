//! What can go wrong with a homeserver, with the request, its answer and what to do about it.

use core::fmt;
use core::time::Duration;

use matrix_key_backup_wire::{RoomId, SessionId};

use super::{RefusedToken, TransportError};
use crate::store::RoomKeysBodyError;

/// Why a homeserver did not do what it was asked to.
///
/// Each message names the request. What the server says in it is shown, with its control
/// characters replaced and its length bounded; the access token never is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HomeserverError {
    /// No answer came, however often the server was asked.
    #[error("{request}, asked {}: {cause}: check the connection, or try again later", times(*tries))]
    #[non_exhaustive]
    Unreachable {
        /// The request.
        request: RequestName,
        /// How often it was sent.
        tries: u32,
        /// What happened the last time.
        cause: TransportError,
    },
    /// The server does not take the access token.
    #[error(
        "{request}: the homeserver does not accept the access token ({answer}): {}",
        if refused.soft_logout { "refresh it, or log in again with the same device id" }
        else { "log in again" }
    )]
    #[non_exhaustive]
    Unauthorized {
        /// The request.
        request: RequestName,
        /// What the server says of the token.
        refused: RefusedToken,
        /// The answer.
        answer: ServerAnswer,
    },
    /// The server takes no more requests for now, for longer than we wait.
    #[error(
        "{request}: the homeserver asks for a pause{}: try again later",
        retry_after.map_or(String::new(), |pause| format!(" of {} seconds", pause.as_secs()))
    )]
    #[non_exhaustive]
    RateLimited {
        /// The request.
        request: RequestName,
        /// The pause that it asked for, where it did.
        retry_after: Option<Duration>,
    },
    /// The server understood, and refuses.
    #[error("{request}: the homeserver answered {answer}")]
    #[non_exhaustive]
    Refused {
        /// The request.
        request: RequestName,
        /// The answer.
        answer: ServerAnswer,
    },
    /// The server failed, however often it was asked.
    #[error(
        "{request}, asked {}: the homeserver failed with {answer}: try again later, or ask who runs it",
        times(*tries)
    )]
    #[non_exhaustive]
    Failing {
        /// The request.
        request: RequestName,
        /// How often it was sent.
        tries: u32,
        /// The answer to the last one.
        answer: ServerAnswer,
    },
    /// There is no such API at this address.
    #[error(
        "{request}: there is no such Matrix API at this address ({answer}): check the URL of the \
         homeserver"
    )]
    #[non_exhaustive]
    NoSuchApi {
        /// The request.
        request: RequestName,
        /// The answer.
        answer: ServerAnswer,
    },
    /// The answer is not one to this request.
    #[error(
        "{request}: the homeserver's answer cannot be read: {detail}: check its URL, and the proxies \
         before it"
    )]
    #[non_exhaustive]
    MalformedAnswer {
        /// The request.
        request: RequestName,
        /// What is wrong with it.
        detail: String,
    },
    /// The list of keys cannot be read to its end.
    #[error(
        "{request}, after {keys_read} keys: {cause}: check the homeserver's URL, and the proxies before it"
    )]
    #[non_exhaustive]
    MalformedKeys {
        /// The request.
        request: RequestName,
        /// How many entries were read before.
        keys_read: u64,
        /// What is wrong with it.
        cause: RoomKeysBodyError,
    },
    /// The connection broke while keys were read. There is no asking for the rest alone.
    #[error("{request}: {cause}, after {keys_read} keys: begin again")]
    #[non_exhaustive]
    BrokenOff {
        /// The request.
        request: RequestName,
        /// How many entries were read before.
        keys_read: u64,
        /// What happened.
        cause: TransportError,
    },
    /// A request with one key alone fails.
    #[error("the key of session {session_id} in room {room_id} cannot be stored: {cause}")]
    #[non_exhaustive]
    Key {
        /// The room of the key.
        room_id: RoomId,
        /// Its session id.
        session_id: SessionId,
        /// Why.
        cause: Box<HomeserverError>,
    },
    /// An id cannot be a part of a path, so what it names cannot be asked for alone.
    #[error("{id:?} cannot stand in the path of a request, so it cannot be deleted alone")]
    #[non_exhaustive]
    NoPath {
        /// The id.
        id: String,
    },
    /// A request could not be made.
    #[error("the request cannot be made: {detail}")]
    #[non_exhaustive]
    Request {
        /// Why, in words.
        detail: String,
    },
}

impl HomeserverError {
    /// An answer of this request says something that makes no sense.
    pub(crate) fn malformed<B>(request: &http::Request<B>, detail: &impl ToString) -> Self {
        Self::MalformedAnswer { request: RequestName::of(request), detail: detail.to_string() }
    }
}

fn times(tries: u32) -> String {
    if tries == 1 { "once".to_owned() } else { format!("{tries} times") }
}

/// A request, by its method and path, without its query: `GET /room_keys/version`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestName(String);

impl RequestName {
    pub(super) fn of<B>(request: &http::Request<B>) -> Self {
        const API: &str = "/_matrix/client/v3";
        let path = request.uri().path();
        let path = path.split_once(API).map_or(path, |(_base, path)| path);
        Self(format!("{} {path}", request.method()))
    }
}

impl fmt::Display for RequestName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a server answered in place of what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The error code, `M_FORBIDDEN` for one, if there was one.
    pub errcode: Option<String>,
    /// What it says in words.
    pub message: Option<String>,
}

impl fmt::Display for ServerAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.status)?;
        if let Some(errcode) = &self.errcode {
            write!(formatter, " {errcode}")?;
        }
        if let Some(message) = &self.message {
            write!(formatter, ": {message}")?;
        }
        Ok(())
    }
}
