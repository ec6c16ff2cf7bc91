//! The body of `GET /room_keys/keys`, read as it streams in.

pub(super) mod capture;
pub(super) mod lexer;
mod place;

use matrix_key_backup_wire::{ENTRY_MAX_BYTES, KeyBackupData, KeyBackupDataError, RoomId};
use thiserror::Error;

use self::{
    capture::{Capture, TooLong},
    lexer::{Event, Kind, Lexer},
    place::Place,
};
use super::ReceivedKey;

/// An entry with its metadata, as [`KeyBackupData::from_json`] takes it (V2-13).
const ENTRY_LIMIT: usize = ENTRY_MAX_BYTES + 4096;

/// Names of properties, room and session ids: what is longer is no id.
pub(super) const NAME_LIMIT: usize = 4096;

/// As deep as an entry that is not too large can possibly be, and what is around it.
pub(super) const MAX_DEPTH: usize = ENTRY_LIMIT + 8;

/// Reads the answer to `GET /room_keys/keys`, or to that of one room, in chunks.
///
/// The API has no paging, so an answer has the size of the backup. Here it takes the memory of one
/// entry: chunks may be cut anywhere, and each entry comes out as soon as it is complete.
///
/// Nothing is merged and nothing dropped: an entry that a server names twice comes twice (A-3),
/// unknown properties of `session_data` are kept, and what cannot be read comes out as a
/// [`ReceivedKey`] with the reason. An entry that is larger than V2-13 allows is not held in memory.
///
/// ```
/// use matrix_key_backup::store::RoomKeysScanner;
///
/// let body = br#"{"rooms": {"!room:example.org": {"sessions": {
///     "session+1": {"first_message_index": 0, "forwarded_count": 0, "is_verified": false,
///                   "session_data": {"ephemeral": "AB", "ciphertext": "CD"}},
///     "session/2": {"first_message_index": -1}
/// }}}}"#;
/// let (mut scanner, mut keys) = (RoomKeysScanner::all(), Vec::new());
/// for chunk in body.chunks(7) {
///     scanner.push(chunk, &mut keys)?;
/// }
/// scanner.finish()?;
/// assert!(keys[0].data.is_ok() && keys[1].data.is_err());
/// # Ok::<_, matrix_key_backup::store::RoomKeysBodyError>(())
/// ```
///
/// Source: V2-13;
/// [the endpoint](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys).
#[derive(Debug)]
pub struct RoomKeysScanner {
    lexer: Lexer,
    /// The innermost object that is on the way to entries.
    inside: Inside,
    /// The outermost one.
    outermost: Inside,
    /// What the value that begins next is, if it is on that way.
    next: Option<Inside>,
    /// A name, or an entry.
    capture: Capture,
    room: Place,
    session: Place,
    found_rooms: bool,
    found_sessions: bool,
}

/// The objects on the way to an entry, from the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Inside {
    Nothing,
    Body,
    Rooms,
    Room,
    Sessions,
    Entry,
}

impl RoomKeysScanner {
    /// For the answer that has all rooms: `{"rooms": {room: {"sessions": {session: entry}}}}`.
    #[must_use]
    pub fn all() -> Self {
        Self::new(Inside::Body, Place::default())
    }

    /// For the answer that has one room: `{"sessions": {session: entry}}`.
    #[must_use]
    pub fn one_room(room_id: RoomId) -> Self {
        Self::new(Inside::Room, Place::from(room_id))
    }

    fn new(outermost: Inside, room: Place) -> Self {
        Self {
            lexer: Lexer::new(MAX_DEPTH),
            inside: Inside::Nothing,
            outermost,
            next: Some(outermost),
            capture: Capture::default(),
            room,
            session: Place::default(),
            found_rooms: false,
            found_sessions: false,
        }
    }

    /// Reads a chunk, and adds the entries that are complete with it to `found`.
    ///
    /// # Errors
    ///
    /// [`RoomKeysBodyError`]. What was found before stays found; the scanner is of no use any more.
    pub fn push(
        &mut self,
        chunk: &[u8],
        found: &mut Vec<ReceivedKey>,
    ) -> Result<(), RoomKeysBodyError> {
        let mut unread = chunk;
        while !unread.is_empty() {
            let (length, event) = self.lexer.read(unread)?;
            let (read, rest) = unread.split_at_checked(length).unwrap_or((unread, &[]));
            self.capture.push(read);
            match event {
                Some(Event::BeginName) => self.begin_name(),
                Some(Event::EndName) => self.end_name(),
                Some(Event::Begin(kind)) => {
                    found.extend(self.begin_value(kind, read.last().copied())?);
                }
                Some(Event::End) => found.extend(self.end_value()?),
                None => {}
            }
            unread = rest;
        }
        Ok(())
    }

    /// Checks that the body ended where it may.
    ///
    /// # Errors
    ///
    /// [`RoomKeysBodyError::Truncated`].
    pub fn finish(self) -> Result<(), RoomKeysBodyError> {
        self.lexer.finish()
    }

    /// Whether the lexer stands right in the object that we are in, not in a value of it.
    fn is_here(&self) -> bool {
        self.lexer.depth() == self.depth_of(self.inside)
    }

    fn depth_of(&self, inside: Inside) -> usize {
        (inside as usize + 1).saturating_sub(self.outermost as usize)
    }

    fn begin_name(&mut self) {
        if self.is_here() {
            self.capture.start(b"\"", NAME_LIMIT);
        }
    }

    fn end_name(&mut self) {
        if !self.is_here() || !self.capture.is_active() {
            return;
        }
        let place = Place::read(self.capture.stop());
        self.next = match self.inside {
            Inside::Body if place.is("rooms") => {
                self.found_rooms = true;
                Some(Inside::Rooms)
            }
            Inside::Rooms => {
                (self.room, self.found_sessions) = (place, false);
                Some(Inside::Room)
            }
            Inside::Room if place.is("sessions") => {
                self.found_sessions = true;
                Some(Inside::Sessions)
            }
            Inside::Sessions => {
                self.session = place;
                Some(Inside::Entry)
            }
            _ => None,
        };
    }

    fn begin_value(
        &mut self,
        kind: Kind,
        first: Option<u8>,
    ) -> Result<Option<ReceivedKey>, RoomKeysBodyError> {
        match (self.next.take(), kind) {
            (None, _) => Ok(None),
            (Some(Inside::Entry), _) => {
                self.capture.start(first.as_slice(), ENTRY_LIMIT);
                Ok(None)
            }
            (Some(next), Kind::Object) => {
                self.inside = next;
                Ok(None)
            }
            (Some(next), Kind::Other) => self.no_object(next).map(Some),
        }
    }

    fn end_value(&mut self) -> Result<Option<ReceivedKey>, RoomKeysBodyError> {
        if self.capture.is_active() {
            return Ok(self.is_here().then(|| self.entry()));
        }
        if self.lexer.depth() >= self.depth_of(self.inside) {
            return Ok(None);
        }
        let left = self.inside;
        self.inside = match left {
            Inside::Sessions => Inside::Room,
            Inside::Room if self.outermost == Inside::Body => Inside::Rooms,
            Inside::Rooms => Inside::Body,
            _ => Inside::Nothing,
        };
        match left {
            Inside::Body if !self.found_rooms => self.no_object(Inside::Rooms).map(Some),
            Inside::Room if !self.found_sessions => self.no_object(Inside::Sessions).map(Some),
            _ => Ok(None),
        }
    }

    /// Of many rooms, one may be malformed; a body that is none cannot be read.
    fn no_object(&mut self, what: Inside) -> Result<ReceivedKey, RoomKeysBodyError> {
        if what >= Inside::Room && self.outermost == Inside::Body {
            return Ok(self.room.clone().without_session(KeyBackupDataError::Room));
        }
        let property = if self.outermost == Inside::Body { "rooms" } else { "sessions" };
        Err(RoomKeysBodyError::Property { property })
    }

    fn entry(&mut self) -> ReceivedKey {
        let data = match self.capture.stop() {
            Ok(bytes) => match str::from_utf8(bytes) {
                Ok(json) => KeyBackupData::from_json(json),
                Err(_) => Err(KeyBackupDataError::Encoding),
            },
            Err(TooLong { length }) => Err(KeyBackupDataError::TooLarge { found: length }),
        };
        Place::received(&self.room, &self.session, data)
    }
}

/// The body is none of an answer with room keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RoomKeysBodyError {
    /// It is no JSON.
    #[error("the list of keys is no JSON: unexpected character at byte {offset}")]
    Json {
        /// Offset in bytes of the character that cannot stand there, counted from 0.
        offset: u64,
    },
    /// It is nested deeper than any entry within the limits can be (V2-13).
    #[error("the list of keys is nested too deeply at byte {offset}")]
    TooDeep {
        /// Offset in bytes of the place, counted from 0.
        offset: u64,
    },
    /// It ended too early.
    #[error("the list of keys breaks off after {length} bytes")]
    Truncated {
        /// How long it was.
        length: u64,
    },
    /// It is JSON of another form.
    #[error("the list of keys is no object with an object `{property}`")]
    Property {
        /// The property that has to be there.
        property: &'static str,
    },
}
