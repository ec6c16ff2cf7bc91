//! The ids under which an entry is filed, as a server wrote them.

use matrix_key_backup_wire::{KeyBackupData, KeyBackupDataError, RoomId, SessionId};

use super::TooLong;
use crate::store::ReceivedKey;

/// As much of a malformed id as a report shows.
const SHOWN_CHARACTERS: usize = 80;

/// A name of a property; where it is an id, that of a room or session.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    text: String,
    /// Whether the text is what the server wrote, and not something to show instead.
    genuine: bool,
}

impl From<RoomId> for Place {
    fn from(room_id: RoomId) -> Self {
        Self { text: room_id.into(), genuine: true }
    }
}

impl Place {
    /// Reads a JSON string with its quotes.
    pub(super) fn read(captured: Result<&[u8], TooLong>) -> Self {
        let json = match captured {
            Ok(json) => json,
            Err(TooLong { length }) => {
                return Self { text: format!("(an id of {length} bytes)"), genuine: false };
            }
        };
        match serde_json::from_slice::<String>(json) {
            Ok(text) => Self { text, genuine: true },
            Err(_) => {
                let shown = String::from_utf8_lossy(json);
                let text = shown.trim_matches('"').chars().take(SHOWN_CHARACTERS).collect();
                Self { text, genuine: false }
            }
        }
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.genuine && self.text == name
    }

    /// What stands in place of a room's entries.
    pub(super) fn without_session(self, error: KeyBackupDataError) -> ReceivedKey {
        let all = Self { text: "(all of the room)".to_owned(), genuine: true };
        Self::received(&self, &all, Err(error))
    }

    /// An entry, which is none where it is filed under what is no id.
    pub(super) fn received(
        room: &Self,
        session: &Self,
        data: Result<KeyBackupData, KeyBackupDataError>,
    ) -> ReceivedKey {
        let is_id = |place: &Self| place.genuine && !place.text.is_empty();
        let data =
            if is_id(room) && is_id(session) { data } else { Err(KeyBackupDataError::Place) };
        ReceivedKey {
            room_id: room.to_id(RoomId::new),
            session_id: session.to_id(SessionId::new),
            data,
        }
    }

    fn to_id<Id, E: core::fmt::Debug>(&self, new: impl Fn(String) -> Result<Id, E>) -> Id {
        let text = if self.text.is_empty() { "(empty)" } else { &self.text };
        #[expect(clippy::expect_used, reason = "it is not empty, and nothing else is asked for")]
        new(text.to_owned()).expect("not empty")
    }
}
