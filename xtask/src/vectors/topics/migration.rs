//! `migration.json`: what becomes of an entry when its backup is migrated (M-1 to M-3).

use anyhow::{Context as _, Result, bail, ensure};
use matrix_key_backup::EntryReader;
use matrix_key_backup::migration::{MigratedEntry, Migration, MigrationAction, NotMigrated};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::{BackupReader, BindError, UnverifiedSessionData, VerifyError};
use matrix_key_backup_wire::{BackupAlgorithm, Names, SessionId};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::vectors::case::{self, Cases, equal, equal_json};
use crate::vectors::report::Report;
use crate::vectors::rng::SeededRng;
use crate::vectors::walk;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    vectors: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Vector<'a> {
    old_algorithm: String,
    new_algorithm: String,
    old_decryption_key: String,
    new_decryption_key: String,
    same_decryption_key: bool,
    /// Exactly as it stands.
    old_session_data_raw: String,
    old_plaintext: Option<String>,
    old_backup_mac_status: MacStatus,
    #[serde(borrow)]
    expected: Expected<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MacStatus {
    Valid,
    Missing,
    Malformed,
    Wrong,
}

#[derive(Debug, Deserialize)]
struct Expected<'a> {
    action: Action,
    /// The value in the new plaintext; absent there where it is null here.
    unauthenticated: Option<String>,
    new_session_data_raw: Option<String>,
    example_new_plaintext: Option<String>,
    #[serde(borrow)]
    example_new_session_data: Option<&'a RawValue>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    /// The same entry, up to the name of its MAC.
    Unchanged,
    /// A new one.
    Reencrypt,
    /// None.
    Drop,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { vectors } = serde_json::from_str(text)?;
    case::run_each(report, file, "vectors", &vectors, check_vector);
    Ok(())
}

fn check_vector(vector: &Vector<'_>) -> Result<()> {
    let backups = Backups::of(vector)?;
    equal("same_decryption_key", backups.same_key(), vector.same_decryption_key)?;
    equal("old_backup_mac_status", backups.mac_status(vector)?, vector.old_backup_mac_status)?;
    match (vector.expected.action, backups.migrate(&vector.old_session_data_raw)?) {
        (Action::Drop, Err(_)) => Ok(()),
        (Action::Drop, Ok(entry)) => bail!("expected drop, but it is {:?}", entry.action),
        (_, Err(why)) => bail!("it stays behind: {why}"),
        (action, Ok(entry)) => {
            if let Some(plaintext) = &vector.old_plaintext {
                backups.check_old(&vector.old_session_data_raw, plaintext)?;
            }
            match action {
                Action::Unchanged => vector.expected.check_unchanged(&entry),
                _ => vector.expected.check_reencrypted(&backups, &entry),
            }
        }
    }
}

impl Expected<'_> {
    fn check_unchanged(&self, entry: &MigratedEntry) -> Result<()> {
        let kept = matches!(entry.action, MigrationAction::Unchanged | MigrationAction::MacRenamed);
        ensure!(kept, "expected unchanged, but it is {:?}", entry.action);
        let expected = given("new_session_data_raw", self.new_session_data_raw.as_deref())?;
        equal_json("the new entry", &entry.session_data, expected)
    }

    fn check_reencrypted(&self, backups: &Backups, entry: &MigratedEntry) -> Result<()> {
        equal("the action", entry.action, MigrationAction::Reencrypted)?;
        let plaintext = given("example_new_plaintext", self.example_new_plaintext.as_deref())?;
        let example = given("example_new_session_data", self.example_new_session_data)?.get();
        for new in [example, &entry.session_data] {
            backups.check_new(new, plaintext, self.unauthenticated.as_deref())?;
        }
        equal("the other cleartext", cleartext(&entry.session_data)?, cleartext(example)?)
    }
}

fn given<T>(what: &str, value: Option<T>) -> Result<T> {
    value.with_context(|| format!("this case is not understood: {what} is missing"))
}

/// The properties of an entry that are not made anew with every encryption.
fn cleartext(session_data: &str) -> Result<Map<String, Value>> {
    let mut members: Map<String, Value> = serde_json::from_str(session_data)?;
    for made_anew in ["ephemeral", "ciphertext", "unsigned"] {
        members.remove(made_anew).with_context(|| format!("`{made_anew}` is missing"))?;
    }
    Ok(members)
}

/// The two ends of a migration.
struct Backups {
    old: BackupReader,
    old_algorithm: BackupAlgorithm,
    new: BackupReader,
    names: Names,
}

impl Backups {
    fn of(vector: &Vector<'_>) -> Result<Self> {
        let reader = |key: &str| BackupDecryptionKey::from_base64(key).map(BackupReader::new);
        let new_algorithm: BackupAlgorithm = vector.new_algorithm.parse()?;
        Ok(Self {
            old: reader(&vector.old_decryption_key)?,
            old_algorithm: vector.old_algorithm.parse()?,
            new: reader(&vector.new_decryption_key)?,
            names: new_algorithm.names().context("the new backup is not of v2")?,
        })
    }

    fn same_key(&self) -> bool {
        self.old.decryption_key() == self.new.decryption_key()
    }

    fn mac_status(&self, vector: &Vector<'_>) -> Result<MacStatus> {
        let unverified =
            UnverifiedSessionData::parse(&vector.old_session_data_raw, self.old_algorithm)?;
        Ok(match unverified.verify(self.old.mac_key()) {
            Ok(_) => MacStatus::Valid,
            Err(VerifyError::Missing) => MacStatus::Missing,
            Err(VerifyError::Malformed { .. }) => MacStatus::Malformed,
            Err(VerifyError::Wrong { .. }) => MacStatus::Wrong,
            Err(other) => bail!("{other}"),
        })
    }

    /// Migrates an entry as if it had been found where it belongs, as [`walk::read`] reads it.
    fn migrate(&self, session_data: &str) -> Result<Result<MigratedEntry, NotMigrated>> {
        let writer = self.new.writer(self.names);
        let migration = Migration::new(self.old.clone(), self.old_algorithm, writer);
        let mut rng = SeededRng::new("migration");
        let misplaced = walk::place(SessionId::new(walk::NOWHERE)?)?;
        match migration.migrate(session_data, &misplaced, &mut rng) {
            Ok(_) => bail!("a key is migrated under a session id that it has not got (B-1)"),
            Err(NotMigrated::Misplaced(BindError::WrongSession { found }))
            | Err(NotMigrated::MisplacedV1(BindError::WrongSession { found })) => {
                Ok(migration.migrate(session_data, &walk::place(found)?, &mut rng))
            }
            other => Ok(other),
        }
    }

    fn check_old(&self, session_data: &str, plaintext: &str) -> Result<()> {
        let reader = EntryReader::new(self.old.clone(), self.old_algorithm, None);
        let session = walk::read(&reader, session_data)?.context("old_session_data_raw")?;
        equal_json("old_plaintext", &session.data().to_json(), plaintext)
    }

    fn check_new(
        &self,
        session_data: &str,
        plaintext: &str,
        unauthenticated: Option<&str>,
    ) -> Result<()> {
        let algorithm = BackupAlgorithm::V2(self.names);
        let reader = EntryReader::new(self.new.clone(), algorithm, None);
        let session = walk::read(&reader, session_data)?.context("the new entry")?;
        equal_json("the new plaintext", &session.data().to_json(), plaintext)?;
        let written = session.provenance().unauthenticated_source();
        equal("unauthenticated", written.map(|source| source.as_written()), unauthenticated)
    }
}
