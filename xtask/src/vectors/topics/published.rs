//! `published.json`: MACs that other implementers of MSC4048 have published (V2-4).

use anyhow::{Result, bail, ensure};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::UnverifiedSessionData;
use matrix_key_backup_wire::{BackupAlgorithm, Names, ReceivedSessionData};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::vectors::case::{self, Cases, Expected, equal, equal_if_given, judge};
use crate::vectors::hex;
use crate::vectors::intermediates::Intermediates;
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    vectors: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Vector<'a> {
    decryption_key: String,
    #[serde(borrow)]
    session_data: &'a RawValue,
    backup_mac_key_hex: String,
    /// Of the MAC that stands in `session_data`.
    expected_by_publisher: Option<Expected>,
    /// Where none stands there.
    expected_backup_mac: Option<String>,
    canonical_json: Option<String>,
    plaintext: Option<String>,
    intermediates: Option<Intermediates>,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { vectors } = serde_json::from_str(text)?;
    case::run_each(report, file, "vectors", &vectors, check_vector);
    Ok(())
}

fn check_vector(vector: &Vector<'_>) -> Result<()> {
    let key = BackupDecryptionKey::from_base64(&vector.decryption_key)?;
    let mac_key = key.mac_key();
    equal("backup_mac_key_hex", hex::encode(mac_key.expose_bytes()), &*vector.backup_mac_key_hex)?;
    let session_data = vector.session_data.get();
    let signable = ReceivedSessionData::parse(session_data)?.signable()?;
    equal_if_given("canonical_json", &signable, vector.canonical_json.as_deref())?;
    match (vector.expected_by_publisher, &vector.expected_backup_mac) {
        (Some(expected), None) => {
            // The MAC is the same in a backup of any algorithm.
            let algorithm = BackupAlgorithm::V2(Names::Unstable);
            let unverified = UnverifiedSessionData::parse(session_data, algorithm)?;
            judge(expected, unverified.verify(&mac_key).map(drop))?;
        }
        (None, Some(mac)) => {
            equal("expected_backup_mac", mac_key.mac(signable.as_bytes()).to_base64(), &**mac)?;
        }
        _ => bail!("this case is not understood: it has no expectation, or two"),
    }
    if let Some(intermediates) = &vector.intermediates {
        intermediates.check(&key, session_data)?;
    }
    if let Some(plaintext) = &vector.plaintext {
        let decrypted =
            vector.intermediates.as_ref().and_then(|known| known.plaintext_hex.as_deref());
        ensure!(decrypted == Some(&*hex::encode(plaintext.as_bytes())), "plaintext differs");
    }
    Ok(())
}
