//! The place where an entry was found, for the last step of every walk.

use crate::{
    BackedUpSessionData, CONTEXT_PROPERTY, Json, MalformedContext, RoomId, SessionId, UserId,
    context::WrittenContext,
};

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
    /// Compares a key with the place where it was found, and says whether it has a context, which
    /// then names this place as well.
    ///
    /// # Errors
    ///
    /// [`BindError`] if the session id is not that of the session key (B-1), or the context is
    /// malformed or names another room, session or user (B-2).
    pub fn check(&self, data: &BackedUpSessionData) -> Result<bool, BindError> {
        if !self.session_id.is_of(data.session_key().public_key()) {
            return Err(BindError::WrongSession { found: data.session_key().session_id() });
        }
        let Some(json) = data.other_properties().get(CONTEXT_PROPERTY) else {
            return Ok(false);
        };
        // One that is written as ours writes it need not be parsed. The owner may be left out.
        let owner = self.user_id.as_ref();
        if self.context(owner).is_written_as(json)
            || owner.is_some() && self.context(None).is_written_as(json)
        {
            return Ok(true);
        }
        let json = Json::parse(json).map_err(MalformedContext::from)?;
        self.check_context(&WrittenContext::from_json(&json)?)?;
        Ok(true)
    }

    /// The context of a key that belongs here.
    fn context<'e>(&'e self, user_id: Option<&'e UserId>) -> WrittenContext<'e> {
        WrittenContext {
            room_id: self.room_id.as_str(),
            session_id: self.session_id.as_str(),
            user_id: user_id.map(UserId::as_str),
        }
    }

    fn check_context(&self, context: &WrittenContext<'_>) -> Result<(), BindError> {
        if context.room_id != self.room_id.as_str() {
            return Err(BindError::WrongRoom { written_for: RoomId::known(context.room_id) });
        }
        if context.session_id != self.session_id.as_str() {
            let written_for = SessionId::known(context.session_id);
            return Err(BindError::WrongContextSession { written_for });
        }
        match (context.user_id, &self.user_id) {
            (Some(written_for), Some(owner)) if written_for != owner.as_str() => {
                Err(BindError::WrongUser { written_for: UserId::known(written_for) })
            }
            _ => Ok(()),
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
