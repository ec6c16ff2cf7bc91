//! The entries of a version: putting, reading page by page, looking up, deleting.

use std::collections::BTreeSet;

use matrix_key_backup_wire::{ENTRY_MAX_BYTES, RoomId, SessionId};
use rusqlite::{OptionalExtension, Statement, ToSql, named_params};

use super::database::{Database, Operation, Outcome, VersionRow};
use super::error::SqliteStoreError;
use super::stored::{LIMIT, Position, Stored, columns};
use crate::replacement::KeyMetadata;
use crate::store::{
    KeyScope, KeyToStore, PutOutcome, ReceivedKey, StoreError, Unwritten, UnwrittenReason,
    VersionId,
};

/// A page has at most this many entries.
const PAGE_ENTRIES: usize = 512;

/// A page ends with the entry that makes it larger than this; no entry is larger than 1 MiB.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

const SELECT_SESSION: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM keys
      WHERE version = :version AND room_id = :room_id AND session_id = :session_id"
);

const SELECT_ROOM_AFTER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM keys
      WHERE version = :version AND room_id = :room_id AND session_id > :session_id
      ORDER BY session_id"
);

const SELECT_ALL_AFTER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM keys
      WHERE version = :version AND (room_id, session_id) > (:room_id, :session_id)
      ORDER BY room_id, session_id"
);

const WRITE: &str = "INSERT INTO keys VALUES (
        :version, :room_id, :session_id,
        :first_message_index, :forwarded_count, :is_verified, :session_data
    ) ON CONFLICT DO UPDATE SET
        first_message_index = excluded.first_message_index,
        forwarded_count = excluded.forwarded_count,
        is_verified = excluded.is_verified,
        session_data = excluded.session_data";

/// How far reading a version has come.
#[derive(Debug)]
pub(super) struct Cursor {
    version: VersionId,
    scope: KeyScope,
    last: Option<Position>,
}

impl Cursor {
    pub(super) fn new(version: VersionId, scope: KeyScope) -> Self {
        Self { version, scope, last: None }
    }
}

/// What came of a call that puts keys.
#[derive(Default)]
struct Written<'k> {
    /// How many keys there are more.
    added: i64,
    /// Where something was written.
    places: BTreeSet<Place<'k>>,
    /// Where an entry was not let in.
    lost: BTreeSet<Place<'k>>,
}

type Place<'k> = (&'k RoomId, &'k SessionId);

fn kept_old((room_id, session_id): &Place<'_>) -> Unwritten {
    let (room_id, session_id) = ((*room_id).clone(), (*session_id).clone());
    Unwritten { room_id, session_id, reason: UnwrittenReason::KeptOld }
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
        let Written { added, places, lost } = operation.put(row, keys)?;
        let mut outcome = operation.book(row, !places.is_empty(), added)?;
        outcome.unwritten = lost.difference(&places).map(kept_old).collect();
        operation.commit()?;
        Ok(outcome)
    }

    /// The next page, and where the one after it starts. An empty page is the end.
    pub(super) fn page(&mut self, mut cursor: Cursor) -> Outcome<(Vec<ReceivedKey>, Cursor)> {
        let operation = self.reading()?;
        let row = operation.existing(&cursor.version)?;
        let before = cursor.last.take();
        let page = match (&cursor.scope, before.clone()) {
            (KeyScope::Session(..), Some(_)) => Vec::new(),
            (KeyScope::Session(room_id, session_id), None) => {
                operation.page(SELECT_SESSION, row, room_id.as_str(), session_id.as_str())?
            }
            (KeyScope::Room(room_id), last) => {
                let last = last.unwrap_or_else(|| Position::before(room_id));
                operation.page(SELECT_ROOM_AFTER, row, &last.room_id, &last.session_id)?
            }
            (KeyScope::All, last) => {
                let last = last.unwrap_or_default();
                operation.page(SELECT_ALL_AFTER, row, &last.room_id, &last.session_id)?
            }
        };
        let last = page.last().map(|stored| stored.position.clone());
        if last.is_some() && last <= before {
            // Only in a damaged file. Going on would never end.
            return Err(operation.damaged("its keys are not in order".to_owned()));
        }
        cursor.last = last;
        let page =
            page.into_iter().map(|stored| operation.received(stored)).collect::<Outcome<_>>()?;
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
        let mut select = operation.prepare(SELECT_SESSION)?;
        let mut found = Vec::new();
        for (room_id, session_id) in sessions {
            let stored = operation.look_up(&mut select, row, room_id, session_id)?;
            found.extend(stored.map(|Stored { data, .. }| ReceivedKey {
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
        let deleted = operation.delete(row, scope)?;
        // No table has more rows than an `i64` can count.
        let fewer = i64::try_from(deleted).unwrap_or(i64::MAX);
        let outcome = operation.book(row, deleted > 0, -fewer)?;
        operation.commit()?;
        Ok(outcome)
    }
}

impl Operation<'_> {
    /// Writes what A-2 lets in.
    fn put<'k>(&self, version: VersionRow, keys: &'k [KeyToStore]) -> Outcome<Written<'k>> {
        let mut select = self.prepare(SELECT_SESSION)?;
        let mut write = self.prepare(WRITE)?;
        let mut written = Written::default();
        for key in keys {
            let place = (&key.room_id, &key.session_id);
            let stored = self.look_up(&mut select, version, &key.room_id, &key.session_id)?;
            match stored.map(|stored| stored.data) {
                None => written.added += 1,
                Some(Ok(stored)) if !key.replaces(&KeyMetadata::from(&stored)) => {
                    if !key.is(&stored) {
                        written.lost.insert(place);
                    }
                    continue;
                }
                // The new one is better, or the old one is of no use to anybody.
                Some(_) => {}
            }
            self.write(&mut write, version, key)?;
            written.places.insert(place);
        }
        Ok(written)
    }

    fn write(
        &self,
        write: &mut Statement<'_>,
        version: VersionRow,
        key: &KeyToStore,
    ) -> Outcome<()> {
        let KeyToStore { room_id, session_id, data } = key;
        let parameters = named_params! {
            ":version": version.0,
            ":room_id": room_id.as_str(),
            ":session_id": session_id.as_str(),
            ":first_message_index": data.first_message_index.cast_signed(),
            ":forwarded_count": data.forwarded_count.cast_signed(),
            ":is_verified": data.is_verified,
            ":session_data": data.session_data.get(),
        };
        write.execute(parameters).map(drop).map_err(|error| self.failed(error))
    }

    fn delete(&self, version: VersionRow, scope: &KeyScope) -> Outcome<usize> {
        const ALL: &str = "DELETE FROM keys WHERE version = ?1";
        const ROOM: &str = "DELETE FROM keys WHERE version = ?1 AND room_id = ?2";
        const SESSION: &str =
            "DELETE FROM keys WHERE version = ?1 AND room_id = ?2 AND session_id = ?3";
        let VersionRow(version) = version;
        match scope {
            KeyScope::All => self.execute(ALL, (version,)),
            KeyScope::Room(room_id) => self.execute(ROOM, (version, room_id.as_str())),
            KeyScope::Session(room_id, session_id) => {
                self.execute(SESSION, (version, room_id.as_str(), session_id.as_str()))
            }
        }
    }

    /// The entry of one session.
    fn look_up(
        &self,
        select: &mut Statement<'_>,
        version: VersionRow,
        room_id: &RoomId,
        session_id: &SessionId,
    ) -> Outcome<Option<Stored>> {
        let parameters = named_params! {
            ":version": version.0, ":limit": LIMIT,
            ":room_id": room_id.as_str(), ":session_id": session_id.as_str(),
        };
        select
            .query_row(parameters, Stored::from_row)
            .optional()
            .map_err(|error| self.failed(error))
    }

    /// As many rows as a page holds.
    fn page(
        &self,
        query: &str,
        version: VersionRow,
        room_id: impl ToSql,
        session_id: impl ToSql,
    ) -> Outcome<Vec<Stored>> {
        let failed = |error| self.failed(error);
        let parameters = named_params! {
            ":version": version.0, ":limit": LIMIT,
            ":room_id": room_id, ":session_id": session_id,
        };
        let mut select = self.prepare(query)?;
        let mut rows = select.query(parameters).map_err(failed)?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_ENTRIES && bytes < PAGE_BYTES {
            let Some(row) = rows.next().map_err(failed)? else { break };
            let stored = Stored::from_row(row).map_err(failed)?;
            bytes += stored.bytes;
            page.push(stored);
        }
        Ok(page)
    }

    fn received(&self, stored: Stored) -> Outcome<ReceivedKey> {
        let Stored { position, data, .. } = stored;
        match (
            RoomId::new(position.room_id.to_string_lossy()),
            SessionId::new(position.session_id.to_string_lossy()),
        ) {
            (Ok(room_id), Ok(session_id)) => Ok(ReceivedKey { room_id, session_id, data }),
            _ => Err(self.damaged("a key is filed under no room or no session".to_owned())),
        }
    }
}

/// What no reader would accept is not taken in (V2-13).
fn check_size(key: &KeyToStore) -> Outcome<()> {
    let found = key.data.session_data.get().len();
    if found <= ENTRY_MAX_BYTES {
        return Ok(());
    }
    Err(StoreError::Store(SqliteStoreError::EntryTooLarge {
        room_id: key.room_id.clone(),
        session_id: key.session_id.clone(),
        found,
    }))
}
