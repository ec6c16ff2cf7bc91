//! What can go wrong with a backup in a JSON file.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::RoomKeysBodyError;

/// Why a JSON file could not be opened or read.
///
/// Each message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFileError {
    /// There is no file to open.
    #[error("there is no file {}: give the path of another", path.display())]
    Missing {
        /// The path that was given.
        path: PathBuf,
    },
    /// The path leads to a directory, a device or a pipe, which cannot be read twice.
    #[error("{} is not a file: give the path of a file", path.display())]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file may not be read.
    #[error("{} may not be opened: check the permissions of the file and its directory", path.display())]
    PermissionDenied {
        /// The path that was given.
        path: PathBuf,
    },
    /// The file is something else, or damaged. Entries before the damage were given.
    #[error("{}: {problem}", path.display())]
    Form {
        /// The path that was given.
        path: PathBuf,
        /// What is wrong, and where.
        problem: JsonFormError,
    },
    /// The file is another one than it was when it was opened.
    #[error("{} was changed since it was opened: open it again", path.display())]
    Changed {
        /// The path that was given.
        path: PathBuf,
    },
    /// Something was to be written.
    #[error(
        "{} is a JSON file, which is only read: copy it to a store of another kind, and write there",
        path.display()
    )]
    ReadOnly {
        /// The path that was given.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{} could not be read: {error}", path.display())]
    Io {
        /// The path that was given.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The thread that reads the file is gone, after a defect of this software.
    #[error("reading {} broke off: open it again", path.display())]
    Closed {
        /// The path that was given.
        path: PathBuf,
    },
}

impl JsonFileError {
    pub(super) fn from_io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            _ => Self::Io { path, error },
        }
    }

    pub(super) fn from_form(path: &Path, problem: impl Into<JsonFormError>) -> Self {
        Self::Form { path: path.to_owned(), problem: problem.into() }
    }
}

/// Why a text is no backup in JSON: no object with the properties of both answers, that of
/// `GET /room_keys/version` and that of `GET /room_keys/keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonFormError {
    /// It breaks off, is no JSON, or its `rooms` are none.
    #[error(transparent)]
    Body(#[from] RoomKeysBodyError),
    /// A property is missing.
    #[error(
        "there is no `{property}`: a file has the answers of GET version and GET keys in one \
         object, as `jq -s add version.json keys.json` makes it"
    )]
    Missing {
        /// The property.
        property: &'static str,
    },
    /// A property is there twice.
    #[error("`{property}` is there twice")]
    Twice {
        /// The property.
        property: &'static str,
    },
    /// A property is of the wrong type.
    #[error("`{property}` is not {expected}")]
    Property {
        /// The property.
        property: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A property is longer than it may be.
    #[error("`{property}` is longer than {limit} bytes: {found} bytes")]
    TooLong {
        /// The property.
        property: &'static str,
        /// As many bytes of JSON as it may have.
        limit: usize,
        /// Its length in bytes.
        found: usize,
    },
}
