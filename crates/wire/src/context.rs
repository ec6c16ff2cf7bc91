//! Where a session belongs, as its writer put it under the MAC (B-2).

use alloc::string::String;

use crate::{
    RoomId, SessionId, UserId,
    cause::from_causes,
    json::{Json, JsonError},
    property::{self, PropertyError},
    write::{write_name, write_string},
};

const ROOM_ID: &str = "room_id";
const SESSION_ID: &str = "session_id";
const USER_ID: &str = "user_id";

/// Room, session and user that a writer vouched for (B-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The room of the session.
    pub room_id: RoomId,
    /// The session itself.
    pub session_id: SessionId,
    /// The user whose backup it was written to, if the writer said so.
    pub user_id: Option<UserId>,
}

impl Context {
    /// Reads a context. Properties that are unknown are ignored.
    ///
    /// # Errors
    ///
    /// [`MalformedContext`] if it is no object, or a property is missing, empty or no string. A
    /// `user_id` of `null` is malformed: it is either left out or a string.
    pub fn from_json(json: &Json<'_>) -> Result<Self, MalformedContext> {
        WrittenContext::from_json(json).map(WrittenContext::into_owned)
    }

    /// The context as JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        write_name(&mut out, ROOM_ID);
        write_string(&mut out, self.room_id.as_str());
        write_name(&mut out, SESSION_ID);
        write_string(&mut out, self.session_id.as_str());
        if let Some(user_id) = &self.user_id {
            write_name(&mut out, USER_ID);
            write_string(&mut out, user_id.as_str());
        }
        out.push('}');
        out
    }
}

/// A [`Context`] that borrows from its JSON, none of whose identifiers is empty: to compare them,
/// they need not be copied.
pub(crate) struct WrittenContext<'j> {
    pub(crate) room_id: &'j str,
    pub(crate) session_id: &'j str,
    pub(crate) user_id: Option<&'j str>,
}

impl<'j> WrittenContext<'j> {
    /// Reads a context, as [`Context::from_json`].
    pub(crate) fn from_json(json: &'j Json<'_>) -> Result<Self, MalformedContext> {
        let object = property::object(json)?;
        let identifier = |json, property| match property::string(json, property, "a string")? {
            "" => Err(PropertyError::Empty { property }),
            identifier => Ok(identifier),
        };
        let required = |property| identifier(property::required(object, property)?, property);
        Ok(Self {
            room_id: required(ROOM_ID)?,
            session_id: required(SESSION_ID)?,
            user_id: object.get(USER_ID).map(|json| identifier(json, USER_ID)).transpose()?,
        })
    }

    fn into_owned(self) -> Context {
        Context {
            room_id: RoomId::known(self.room_id),
            session_id: SessionId::known(self.session_id),
            user_id: self.user_id.map(UserId::known),
        }
    }
}

/// The context of a key cannot be read, so the key is refused (B-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedContext {
    /// It is no object, or a property is missing, empty or no string.
    #[error("malformed context of the key: {0}")]
    Property(PropertyError),
    /// It is no JSON.
    #[error("malformed context of the key: {0}")]
    Json(JsonError),
}

from_causes!(MalformedContext: Property(PropertyError), Json(JsonError));
