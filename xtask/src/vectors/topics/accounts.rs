//! `accounts.json`: whole accounts. From account data, by way of secret storage, to the decryption
//! key; and with that to what a client gets out of each session.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use matrix_key_backup::{BackedUpSession, EntryReader, RejectClass, RejectedKey};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_secret_storage::{
    AccountData, KeyCheck, OpenedKey, Passphrase, SecretStorageKey,
};
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, DECRYPTION_KEY_SECRET, Names};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::room_keys_body::RoomKeys;
use crate::vectors::case::{self, Cases, equal, equal_json, understand};
use crate::vectors::hex;
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
    /// Under which name the MAC key is stored, where it is.
    names: MacSecretNames,
    ssss_passphrase: Option<String>,
    ssss_key_hex: String,
    ssss_recovery_key: String,
    account_data: AccountData,
    decryption_key: String,
    backup_recovery_key: String,
    backup_mac_key: String,
    #[serde(borrow)]
    version_info: VersionInfo<'a>,
    #[serde(borrow)]
    room_keys: RoomKeys<'a>,
    #[serde(borrow)]
    expected: Cases<'a>,
    /// How many of `expected` are of which kind.
    kind_counts: BTreeMap<String, usize>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MacSecretNames {
    Stable,
    Unstable,
}

#[derive(Debug, Deserialize)]
struct VersionInfo<'a> {
    algorithm: String,
    #[serde(borrow)]
    auth_data: &'a RawValue,
    count: usize,
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
    let mut unlocked = None;
    case::run(report, file, &format!("{id}: account data"), || {
        unlocked = Some(unlock(scenario)?);
        Ok(())
    });
    case::run(report, file, &format!("{id}: keys"), || check_keys(scenario));
    case::run(report, file, &format!("{id}: number of sessions"), || check_numbers(scenario));
    let reader = || -> Result<EntryReader> {
        let key = unlocked.clone().context("account data gave no decryption key")?;
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

/// From account data to the decryption key, in every way that there is to it.
fn unlock(scenario: &Scenario<'_>) -> Result<BackupDecryptionKey> {
    let described = scenario.account_data.default_key()?;
    let typed = SecretStorageKey::from_base58(&scenario.ssss_recovery_key)?;
    equal("ssss_key_hex", hex::encode(typed.expose_bytes()), &*scenario.ssss_key_hex)?;
    let key = unlock_with(scenario, &described.open(typed)?)?;
    if let Some(passphrase) = &scenario.ssss_passphrase {
        let opened = described.open_with_passphrase(&Passphrase::new(passphrase.clone()))?;
        ensure!(unlock_with(scenario, &opened)? == key, "the passphrase gives another key");
    }
    Ok(key)
}

fn unlock_with(scenario: &Scenario<'_>, opened: &OpenedKey) -> Result<BackupDecryptionKey> {
    equal("the key check", opened.check(), KeyCheck::Fits)?;
    let auth_data = AuthData::parse(scenario.version_info.auth_data.get())?;
    let secret = scenario.account_data.secret(DECRYPTION_KEY_SECRET)?;
    let stored = opened.decrypt(DECRYPTION_KEY_SECRET, &secret)?.into_decryption_key()?;
    let key = stored.check(&auth_data)?;
    equal("decryption_key", &**key.expose_base64(), &*scenario.decryption_key)?;
    // S-5: it is not used, and yet it should be right.
    for names in Names::ALL {
        let Ok(secret) = scenario.account_data.secret(names.mac_secret()) else { continue };
        equal("the names of the MAC key", names, scenario.names.into())?;
        let stored = opened.decrypt(names.mac_secret(), &secret)?;
        equal("backup_mac_key", stored.expose_text()?, &*scenario.backup_mac_key)?;
    }
    Ok(key)
}

impl From<MacSecretNames> for Names {
    fn from(names: MacSecretNames) -> Self {
        match names {
            MacSecretNames::Stable => Self::Stable,
            MacSecretNames::Unstable => Self::Unstable,
        }
    }
}

fn check_numbers(scenario: &Scenario<'_>) -> Result<()> {
    let number = scenario.room_keys.len();
    equal("the number of sessions", scenario.expected.len(), number)?;
    equal("version_info.count", scenario.version_info.count, number)?;
    let mut kinds = BTreeMap::new();
    for raw in &scenario.expected {
        *kinds.entry(understand::<Expectation<'_>>(raw)?.kind).or_default() += 1;
    }
    equal("kind_counts", &kinds, &scenario.kind_counts)
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
