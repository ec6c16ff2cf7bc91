//! Creating and opening the file, without harm to any other.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use super::error::SqliteStoreError;
use super::schema;

/// What SQLite puts beside a database.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A database is at least one page, and a page at least this many bytes.
const SMALLEST_DATABASE: u64 = 512;

/// Opens the store at `path`, which must exist.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection, SqliteStoreError> {
    let absolute = absolute(path)?;
    let metadata = fs::metadata(&absolute)
        .map_err(|error| SqliteStoreError::from_io(path, "opened", error))?;
    if !metadata.is_file() {
        return Err(SqliteStoreError::NotAFile { path: path.to_owned() });
    }
    // SQLite would take an empty file, or one of a single byte, for a database yet to be filled.
    match metadata.len() {
        0 => return Err(SqliteStoreError::Empty { path: path.to_owned() }),
        1..SMALLEST_DATABASE => {
            return Err(SqliteStoreError::NotADatabase { path: path.to_owned() });
        }
        _ => {}
    }
    probe(path, &absolute)?;
    let connection = connect(path, &absolute)?;
    // The log may hold a newer header than the file does, so the question is asked again; until
    // it is answered, closing the connection must not move the log into the file.
    hold_checkpoints(&connection, path, true)?;
    set_up(&connection, path, patience)?;
    schema::recognise(&connection, path)?;
    hold_checkpoints(&connection, path, false)?;
    schema::check_tables(&connection, path)?;
    Ok(connection)
}

/// Creates a store at `path`, where nothing may be yet, for its owner's eyes only.
///
/// It is laid out under another name and then given its own in one step, so that no other
/// process sees half a store, and a kill leaves none.
pub(super) fn create(path: &Path) -> Result<(), SqliteStoreError> {
    let absolute = absolute(path)?;
    // In this order: what another process has just created has its log, and is no leftover.
    let leftover = COMPANIONS.map(|suffix| beside(&absolute, suffix)).into_iter().find(is_there);
    if is_there(&absolute) {
        return Err(SqliteStoreError::Exists { path: path.to_owned() });
    }
    if let Some(leftover) = leftover {
        return Err(SqliteStoreError::Leftover { path: path.to_owned(), leftover });
    }
    let draft = Draft::new(path, &absolute)?;
    lay_out(path, &draft.0)?;
    give_name(&draft.0, &absolute)
        .map_err(|error| SqliteStoreError::from_io(path, "created", error))
}

/// A store in memory, for tests and for what need not last.
pub(super) fn in_memory(path: &Path) -> Result<Connection, SqliteStoreError> {
    let sqlite = |error| SqliteStoreError::from_sqlite(path, "created", error);
    let mut connection = Connection::open_in_memory().map_err(sqlite)?;
    configure(&connection).map_err(sqlite)?;
    schema::lay_out(&mut connection).map_err(sqlite)?;
    Ok(connection)
}

/// Relative paths are resolved once, and names like `:memory:` or `file:…` mean nothing special.
fn absolute(path: &Path) -> Result<PathBuf, SqliteStoreError> {
    std::path::absolute(path).map_err(|error| SqliteStoreError::from_io(path, "found", error))
}

/// Looks at the file's header only, and leaves no trace: no lock, no log, no recovery.
///
/// SQLite does the looking. Had we opened and closed the file ourselves, the operating system
/// would have dropped every lock that another connection of this process has on it.
fn probe(path: &Path, absolute: &Path) -> Result<(), SqliteStoreError> {
    let sqlite = |error| SqliteStoreError::from_sqlite(path, "read", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(immutable_uri(absolute), flags)
        .map_err(|error| cannot_open(path, error))?;
    // Another process may be lengthening the file right now: its header then names more pages
    // than it has, which counts as damage unless SQLite is told to look all the same.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, true).map_err(sqlite)?;
    schema::recognise(&connection, path)
}

/// Opens the file for reading and writing.
fn connect(path: &Path, absolute: &Path) -> Result<Connection, SqliteStoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(absolute, flags).map_err(|error| cannot_open(path, error))?;
    // Where the file may not be written to, SQLite silently opens it for reading.
    match connection.is_readonly(MAIN_DB) {
        Ok(false) => Ok(connection),
        Ok(true) => Err(SqliteStoreError::ReadOnly { path: path.to_owned() }),
        Err(error) => Err(SqliteStoreError::from_sqlite(path, "opened", error)),
    }
}

/// Makes the connection ready for work; what a killed process left in the log is recovered here.
fn set_up(
    connection: &Connection,
    path: &Path,
    patience: Duration,
) -> Result<(), SqliteStoreError> {
    connection.busy_timeout(patience).and_then(|()| configure(connection)).map_err(|error| {
        match error.sqlite_error_code() {
            // The file itself is open, so it is the log that could not be.
            Some(ErrorCode::CannotOpen) => {
                SqliteStoreError::ReadOnlyDirectory { path: path.to_owned() }
            }
            _ => SqliteStoreError::from_sqlite(path, "opened", error),
        }
    })
}

/// What every connection that writes is set to.
fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // A file from elsewhere may not make SQLite run what its schema says.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What was acknowledged survives a loss of power too, on macOS included.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "journal_mode", "WAL")
}

fn hold_checkpoints(
    connection: &Connection,
    path: &Path,
    hold: bool,
) -> Result<(), SqliteStoreError> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, hold)
        .map(drop)
        .map_err(|error| SqliteStoreError::from_sqlite(path, "opened", error))
}

/// That a file which is there cannot be opened is a matter of permissions.
fn cannot_open(path: &Path, error: rusqlite::Error) -> SqliteStoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => SqliteStoreError::PermissionDenied { path: path.to_owned() },
        _ => SqliteStoreError::from_sqlite(path, "opened", error),
    }
}

/// The `file:` URI of a path that asks SQLite to touch nothing.
fn immutable_uri(absolute: &Path) -> String {
    let mut uri = String::from("file://");
    let path = absolute.as_os_str().as_encoded_bytes();
    if !path.starts_with(b"/") {
        uri.push('/');
    }
    for &byte in path {
        match byte {
            b'\\' if cfg!(windows) => uri.push('/'),
            b'/' | b':' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            // Writing to a string does not fail.
            _ => drop(write!(uri, "%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

/// Lays out an empty store in the draft, down to the disk.
fn lay_out(path: &Path, draft: &Path) -> Result<(), SqliteStoreError> {
    let sqlite = |error| SqliteStoreError::from_sqlite(path, "created", error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(draft, flags).map_err(sqlite)?;
    configure(&connection).map_err(sqlite)?;
    schema::lay_out(&mut connection).map_err(sqlite)?;
    // Closing the only connection moves the log into the file and removes the log.
    connection.close().map_err(|(_, error)| sqlite(error))
}

/// Gives the finished draft its name, unless that is taken.
fn give_name(draft: &Path, absolute: &Path) -> io::Result<()> {
    match fs::hard_link(draft, absolute) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Some file systems know no links.
        Err(_) => copy(draft, absolute)?,
    }
    sync_directory(absolute);
    Ok(())
}

/// The second best way: a kill in the midst of it leaves a file that is no store.
fn copy(draft: &Path, absolute: &Path) -> io::Result<()> {
    let content = fs::read(draft)?;
    let mut file = new_private_file(absolute)?;
    file.write_all(&content)?;
    file.sync_all()
}

/// Makes the new name itself last, where the system lets us.
fn sync_directory(absolute: &Path) {
    #[cfg(unix)]
    if let Some(directory) = absolute.parent() {
        // Not every file system can; like SQLite we then take what it gives.
        let _ = fs::File::open(directory).and_then(|directory| directory.sync_all());
    }
    #[cfg(not(unix))]
    let _ = absolute;
}

/// Creates a file that only its owner may read; SQLite gives its log the same mode.
fn new_private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether the name is taken, be it by a link that leads nowhere.
fn is_there(path: &PathBuf) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The path with something added to the file's name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A store in the making, under a name of its own; it is removed in the end, come what may.
struct Draft(PathBuf);

impl Draft {
    fn new(path: &Path, absolute: &Path) -> Result<Self, SqliteStoreError> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let (process, serial) = (std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let draft = beside(absolute, &format!(".new-{process}-{serial}"));
        match new_private_file(&draft) {
            Ok(_) => Ok(Self(draft)),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound => {
                    SqliteStoreError::MissingDirectory { path: path.to_owned() }
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    SqliteStoreError::ReadOnlyDirectory { path: path.to_owned() }
                }
                _ => SqliteStoreError::from_io(path, "created", error),
            }),
        }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for suffix in COMPANIONS.into_iter().chain([""]) {
            // What is not there need not be removed; what cannot be is small and harmless.
            let _ = fs::remove_file(beside(&self.0, suffix));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::database::Database;
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn waiting_for_another_process_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        create(&path).unwrap();
        let connection = open(&path, Duration::from_millis(50)).unwrap();
        let mut database = Database { connection, path: path.clone() };
        let auth_data = serde_json::value::RawValue::NULL;

        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = database.create_version("a", auth_data).unwrap_err();
        assert!(matches!(&error, StoreError::Store(SqliteStoreError::Busy { .. })), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()));
        assert!(database.current_version().unwrap().is_none(), "reading goes on meanwhile");

        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(database.create_version("a", auth_data).unwrap().as_str(), "1");
    }

    /// What makes an acknowledgement last.
    #[test]
    fn connections_are_configured() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        create(&path).unwrap();
        let connection = open(&path, Duration::ZERO).unwrap();
        let setting = |name: &str| -> i64 {
            connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
        };
        assert_eq!(setting("synchronous"), 2, "FULL");
        assert_eq!(setting("fullfsync"), 1);
        assert_eq!(setting("foreign_keys"), 1);
        assert_eq!(setting("trusted_schema"), 0);
        let journal_mode: String =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(journal_mode, "wal");
    }

    /// Where links are unknown the draft is copied, and still replaces nothing.
    #[test]
    fn without_links() {
        let directory = tempfile::tempdir().unwrap();
        let (draft, path) = (directory.path().join("draft"), directory.path().join("store"));
        create(&draft).unwrap();
        copy(&draft, &path).unwrap();
        assert!(open(&path, Duration::ZERO).is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        }
        fs::write(&path, "something else").unwrap();
        let error = copy(&draft, &path).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"something else");
    }

    #[test]
    fn a_draft_that_came_too_late_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        {
            let draft = Draft::new(&path, &path).unwrap();
            lay_out(&path, &draft.0).unwrap();
            // Another process is faster.
            fs::write(&path, "something else").unwrap();
            let error = give_name(&draft.0, &path).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read(&path).unwrap(), b"something else");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn uris_mean_the_path_and_nothing_else() {
        let uri = immutable_uri(Path::new("/a b/%41?x=é#y"));
        assert_eq!(uri, "file:///a%20b/%2541%3Fx%3D%C3%A9%23y?immutable=1");
    }
}
