//! One entry of a key export file.

use alloc::string::{String, ToString};

use matrix_key_backup_wire::{
    BackedUpSessionData, Json, JsonKind, RoomId, SessionDataError, SessionId,
};
use thiserror::Error;
use zeroize::Zeroizing;

const ROOM_ID: &str = "room_id";
const SESSION_ID: &str = "session_id";

/// A session as key export files hold it: what a backup holds, and `room_id` and `session_id` (E-2).
///
/// The session id is always that of the session key: there is no way to hold another (B-1). Unknown
/// properties are kept and written again.
///
/// # Security
///
/// Wiped on drop, and `Debug` shows identifiers only (K-5). The room id, like all else in it, is the
/// word of whoever made the file; nothing vouches for a key from a file (V2-11).
///
/// Source: [`ExportedSessionData` in the Matrix specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#definition-exportedsessiondata
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedSessionData {
    room_id: RoomId,
    session_id: SessionId,
    /// Without the two properties above.
    data: BackedUpSessionData,
}

impl ExportedSessionData {
    /// Puts an entry together, for writers. The session id is that of the session key (B-1).
    ///
    /// Should `data` carry properties named `room_id` or `session_id`, they give way.
    #[must_use]
    pub fn new(room_id: RoomId, mut data: BackedUpSessionData) -> Self {
        data.remove_other_property(ROOM_ID);
        data.remove_other_property(SESSION_ID);
        Self { room_id, session_id: data.session_key().session_id(), data }
    }

    /// Reads one element of the list (E-2).
    ///
    /// # Errors
    ///
    /// [`ExportedSessionDataError`] if it is not JSON within the limits and without duplicate
    /// properties (V2-13), of another algorithm, a property is missing or malformed, or the session
    /// id is not that of the session key (B-1).
    pub fn parse(json: &str) -> Result<Self, ExportedSessionDataError> {
        let mut data = BackedUpSessionData::parse(json.as_bytes())?;
        let room_id = take_string(&mut data, ROOM_ID)?;
        let session_id = take_string(&mut data, SESSION_ID)?;
        let room_id = RoomId::new(room_id)
            .map_err(|_| ExportedSessionDataError::Empty { property: ROOM_ID })?;

        let entry = Self::new(room_id, data);
        if entry.session_id.as_str() != session_id {
            return Err(ExportedSessionDataError::OtherSession { found: entry.session_id });
        }
        Ok(entry)
    }

    /// The room in which the session is used, as the file says.
    #[must_use]
    pub const fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// The session id, recomputed from the session key (B-1).
    #[must_use]
    pub const fn session_id(&self) -> &SessionId {
        &self.session_id
    }

    /// What a backup holds of it.
    #[must_use]
    pub const fn data(&self) -> &BackedUpSessionData {
        &self.data
    }

    /// The room, and what a backup holds. The session id can be had from the session key.
    #[must_use]
    pub fn into_parts(self) -> (RoomId, BackedUpSessionData) {
        (self.room_id, self.data)
    }

    /// The entry as JSON, session key included.
    #[must_use]
    pub fn to_json(&self) -> Zeroizing<String> {
        let room_id = json_string(self.room_id.as_str());
        let session_id = json_string(self.session_id.as_str());
        let data = self.data.to_json();
        // As large as it gets, so that it is never moved and leaves no copy behind. A
        // `BackedUpSessionData` is an object with at least its required properties.
        let members = data.strip_prefix('{').unwrap_or_default();
        let parts = ["{\"room_id\":", &room_id, ",\"session_id\":", &session_id, ",", members];
        let mut json = Zeroizing::new(String::with_capacity(parts.iter().map(|p| p.len()).sum()));
        json.extend(parts);
        json
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Takes a string out of the properties that a backup does not have.
fn take_string(
    data: &mut BackedUpSessionData,
    property: &'static str,
) -> Result<String, ExportedSessionDataError> {
    let json = data
        .remove_other_property(property)
        .ok_or(ExportedSessionDataError::Missing { property })?;
    let value = Json::parse(&json).map_err(SessionDataError::from)?;
    value
        .as_str()
        .map(String::from)
        .ok_or_else(|| ExportedSessionDataError::NotAString { property, found: value.kind() })
}

/// An entry of a key export file cannot be used.
///
/// Nothing of its content is shown but identifiers and the name of an unknown algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExportedSessionDataError {
    /// What it has in common with a backed up session cannot be read.
    #[error(transparent)]
    SessionData(#[from] SessionDataError),
    /// A property is missing.
    #[error("`{property}` is missing")]
    #[non_exhaustive]
    Missing {
        /// Its name.
        property: &'static str,
    },
    /// A property is no string.
    #[error("`{property}` must be a string, and {found} was found")]
    #[non_exhaustive]
    NotAString {
        /// Its name.
        property: &'static str,
        /// What was found.
        found: JsonKind,
    },
    /// A property is the empty string.
    #[error("`{property}` must not be empty")]
    #[non_exhaustive]
    Empty {
        /// Its name.
        property: &'static str,
    },
    /// The session key is that of another session than `session_id` says (B-1).
    #[error("the session key in it is that of session {found}")]
    #[non_exhaustive]
    OtherSession {
        /// The session id recomputed from the session key.
        found: SessionId,
    },
}
