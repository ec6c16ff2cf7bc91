//! `accounts.json`: whole accounts, and what a client gets out of each session. The part that
//! leads from account data to the decryption key needs secret storage.

use anyhow::{Context as _, Result, bail, ensure};
use matrix_key_backup::{BackedUpSession, EntryReader, RejectClass, RejectedKey};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{AuthData, BackupAlgorithm};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::room_keys_body::RoomKeys;
use crate::vectors::case::{self, Cases, equal, equal_json, understand};
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    scenarios: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Scenario<'a> {
    id: String,
    algorithm: String,
    decryption_key: String,
    backup_recovery_key: String,
    backup_mac_key: String,
    #[serde(borrow)]
    version_info: VersionInfo<'a>,
    #[serde(borrow)]
    room_keys: RoomKeys<'a>,
    #[serde(borrow)]
    expected: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct VersionInfo<'a> {
    algorithm: String,
    #[serde(borrow)]
    auth_data: &'a RawValue,
}

#[derive(Debug, Deserialize)]
struct Expectation<'a> {
    room_id: String,
    session_id: String,
    kind: String,
    /// What to do, or a sentence that leaves a choice.
    action: String,
    authenticated: Authenticated,
    /// As written in the plaintext.
    unauthenticated: Option<String>,
    #[serde(borrow)]
    plaintext: &'a RawValue,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Authenticated {
    Says(bool),
    LeavesOpen(May),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum May {
    /// A v1 backup with a valid MAC: ours does not (H-3).
    May,
}

/// What ours does.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    Import,
    /// Not decrypted (V2-6).
    Ignore,
    /// It decrypts to nothing that is a key.
    Unusable,
    /// The key is that of another session (B-1).
    Refuse,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { scenarios } = serde_json::from_str(text)?;
    for (number, raw) in scenarios.iter().enumerate() {
        match understand::<Scenario<'_>>(raw) {
            Ok(scenario) => check_scenario(report, file, &scenario),
            Err(why) => report.fail(file, &format!("scenarios[{number}]"), &why),
        }
    }
    Ok(())
}

fn check_scenario(report: &mut Report, file: &str, scenario: &Scenario<'_>) {
    let id = &scenario.id;
    report.skip(&format!("{file}: {id}: account data"), "secret storage is not built yet");
    case::run(report, file, &format!("{id}: keys"), || check_keys(scenario));
    case::run(report, file, &format!("{id}: number of sessions"), || {
        equal("the number of sessions", scenario.expected.len(), scenario.room_keys.len())
    });
    let reader = || -> Result<EntryReader> {
        let key = BackupDecryptionKey::from_base64(&scenario.decryption_key)?;
        Ok(EntryReader::new(BackupReader::new(key), scenario.algorithm.parse()?, None))
    };
    for (number, raw) in scenario.expected.iter().enumerate() {
        case::run(report, file, &format!("{id}: expected[{number}]"), || {
            let expectation: Expectation<'_> = understand(raw)?;
            let entry = scenario.room_keys.entry(&expectation.room_id, &expectation.session_id)?;
            let algorithm = scenario.algorithm.parse()?;
            expectation.check(reader()?.read(entry), algorithm).context(expectation.kind)
        });
    }
}

fn check_keys(scenario: &Scenario<'_>) -> Result<()> {
    let key = BackupDecryptionKey::from_base64(&scenario.decryption_key)?;
    equal("backup_recovery_key", &**key.expose_base58(), &*scenario.backup_recovery_key)?;
    equal("backup_mac_key", &**key.mac_key().expose_base64(), &*scenario.backup_mac_key)?;
    let auth_data = AuthData::parse(scenario.version_info.auth_data.get())?;
    equal("public_key", *auth_data.public_key(), key.public_key())?;
    equal("version_info.algorithm", &scenario.version_info.algorithm, &scenario.algorithm)
}

impl Expectation<'_> {
    fn check(
        &self,
        ours: Result<BackedUpSession, RejectedKey>,
        algorithm: BackupAlgorithm,
    ) -> Result<()> {
        let action = match &ours {
            Ok(_) => Action::Import,
            Err(rejected) => match rejected.reason.class() {
                RejectClass::Forged => Action::Ignore,
                RejectClass::Misplaced => Action::Refuse,
                RejectClass::Unreadable => Action::Unusable,
                _ => bail!("{rejected}"),
            },
        };
        equal("the action", action, self.action(algorithm)?)?;
        ours.map_or(Ok(()), |session| self.check_import(&session, algorithm))
    }

    /// A sentence that leaves a choice is decided by what was done to the entry.
    fn action(&self, algorithm: BackupAlgorithm) -> Result<Action> {
        Ok(match (self.action.as_str(), algorithm, self.kind.as_str()) {
            ("import" | "import unauthenticated", ..) => Action::Import,
            ("ignore", ..) => Action::Ignore,
            // H-2: a MAC that is there and wrong counts as absent.
            (_, BackupAlgorithm::V1, "badmac") => Action::Import,
            (_, BackupAlgorithm::V1, "flip") => Action::Unusable,
            (_, _, "wrongsession") => Action::Refuse,
            (action, _, kind) => {
                bail!("this case is not understood: the action {action:?} for the kind {kind:?}")
            }
        })
    }

    fn check_import(&self, session: &BackedUpSession, algorithm: BackupAlgorithm) -> Result<()> {
        let authenticated = match self.authenticated {
            Authenticated::Says(authenticated) => authenticated,
            Authenticated::LeavesOpen(May::May) => {
                ensure!(algorithm == BackupAlgorithm::V1, "`may` is for v1 alone");
                false
            }
        };
        let provenance = session.provenance();
        equal("authenticated", provenance.is_authenticated(), authenticated)?;
        let written = provenance.unauthenticated_source().map(|source| source.as_written());
        match algorithm {
            // V1-6: whatever the plaintext says.
            BackupAlgorithm::V1 => equal("unauthenticated", written, Some("m.legacy-v1"))?,
            BackupAlgorithm::V2(_) => {
                equal("unauthenticated", written, self.unauthenticated.as_deref())?;
            }
        }
        equal_json("the room key", &session.data().to_json(), self.plaintext.get())
    }
}
