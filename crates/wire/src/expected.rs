//! The place where an entry was found, for the last step of every walk.

use crate::{BackedUpSessionData, Context, MalformedContext, RoomId, SessionId, UserId};

/// Where an entry was found: what its path says, and whose backup it is (B-1, B-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The room under which the store filed the entry.
    pub room_id: RoomId,
    /// The session id under which the store filed the entry.
    pub session_id: SessionId,
    /// The backup's owner, where the reader knows it.
    pub user_id: Option<UserId>,
}

impl Expected {
    /// Compares a key with the place where it was found, and returns its context, if it has one.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the session id is not that of the session key (B-1), or the context is
    /// malformed or names another room, session or user (B-2).
    pub fn check(&self, data: &BackedUpSessionData) -> Result<Option<Context>, BindError> {
        let found = data.session_key().session_id();
        if found != self.session_id {
            return Err(BindError::WrongSession { found });
        }
        let Some(context) = data.context()? else {
            return Ok(None);
        };
        if context.room_id != self.room_id {
            return Err(BindError::WrongRoom { written_for: context.room_id });
        }
        if context.session_id != self.session_id {
            return Err(BindError::WrongContextSession { written_for: context.session_id });
        }
        match (&context.user_id, &self.user_id) {
            (Some(written_for), Some(owner)) if written_for != owner => {
                Err(BindError::WrongUser { written_for: written_for.clone() })
            }
            _ => Ok(Some(context)),
        }
    }
}

/// Why a decrypted key does not belong where it was found. Somebody moved it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The session key is that of another session (B-1).
    #[error("the key inside is that of session {found}")]
    WrongSession {
        /// The session id recomputed from the session key.
        found: SessionId,
    },
    /// The writer wrote the key for another room (B-2).
    #[error("the key was written for room {written_for}")]
    WrongRoom {
        /// The room under the MAC.
        written_for: RoomId,
    },
    /// The writer wrote the key for another session (B-2).
    #[error("the key was written for session {written_for}")]
    WrongContextSession {
        /// The session id under the MAC.
        written_for: SessionId,
    },
    /// The writer wrote the key for another user's backup (B-2).
    #[error("the key was written for the backup of {written_for}")]
    WrongUser {
        /// The user under the MAC.
        written_for: UserId,
    },
    /// The context under the MAC cannot be read, so it cannot be checked (B-2).
    #[error(transparent)]
    MalformedContext(#[from] MalformedContext),
}
