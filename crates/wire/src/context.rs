//! Where a session belongs, as its writer put it under the MAC (B-2).

use alloc::string::String;

use crate::{
    RoomId, SessionId, UserId,
    cause::from_causes,
    json::{Json, JsonError},
    property::{self, PropertyError},
    write::{Sink, string_room, write_plain_string, write_string},
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
        let context = WrittenContext {
            room_id: self.room_id.as_str(),
            session_id: self.session_id.as_str(),
            user_id: self.user_id.as_ref().map(UserId::as_str),
        };
        const FIXED: usize = 64; // names, punctuation
        let ids = [Some(context.room_id), Some(context.session_id), context.user_id];
        let room: usize = ids.into_iter().flatten().map(string_room).sum();
        let mut out = String::with_capacity(FIXED + room);
        context.write(&mut out);
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

    fn write(&self, out: &mut impl Sink) {
        let members = [
            (ROOM_ID, Some(self.room_id)),
            (SESSION_ID, Some(self.session_id)),
            (USER_ID, self.user_id),
        ];
        let mut before = "{";
        for (name, value) in members {
            let Some(value) = value else { continue };
            out.push_str(before);
            before = ",";
            write_plain_string(out, name);
            out.push_str(":");
            write_string(out, value);
        }
        out.push_str("}");
    }

    /// Whether this JSON is what a writer makes of the context, byte for byte. That it is not says
    /// nothing: there are other ways to write the same.
    pub(crate) fn is_written_as(&self, json: &str) -> bool {
        let mut comparison = Comparison(Some(json));
        self.write(&mut comparison);
        comparison.0 == Some("")
    }

    fn into_owned(self) -> Context {
        Context {
            room_id: RoomId::known(self.room_id),
            session_id: SessionId::known(self.session_id),
            user_id: self.user_id.map(UserId::known),
        }
    }
}

/// Compares a text with what is written, piece by piece: what is left of it, as long as they agree.
struct Comparison<'t>(Option<&'t str>);

impl Sink for Comparison<'_> {
    fn push_str(&mut self, piece: &str) {
        self.0 = self.0.and_then(|rest| rest.strip_prefix(piece));
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
