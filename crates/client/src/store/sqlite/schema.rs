//! How a store is laid out in a file, and how one of ours is told from all other files.

use std::path::Path;

use rusqlite::Connection;

use super::error::SqliteStoreError;

/// Our mark in the file's header: `MKBk` in ASCII.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"MKBk");

/// The format that this version reads and writes.
pub(super) const FORMAT: i32 = 1;

/// The tables.
///
/// `AUTOINCREMENT` is what keeps the number of a deleted version from being used again. Metadata
/// is `u64` on the wire and stored with the same 64 bits; comparing it is left to Rust.
const TABLES: [(&str, &str); 2] = [
    (
        "versions",
        "CREATE TABLE versions (
            version INTEGER PRIMARY KEY AUTOINCREMENT,
            algorithm TEXT NOT NULL,
            auth_data TEXT NOT NULL,
            etag INTEGER NOT NULL,
            count INTEGER NOT NULL CHECK (count >= 0)
        ) STRICT",
    ),
    (
        "keys",
        "CREATE TABLE keys (
            version INTEGER NOT NULL REFERENCES versions (version) ON DELETE CASCADE,
            room_id TEXT NOT NULL CHECK (room_id <> ''),
            session_id TEXT NOT NULL CHECK (session_id <> ''),
            first_message_index INTEGER NOT NULL,
            forwarded_count INTEGER NOT NULL,
            is_verified INTEGER NOT NULL CHECK (is_verified IN (0, 1)),
            session_data TEXT NOT NULL,
            PRIMARY KEY (version, room_id, session_id)
        ) STRICT",
    ),
];

/// Lays out an empty store in an empty database.
pub(super) fn lay_out(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for (_, statement) in TABLES {
        transaction.execute_batch(statement)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// Checks the mark and the format, which takes the first page of the file and no more.
pub(super) fn recognise(connection: &Connection, path: &Path) -> Result<(), SqliteStoreError> {
    let header = |name: &str| -> Result<i32, SqliteStoreError> {
        connection
            .pragma_query_value(None, name, |row| row.get(0))
            .map_err(|error| SqliteStoreError::from_sqlite(path, "read", error))
    };
    let application_id = header("application_id")?;
    if application_id != APPLICATION_ID {
        return Err(SqliteStoreError::OtherProgram { path: path.to_owned(), application_id });
    }
    match header("user_version")? {
        FORMAT => Ok(()),
        found if found > FORMAT => {
            Err(SqliteStoreError::NewerFormat { path: path.to_owned(), found })
        }
        found => Err(damaged(path, format!("there never was a format {found}"))),
    }
}

/// Checks that the tables are ours and that there is nothing else: no trigger, no view.
pub(super) fn check_tables(connection: &Connection, path: &Path) -> Result<(), SqliteStoreError> {
    let found = definitions(connection)
        .map_err(|error| SqliteStoreError::from_sqlite(path, "read", error))?;
    for (name, statement) in &found {
        if !TABLES.contains(&(name.as_str(), statement.as_str())) {
            return Err(damaged(path, format!("`{name}` is not as it was laid out")));
        }
    }
    if found.len() == TABLES.len() {
        Ok(())
    } else {
        Err(damaged(path, "a table is missing".to_owned()))
    }
}

/// The name and definition of all that has one. Of SQLite's own things, whose names are no guide
/// because a file can give them to anything, only its table of used numbers does.
fn definitions(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    connection
        .prepare(
            "SELECT name, sql FROM sqlite_schema
             WHERE sql IS NOT NULL AND NOT (name = 'sqlite_sequence' AND type = 'table')",
        )?
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn damaged(path: &Path, detail: String) -> SqliteStoreError {
    SqliteStoreError::Damaged { path: path.to_owned(), detail }
}
