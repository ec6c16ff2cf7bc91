//! What can go wrong with a store in a file, with the file's path and what to do about it.

use std::path::{Path, PathBuf};

use matrix_key_backup_wire::{ENTRY_MAX_BYTES, RoomId, SessionId};
use rusqlite::{ErrorCode, ffi};

use super::schema::FORMAT;

/// Why a store in a file could not be created, opened, read or written.
///
/// Each message names the file and says what to do. The file is as it was before the call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteStoreError {
    /// There is no file to open.
    #[error("there is no backup store at {}: create one, or give the path of another", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },
    /// A store was to be created where something is already.
    #[error("{} exists already: open it instead, or create the store under another name", path.display())]
    Exists {
        /// The path that was given.
        path: PathBuf,
    },
    /// A store was to be created beside what SQLite left of a database of the same name, and
    /// would take for a part of the new one.
    #[error(
        "{} belongs to a database that is gone, and would be taken for a part of the new one: \
         move it away, or create the store under another name",
        leftover.display()
    )]
    Leftover {
        /// The path that was given.
        path: PathBuf,
        /// The file beside it.
        leftover: PathBuf,
    },
    /// A store was to be created in a directory that does not exist.
    #[error("the directory of {} does not exist: create it first", path.display())]
    MissingDirectory {
        /// The path that was given.
        path: PathBuf,
    },
    /// The path leads to a directory or a device.
    #[error("{} is not a file: give the path of a file", path.display())]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file has no content.
    #[error(
        "{} is an empty file, not a backup store: delete it if nothing needs it, or give another path",
        path.display()
    )]
    Empty {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a database, so not a backup store: give another path", path.display())]
    NotADatabase {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file is a database, but none of ours.
    #[error("{} is a database of another program: give another path", path.display())]
    OtherProgram {
        /// The path that was given.
        path: PathBuf,
        /// What the file says in the place where we write our mark.
        application_id: i32,
    },
    /// The file was written by a newer version of this software.
    #[error(
        "{} has format {found}, and this version knows formats up to {FORMAT}: \
         open it with a newer version",
        path.display()
    )]
    NewerFormat {
        /// The path that was given.
        path: PathBuf,
        /// The format of the file.
        found: i32,
    },
    /// The file is ours, but its content is not as it was written.
    #[error(
        "{} is damaged ({detail}): go back to a copy of it, or upload into a new store",
        path.display()
    )]
    Damaged {
        /// The path that was given.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file or its directory may not be read.
    #[error("{} may not be opened: check the permissions of the file and its directory", path.display())]
    PermissionDenied {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file may be read only.
    #[error(
        "{} may not be written to: allow its owner to write, or open a copy of it elsewhere",
        path.display()
    )]
    ReadOnly {
        /// The path that was given.
        path: PathBuf,
    },
    /// No file can be created in the directory.
    #[error(
        "no file can be created beside {}, where a store keeps its log: \
         allow writing in that directory, or open a copy elsewhere",
        path.display()
    )]
    ReadOnlyDirectory {
        /// The path that was given.
        path: PathBuf,
    },
    /// Another process held the file all the time that we were ready to wait.
    #[error(
        "{} is being written to by another process: try again when that is done",
        path.display()
    )]
    Busy {
        /// The path that was given.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("there is no room left for {}: make room and try again", path.display())]
    Full {
        /// The path that was given.
        path: PathBuf,
    },
    /// An entry is larger than any reader accepts (V2-13).
    #[error(
        "the key of session {session_id} in room {room_id} takes {found} bytes, more than the \
         {ENTRY_MAX_BYTES} that an entry may have: leave it out"
    )]
    EntryTooLarge {
        /// The room of the entry.
        room_id: RoomId,
        /// The session of the entry.
        session_id: SessionId,
        /// The length of its `session_data`.
        found: usize,
    },
    /// The operating system refused.
    #[error("{} could not be {attempt}: {source}", path.display())]
    Io {
        /// The path that was given.
        path: PathBuf,
        /// What was tried, as a participle.
        attempt: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("{} could not be {attempt}: {source}", path.display())]
    Sqlite {
        /// The path that was given.
        path: PathBuf,
        /// What was tried, as a participle.
        attempt: &'static str,
        /// What SQLite said.
        source: Box<dyn core::error::Error + Send + Sync>,
    },
    /// The thread that works on the file is gone, after a defect of this software.
    #[error("{} is no longer open: open it again", path.display())]
    Closed {
        /// The path that was given.
        path: PathBuf,
    },
}

impl SqliteStoreError {
    /// What SQLite said about `path` when it was to be `attempt`ed, in terms a person can act on.
    pub(super) fn from_sqlite(path: &Path, attempt: &'static str, error: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if error.sqlite_extended_error_code() == Some(ffi::SQLITE_READONLY_DIRECTORY) {
            return Self::ReadOnlyDirectory { path };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, detail: error.to_string() },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::ReadOnly) => Self::ReadOnly { path },
            Some(ErrorCode::PermissionDenied) => Self::PermissionDenied { path },
            _ => Self::Sqlite { path, attempt, source: Box::new(error) },
        }
    }

    /// What the system said about `path` when it was to be `attempt`ed.
    pub(super) fn from_io(path: &Path, attempt: &'static str, source: std::io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path },
            std::io::ErrorKind::AlreadyExists => Self::Exists { path },
            std::io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            std::io::ErrorKind::StorageFull => Self::Full { path },
            _ => Self::Io { path, attempt, source },
        }
    }
}
