//! The entries of a version: putting, reading page by page, looking up, deleting.

use matrix_key_backup_wire::{ENTRY_MAX_BYTES, KeyBackupData, KeyBackupDataError, RoomId, SessionId};
use rusqlite::types::{FromSqlError, ToSqlOutput, ValueRef};
use rusqlite::{OptionalExtension, Params, Row, Statement, ToSql, named_params};
use serde_json::value::RawValue;

use super::database::{Database, Operation, Outcome, VersionRow};
use super::error::SqliteStoreError;
use crate::replacement::KeyMetadata;
use crate::store::{KeyScope, KeyToStore, PutOutcome, ReceivedKey, StoreError, VersionId};

/// A page has at most this many entries.
const PAGE_ENTRIES: usize = 512;

/// A page ends with the entry that makes it larger than this; no entry is larger than 1 MiB.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// What [`Stored::from_row`] reads. A `session_data` beyond all limits is not even fetched.
macro_rules! select_keys {
    ($condition:literal) => {
        concat!(
            "SELECT room_id, session_id, first_message_index, forwarded_count, is_verified, \
                 octet_length(session_data), \
                 CASE WHEN octet_length(session_data) <= :limit THEN session_data END \
             FROM keys WHERE version = :version AND ",
            $condition
        )
    };
}

/// How far reading a version has come.
#[derive(Debug)]
pub(super) struct Cursor {
    version: VersionId,
    scope: KeyScope,
    last: Option<Position>,
}

/// Where an entry stands in the order of reading: by room, then by session, in byte order.
#[derive(Debug)]
struct Position {
    room_id: Text,
    session_id: Text,
}

/// A text as the file has it, which in a damaged one is not always UTF-8.
#[derive(Debug, Default)]
struct Text(Vec<u8>);

impl Cursor {
    pub(super) fn new(version: VersionId, scope: KeyScope) -> Self {
        Self { version, scope, last: None }
    }
}

impl Database {
    /// Lets each entry in where A-2 does, all of them or, on an error, none.
    pub(super) fn put_keys(
        &mut self,
        version: &VersionId,
        keys: &[KeyToStore],
    ) -> Outcome<PutOutcome> {
        keys.iter().try_for_each(check_size)?;
        let operation = self.writing()?;
        let row = operation.writable(version)?;
        let (mut written, mut added) = (0_usize, 0);
        {
            let mut statements = PutStatements::prepare(&operation)?;
            for key in keys {
                match statements.stored(&operation, row, key)? {
                    None => added += 1,
                    // A-2; what cannot be read is worth less than anything that can be.
                    Some(Ok(stored)) if !key.replaces(&KeyMetadata::from(&stored)) => continue,
                    Some(_) => {}
                }
                statements.write(&operation, row, key)?;
                written += 1;
            }
        }
        let outcome = operation.book(row, written > 0, added)?;
        operation.commit()?;
        Ok(outcome)
    }

    /// The next page, and where the one after it starts. An empty page is the end.
    pub(super) fn page(&mut self, mut cursor: Cursor) -> Outcome<(Vec<ReceivedKey>, Cursor)> {
        let operation = self.reading()?;
        let row = operation.existing(&cursor.version)?;
        let (page, last) = match (&cursor.scope, cursor.last.take()) {
            (KeyScope::Session(..), Some(_)) => (Vec::new(), None),
            (KeyScope::Session(room_id, session_id), None) => operation.read_page(
                select_keys!("room_id = :room_id AND session_id = :session_id"),
                named_params! {
                    ":version": row.0, ":limit": ENTRY_MAX_BYTES,
                    ":room_id": room_id.as_str(), ":session_id": session_id.as_str(),
                },
            )?,
            (KeyScope::Room(room_id), last) => operation.read_page(
                select_keys!("room_id = :room_id AND session_id > :session_id ORDER BY session_id"),
                named_params! {
                    ":version": row.0, ":limit": ENTRY_MAX_BYTES, ":room_id": room_id.as_str(),
                    ":session_id": last.unwrap_or_default().session_id,
                },
            )?,
            (KeyScope::All, last) => {
                let last = last.unwrap_or_default();
                operation.read_page(
                    select_keys!(
                        "(room_id, session_id) > (:room_id, :session_id) \
                         ORDER BY room_id, session_id"
                    ),
                    named_params! {
                        ":version": row.0, ":limit": ENTRY_MAX_BYTES,
                        ":room_id": last.room_id, ":session_id": last.session_id,
                    },
                )?
            }
        };
        cursor.last = last;
        Ok((page, cursor))
    }

    /// Looks up sessions, all in one state of the database.
    pub(super) fn keys_of(
        &mut self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        let operation = self.reading()?;
        let row = operation.existing(version)?;
        let mut statement =
            operation.prepare(select_keys!("room_id = :room_id AND session_id = :session_id"))?;
        let mut found = Vec::new();
        for (room_id, session_id) in sessions {
            let parameters = named_params! {
                ":version": row.0, ":limit": ENTRY_MAX_BYTES,
                ":room_id": room_id.as_str(), ":session_id": session_id.as_str(),
            };
            let stored = operation.look_up(&mut statement, parameters)?;
            found.extend(stored.map(|data| ReceivedKey {
                room_id: room_id.clone(),
                session_id: session_id.clone(),
                data,
            }));
        }
        Ok(found)
    }

    /// Deletes what the scope names.
    pub(super) fn delete_keys(
        &mut self,
        version: &VersionId,
        scope: &KeyScope,
    ) -> Outcome<PutOutcome> {
        let operation = self.writing()?;
        let row = operation.writable(version)?;
        let deleted = match scope {
            KeyScope::All => operation.execute(
                "DELETE FROM keys WHERE version = :version",
                named_params! {":version": row.0},
            ),
            KeyScope::Room(room_id) => operation.execute(
                "DELETE FROM keys WHERE version = :version AND room_id = :room_id",
                named_params! {":version": row.0, ":room_id": room_id.as_str()},
            ),
            KeyScope::Session(room_id, session_id) => operation.execute(
                "DELETE FROM keys WHERE version = :version AND room_id = :room_id
                     AND session_id = :session_id",
                named_params! {
                    ":version": row.0,
                    ":room_id": room_id.as_str(), ":session_id": session_id.as_str(),
                },
            ),
        }?;
        // A table has fewer rows than an `i64` has values.
        let deleted = i64::try_from(deleted).unwrap_or(i64::MAX);
        let outcome = operation.book(row, deleted > 0, -deleted)?;
        operation.commit()?;
        Ok(outcome)
    }
}
