//! `session_data_v2.json`: entries of v2 backups, and v2-format entries in v1 backups, good and
//! bad. The `ours` of each case decides.

use anyhow::{Context as _, Result, ensure};
use matrix_key_backup::{BackedUpSession, EntryReader, RejectReason};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::BackupAlgorithm;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::vectors::case::{self, Cases, equal, equal_if_given, equal_json};
use crate::vectors::intermediates::Intermediates;
use crate::vectors::report::Report;
use crate::vectors::{hex, walk};

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    vectors: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Vector {
    backup_algorithm: String,
    decryption_key: String,
    /// Exactly as it stands.
    session_data_raw: String,
    ephemeral_private_hex: Option<String>,
    plaintext: Option<String>,
    plaintext_sha256: Option<String>,
    intermediates: Intermediates,
    ours: Ours,
}

#[derive(Debug, Deserialize)]
struct Ours {
    outcome: Outcome,
    authenticated: Option<bool>,
    /// What it counts as (V2-9).
    unauthenticated: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Import,
    /// Before any decryption: ignored or malformed.
    Rejected,
    /// The MAC is valid, and nothing inside can be imported.
    Unusable,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { vectors } = serde_json::from_str(text)?;
    case::run_each(report, file, "vectors", &vectors, check_vector);
    Ok(())
}

fn check_vector(vector: &Vector) -> Result<()> {
    let algorithm: BackupAlgorithm = vector.backup_algorithm.parse()?;
    let key = BackupDecryptionKey::from_base64(&vector.decryption_key)?;
    vector.intermediates.check(&key, &vector.session_data_raw)?;
    if let Some(private) = &vector.ephemeral_private_hex {
        vector.intermediates.check_sender(private)?;
    }
    let reader = EntryReader::new(BackupReader::new(key), algorithm, None);
    match walk::read(&reader, &vector.session_data_raw)? {
        Ok(session) => {
            vector.ours.check_import(&session)?;
            vector.check_plaintext(&session)
        }
        Err(reason) => vector.ours.check_refusal(&reason),
    }
}

impl Vector {
    /// The plaintext stands in the file, or only its digest where it is long.
    fn check_plaintext(&self, session: &BackedUpSession) -> Result<()> {
        let ours = session.data().to_json();
        if let Some(plaintext) = &self.plaintext {
            let digest = hex::encode(&Sha256::digest(plaintext.as_bytes()));
            equal_if_given("plaintext_sha256", &digest, self.plaintext_sha256.as_deref())?;
            return equal_json("the room key", &ours, plaintext);
        }
        let decrypted = self.intermediates.plaintext_hex.as_deref();
        let decrypted = decrypted.context("this case is not understood: there is no plaintext")?;
        if let Some(digest) = decrypted.strip_prefix("sha256:") {
            return equal_if_given("plaintext_sha256", digest, self.plaintext_sha256.as_deref());
        }
        equal_json("the room key", &ours, &String::from_utf8(hex::decode(decrypted)?)?)
    }
}

impl Ours {
    fn check_import(&self, session: &BackedUpSession) -> Result<()> {
        equal("outcome", Outcome::Import, self.outcome)?;
        let source = session.provenance().unauthenticated_source();
        let unauthenticated = source.map(|source| source.effective());
        equal("unauthenticated", unauthenticated, self.unauthenticated.as_deref())?;
        let authenticated = self.authenticated.context("ours.authenticated is null")?;
        equal("authenticated", session.provenance().is_authenticated(), authenticated)
    }

    fn check_refusal(&self, reason: &RejectReason) -> Result<()> {
        let as_expected = match reason {
            RejectReason::MalformedSessionData(_) | RejectReason::NotVerified(_) => {
                self.outcome == Outcome::Rejected
            }
            RejectReason::Unusable(_) => self.outcome == Outcome::Unusable,
            // The error of v1 does not tell a wrong `mac` from a failed decryption, on purpose.
            RejectReason::UnusableV1(_) => self.outcome != Outcome::Import,
            // Never right: each was read where it belongs.
            _ => false,
        };
        ensure!(as_expected, "expected {:?}, but: {reason}", self.outcome);
        ensure!(
            self.authenticated.is_none() && self.unauthenticated.is_none(),
            "this case is not understood: a refused key has no provenance"
        );
        Ok(())
    }
}
