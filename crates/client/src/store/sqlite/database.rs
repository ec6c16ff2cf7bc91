//! The open store: backup versions, and what all operations share.

use std::path::{Path, PathBuf};

use rusqlite::{
    Connection, OptionalExtension, Params, Row, Statement, Transaction, TransactionBehavior,
    named_params,
};
use serde_json::value::RawValue;

use super::error::SqliteStoreError;
use crate::store::{BackupVersion, PutOutcome, StoreError, VersionId};

/// What an operation on the database returns.
pub(super) type Outcome<T> = Result<T, StoreError<SqliteStoreError>>;

/// The connection, and the path to name in errors.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

/// A transaction on the database, and the path to name in errors.
pub(super) struct Operation<'a> {
    pub(super) transaction: Transaction<'a>,
    path: &'a Path,
    attempt: &'static str,
}

/// The row number of a version that exists.
#[derive(Clone, Copy)]
pub(super) struct VersionRow(pub(super) i64);

impl Database {
    /// Starts an operation that sees one state of the database throughout.
    pub(super) fn reading(&mut self) -> Outcome<Operation<'_>> {
        self.operation(TransactionBehavior::Deferred, "read")
    }

    /// Starts an operation that nothing else writes beside.
    pub(super) fn writing(&mut self) -> Outcome<Operation<'_>> {
        self.operation(TransactionBehavior::Immediate, "written to")
    }

    fn operation(
        &mut self,
        behavior: TransactionBehavior,
        attempt: &'static str,
    ) -> Outcome<Operation<'_>> {
        let Self { connection, path } = self;
        match connection.transaction_with_behavior(behavior) {
            Ok(transaction) => Ok(Operation { transaction, path, attempt }),
            Err(error) => {
                Err(StoreError::Store(SqliteStoreError::from_sqlite(path, attempt, error)))
            }
        }
    }

    /// Closes the file, and says whether that went well.
    pub(super) fn close(&mut self) -> Outcome<()> {
        // The connection is dropped with the worker's value; putting an empty one in its place
        // lets this one be closed here, where there is somebody to hear of a failure.
        let sqlite =
            |error| StoreError::Store(SqliteStoreError::from_sqlite(&self.path, "closed", error));
        let empty = Connection::open_in_memory().map_err(sqlite)?;
        let connection = std::mem::replace(&mut self.connection, empty);
        connection.close().map_err(|(_, error)| sqlite(error))
    }

    pub(super) fn current_version(&mut self) -> Outcome<Option<BackupVersion>> {
        let operation = self.reading()?;
        operation.one_version(
            "SELECT version, algorithm, auth_data, etag, count FROM versions
             ORDER BY version DESC LIMIT 1",
            (),
        )
    }

    pub(super) fn version(&mut self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        let Some(row) = row_number(version) else { return Ok(None) };
        let operation = self.reading()?;
        operation.one_version(
            "SELECT version, algorithm, auth_data, etag, count FROM versions
             WHERE version = :version",
            named_params! {":version": row},
        )
    }

    pub(super) fn versions(&mut self, limit: usize) -> Outcome<Vec<VersionId>> {
        let operation = self.reading()?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement =
            operation.prepare("SELECT version FROM versions ORDER BY version DESC LIMIT ?1")?;
        let rows = statement
            .query_map([limit], |row| row.get(0).map(|number: i64| number.to_string()))
            .map_err(|error| operation.failed(error))?;
        rows.map(|row| row.map(VersionId::new).map_err(|error| operation.failed(error))).collect()
    }

    pub(super) fn create_version(
        &mut self,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<VersionId> {
        let operation = self.writing()?;
        operation.execute(
            "INSERT INTO versions (algorithm, auth_data, etag, count)
             VALUES (:algorithm, :auth_data, 0, 0)",
            named_params! {":algorithm": algorithm, ":auth_data": auth_data.get()},
        )?;
        let row = operation.transaction.last_insert_rowid();
        operation.commit()?;
        Ok(VersionId::new(row.to_string()))
    }

    pub(super) fn update_auth_data(
        &mut self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        let operation = self.writing()?;
        let row = operation.existing(version)?;
        let changed = operation.execute(
            "UPDATE versions SET auth_data = :auth_data
             WHERE version = :version AND algorithm = :algorithm",
            named_params! {
                ":version": row.0, ":algorithm": algorithm, ":auth_data": auth_data.get(),
            },
        )?;
        if changed == 0 {
            return Err(StoreError::OtherAlgorithm {
                version: version.clone(),
                algorithm: algorithm.to_owned(),
            });
        }
        operation.commit()
    }

    pub(super) fn delete_version(&mut self, version: &VersionId) -> Outcome<bool> {
        let Some(row) = row_number(version) else { return Ok(false) };
        let operation = self.writing()?;
        // Its keys go with it.
        let deleted = operation.execute(
            "DELETE FROM versions WHERE version = :version",
            named_params! {":version": row},
        )?;
        operation.commit()?;
        Ok(deleted > 0)
    }
}

impl Operation<'_> {
    /// What SQLite says, as an error of this operation.
    pub(super) fn failed(&self, error: rusqlite::Error) -> StoreError<SqliteStoreError> {
        StoreError::Store(SqliteStoreError::from_sqlite(self.path, self.attempt, error))
    }

    /// Says that the file holds what we did not write.
    pub(super) fn damaged(&self, detail: String) -> StoreError<SqliteStoreError> {
        StoreError::Store(SqliteStoreError::Damaged { path: self.path.to_owned(), detail })
    }

    pub(super) fn prepare(&self, query: &str) -> Outcome<Statement<'_>> {
        self.transaction.prepare(query).map_err(|error| self.failed(error))
    }

    pub(super) fn execute(&self, statement: &str, parameters: impl Params) -> Outcome<usize> {
        self.transaction.execute(statement, parameters).map_err(|error| self.failed(error))
    }

    pub(super) fn commit(self) -> Outcome<()> {
        let Self { transaction, path, attempt } = self;
        transaction
            .commit()
            .map_err(|error| StoreError::Store(SqliteStoreError::from_sqlite(path, attempt, error)))
    }

    /// The row of a version, which must exist.
    pub(super) fn existing(&self, version: &VersionId) -> Outcome<VersionRow> {
        let found = match row_number(version) {
            Some(row) => self
                .transaction
                .query_row("SELECT version FROM versions WHERE version = ?1", [row], |row| {
                    row.get(0).map(VersionRow)
                })
                .optional()
                .map_err(|error| self.failed(error))?,
            None => None,
        };
        found.ok_or_else(|| StoreError::NoSuchVersion { version: version.clone() })
    }

    /// The row of a version, which must be the newest.
    pub(super) fn writable(&self, version: &VersionId) -> Outcome<VersionRow> {
        let row = self.existing(version)?;
        let newest: i64 = self
            .transaction
            .query_row("SELECT max(version) FROM versions", (), |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        if row.0 == newest {
            return Ok(row);
        }
        Err(StoreError::WrongVersion {
            version: version.clone(),
            current: Some(VersionId::new(newest.to_string())),
        })
    }

    /// Books a change of a version's keys, if there was one, and says how the version stands.
    pub(super) fn book(&self, row: VersionRow, changed: bool, more: i64) -> Outcome<PutOutcome> {
        if changed {
            self.execute(
                "UPDATE versions SET etag = etag + 1, count = count + :more
                 WHERE version = :version",
                named_params! {":version": row.0, ":more": more},
            )?;
        }
        self.transaction
            .query_row("SELECT etag, count FROM versions WHERE version = ?1", [row.0], |row| {
                let (etag, count): (i64, i64) = (row.get(0)?, row.get(1)?);
                Ok(PutOutcome {
                    etag: etag.to_string(),
                    count: count.cast_unsigned(),
                    unwritten: Vec::new(),
                })
            })
            .map_err(|error| self.failed(error))
    }

    fn one_version(&self, query: &str, parameters: impl Params) -> Outcome<Option<BackupVersion>> {
        self.transaction
            .query_row(query, parameters, |row| Ok(self.backup_version(row)))
            .optional()
            .map_err(|error| self.failed(error))?
            .transpose()
    }

    fn backup_version(&self, row: &Row<'_>) -> Outcome<BackupVersion> {
        let failed = |error| self.failed(error);
        let version: i64 = row.get(0).map_err(failed)?;
        let auth_data: String = row.get(2).map_err(failed)?;
        Ok(BackupVersion {
            version: VersionId::new(version.to_string()),
            algorithm: row.get(1).map_err(failed)?,
            auth_data: RawValue::from_string(auth_data).map_err(|_| {
                self.damaged(format!("the `auth_data` of version {version} is not JSON"))
            })?,
            etag: row.get::<_, i64>(3).map_err(failed)?.to_string(),
            count: row.get::<_, i64>(4).map_err(failed)?.cast_unsigned(),
        })
    }
}

/// The number that a version has in this store, if it is one of its names at all.
fn row_number(version: &VersionId) -> Option<i64> {
    let number: i64 = version.as_str().parse().ok()?;
    // `01` and `+1` are other names than `1`, and nobody's.
    (number.to_string() == version.as_str()).then_some(number)
}
