//! Writing a backup as one JSON object, entry by entry.

use std::collections::HashSet;
use std::io::{self, BufWriter, Write};
use std::mem;

use matrix_key_backup_wire::{KeyBackupData, KeyBackupDataError, RoomId, SessionId};
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::JsonFormError;
use super::description::DescriptionScanner;
use crate::store::{BackupVersion, ReceivedKey, VersionId};

/// Writes the form that [`JsonFileStore`](super::JsonFileStore) reads, as the entries come.
///
/// Entries go in as they were received, one on a line; `count` says how many were written. No
/// property is there twice, so every reader of JSON reads the same.
///
/// It holds nothing back: of a room that was written, and of the sessions of the one that is being
/// written, it remembers 16 bytes each.
///
/// What is not finished is no backup: give it a new file that takes its name when it is whole.
///
/// ```
/// use matrix_key_backup::store::{BackupStore, JsonFileWriter, KeyScope, VersionId};
///
/// /// Writes a backup to a new file; says how many entries could not be written.
/// async fn save<S: BackupStore>(
///     store: &S,
///     version: VersionId,
///     file: std::fs::File,
/// ) -> Result<usize, Box<dyn core::error::Error>> {
///     let backup = store.version(&version).await?.ok_or("there is no such version")?;
///     let mut writer = JsonFileWriter::new(file, &backup)?;
///     let (mut pages, mut left_out) = (store.keys(version, KeyScope::All), 0);
///     while let Some(page) = pages.next_page().await {
///         left_out += writer.write(page?)?.len();
///     }
///     writer.finish()?.sync_all()?;
///     Ok(left_out)
/// }
/// ```
#[derive(Debug)]
pub struct JsonFileWriter<W: Write> {
    out: BufWriter<W>,
    /// The room that is being written.
    room_id: Option<RoomId>,
    /// The rooms that were begun, and the sessions of the last one.
    rooms: Names,
    sessions: Names,
    entries: u64,
}

/// An entry that is not in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The room of the entry.
    pub room_id: RoomId,
    /// Its session.
    pub session_id: SessionId,
    /// Why it is not there.
    pub reason: LeftOutReason,
}

/// Why an entry is not in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// It could not be read.
    #[error(transparent)]
    Unreadable(#[from] KeyBackupDataError),
    /// Its room came again after another one, and a room can be in a file only once.
    #[error("its room came again after another room was begun")]
    RoomAgain,
    /// The store named its room and session twice.
    #[error("the store has named it twice; the first entry was written")]
    SessionAgain,
}

/// Why nothing more can be written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JsonWriteError {
    /// What the store says of the version could not be read back.
    #[error("the backup cannot be written to a JSON file: {0}")]
    Description(JsonFormError),
    /// The system refused.
    #[error("the JSON file could not be written: {0}")]
    Io(io::Error),
}

impl From<JsonFormError> for JsonWriteError {
    fn from(error: JsonFormError) -> Self {
        Self::Description(error)
    }
}

impl From<io::Error> for JsonWriteError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<W: Write> JsonFileWriter<W> {
    /// Begins with what the store says of the version.
    ///
    /// # Errors
    ///
    /// [`JsonWriteError`].
    pub fn new(out: W, version: &BackupVersion) -> Result<Self, JsonWriteError> {
        let head = head(version)?;
        check(&head)?;
        let mut out = BufWriter::new(out);
        out.write_all(&head)?;
        let (rooms, sessions) = Default::default();
        Ok(Self { out, room_id: None, rooms, sessions, entries: 0 })
    }

    /// Writes entries; says which ones were left out.
    ///
    /// Entries of one room have to come one after the other, as all stores give them.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn write(&mut self, entries: Vec<ReceivedKey>) -> Result<Vec<LeftOut>, JsonWriteError> {
        let mut left_out = Vec::new();
        for ReceivedKey { room_id, session_id, data } in entries {
            let written = match data {
                Ok(data) => self.write_entry(&room_id, &session_id, &data)?,
                Err(error) => Err(LeftOutReason::Unreadable(error)),
            };
            if let Err(reason) = written {
                left_out.push(LeftOut { room_id, session_id, reason });
            }
        }
        Ok(left_out)
    }

    /// Writes the end, and gives back what was written to, flushed.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn finish(mut self) -> Result<W, JsonWriteError> {
        self.end_room()?;
        writeln!(self.out, "\n}},\"count\":{}}}", self.entries)?;
        self.out.flush()?;
        Ok(self.out.into_inner().map_err(io::IntoInnerError::into_error)?)
    }

    fn write_entry(
        &mut self,
        room_id: &RoomId,
        session_id: &SessionId,
        data: &KeyBackupData,
    ) -> Result<Result<(), LeftOutReason>, JsonWriteError> {
        if self.room_id.as_ref() != Some(room_id) {
            if !self.rooms.insert(room_id.as_str()) {
                return Ok(Err(LeftOutReason::RoomAgain));
            }
            self.begin_room(room_id)?;
        }
        let first = self.sessions.is_empty();
        if !self.sessions.insert(session_id.as_str()) {
            return Ok(Err(LeftOutReason::SessionAgain));
        }
        self.out.write_all(if first { b"\n" } else { b",\n" })?;
        self.json(session_id)?;
        self.out.write_all(b":")?;
        self.json(data)?;
        self.entries += 1;
        Ok(Ok(()))
    }

    fn begin_room(&mut self, room_id: &RoomId) -> Result<(), JsonWriteError> {
        let first = self.room_id.is_none();
        self.end_room()?;
        self.room_id = Some(room_id.clone());
        self.out.write_all(if first { b"\n" } else { b",\n" })?;
        self.json(room_id)?;
        Ok(self.out.write_all(b":{\"sessions\":{")?)
    }

    fn end_room(&mut self) -> Result<(), JsonWriteError> {
        mem::take(&mut self.sessions);
        match self.room_id {
            Some(_) => Ok(self.out.write_all(b"}}")?),
            None => Ok(()),
        }
    }

    fn json(&mut self, value: &impl Serialize) -> Result<(), JsonWriteError> {
        Ok(self.out.write_all(&to_json(value)?)?)
    }
}

fn to_json(value: &impl Serialize) -> io::Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| io::Error::other(error.to_string()))
}

/// What stands before the keys. `count` comes last, when it is known.
#[derive(Serialize)]
struct Head<'a> {
    version: &'a VersionId,
    algorithm: &'a str,
    auth_data: &'a RawValue,
    etag: &'a str,
}

/// All up to the first room.
fn head(version: &BackupVersion) -> Result<Vec<u8>, JsonWriteError> {
    let BackupVersion { version, algorithm, auth_data, count: _, etag } = version;
    let mut head = to_json(&Head { version, algorithm, auth_data, etag })?;
    head.pop(); // the closing brace
    head.extend_from_slice(b",\n\"rooms\":{");
    Ok(head)
}

/// Whether the reader will take it: a store may have an `auth_data` of any length.
fn check(head: &[u8]) -> Result<(), JsonFormError> {
    let mut scanner = DescriptionScanner::new();
    let read = scanner.push(head).and_then(|()| scanner.push(b"}}"));
    scanner.finish(read).map(drop)
}

/// Names that were written, by a hash: 16 bytes each, whatever their length.
#[derive(Debug, Default)]
struct Names(HashSet<[u8; 16]>);

impl Names {
    /// Says whether the name is new.
    fn insert(&mut self, name: &str) -> bool {
        let mut hash = [0; 16];
        hash.iter_mut().zip(Sha256::digest(name)).for_each(|(byte, hashed)| *byte = hashed);
        self.0.insert(hash)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
