//! One row of the table of keys, read as what it may be: damaged.

use matrix_key_backup_wire::{ENTRY_MAX_BYTES, KeyBackupData, KeyBackupDataError, RoomId};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Row, ToSql};
use serde_json::value::RawValue;

/// The columns that [`Stored::from_row`] reads, in its order.
///
/// A `session_data` beyond `:limit` is not fetched at all.
macro_rules! columns {
    () => {
        "room_id, session_id, first_message_index, forwarded_count, is_verified, \
         octet_length(session_data), \
         CASE WHEN octet_length(session_data) <= :limit THEN session_data END"
    };
}
pub(super) use columns;

/// The value of `:limit` (V2-13).
pub(super) const LIMIT: i64 = ENTRY_MAX_BYTES as i64;

/// One row.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) position: Position,
    pub(super) data: Result<KeyBackupData, KeyBackupDataError>,
    /// How much memory it takes, roughly.
    pub(super) bytes: usize,
}

/// Where an entry stands in the order of reading: by room, then by session, in byte order.
///
/// The default stands before all entries.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Position {
    pub(super) room_id: Text,
    pub(super) session_id: Text,
}

/// A text as the file has it, which in a damaged one need not be UTF-8.
#[derive(Clone, Debug, Default, PartialEq, PartialOrd)]
pub(super) struct Text(Vec<u8>);

impl Stored {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let position = Position { room_id: text(row, 0)?, session_id: text(row, 1)? };
        let session_data = match row.get_ref(6)? {
            ValueRef::Null => Err(too_large(row.get(5)?)),
            text => raw_json(text.as_bytes()?),
        };
        let bytes = position.room_id.0.len()
            + position.session_id.0.len()
            + session_data.as_ref().map_or(0, |data| data.get().len());
        let data = session_data.and_then(|session_data| key_backup_data(row, session_data));
        Ok(Self { position, data, bytes })
    }
}

/// A text, and nothing that is compared with texts by other rules.
fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Text> {
    match row.get_ref(column)? {
        ValueRef::Text(text) => Ok(Text(text.to_owned())),
        other => Err(rusqlite::Error::InvalidColumnType(
            column,
            "the id of a room or session".to_owned(),
            other.data_type(),
        )),
    }
}

/// Metadata of the wrong type makes one bad entry, and no more.
fn key_backup_data(
    row: &Row<'_>,
    session_data: Box<RawValue>,
) -> Result<KeyBackupData, KeyBackupDataError> {
    let number = |column| row.get::<_, i64>(column).ok();
    match (number(2), number(3), number(4)) {
        (Some(first_message_index), Some(forwarded_count), Some(is_verified)) => {
            Ok(KeyBackupData {
                first_message_index: first_message_index.cast_unsigned(),
                forwarded_count: forwarded_count.cast_unsigned(),
                is_verified: is_verified == 1,
                session_data,
            })
        }
        _ => KeyBackupData::from_json("{}"), // the error of an entry without metadata
    }
}

fn raw_json(text: &[u8]) -> Result<Box<RawValue>, KeyBackupDataError> {
    let text = str::from_utf8(text).map_err(|_| KeyBackupDataError::SessionData)?;
    RawValue::from_string(text.to_owned()).map_err(|_| KeyBackupDataError::SessionData)
}

fn too_large(found: i64) -> KeyBackupDataError {
    KeyBackupDataError::TooLarge { found: usize::try_from(found).unwrap_or(usize::MAX) }
}

impl Position {
    /// Before all entries of a room.
    pub(super) fn before(room_id: &RoomId) -> Self {
        Self { room_id: Text(room_id.as_str().into()), session_id: Text::default() }
    }
}

impl Text {
    /// The text, with a mark in place of what is not UTF-8.
    pub(super) fn to_string_lossy(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

impl ToSql for Text {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Text(&self.0)))
    }
}
