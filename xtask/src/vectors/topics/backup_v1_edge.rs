//! `backup_v1_edge.json`: v1 messages out of form. `expected` is about the bytes; whether they
//! are then a room key is for the walk, which must agree wherever the bytes already decide.

use anyhow::{Result, ensure};
use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_v1::ReceivedKey;
use matrix_key_backup_wire::BackedUpSessionData;
use serde::Deserialize;
use serde_json::json;

use super::backup_v1::RawMessage;
use crate::vectors::case::{self, Cases, Expected, equal, judge};
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    cases: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Case {
    private: String,
    ephemeral: String,
    mac: String,
    ciphertext: String,
    /// What was encrypted, before anything was damaged.
    original_plaintext_base64: String,
    expected: Expected,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { cases } = serde_json::from_str(text)?;
    case::run_each(report, file, "cases", &cases, check_case);
    Ok(())
}

fn check_case(case: &Case) -> Result<()> {
    let key = BackupDecryptionKey::from_base64(&case.private)?;
    let bytes = RawMessage::parse(&case.ephemeral, &case.mac, &case.ciphertext)
        .and_then(|message| message.decrypt(&key));
    let plaintext = judge(case.expected, bytes)?.map(|message| message.plaintext);
    let is_room_key =
        plaintext.as_deref().is_some_and(|bytes| BackedUpSessionData::parse(bytes).is_ok());
    let walk = walk(case, &key);
    ensure!(walk.is_ok() == is_room_key, "the walk of v1 does not agree: {walk:?}");
    let original = base64::decode_either(&case.original_plaintext_base64)?;
    match plaintext {
        Some(plaintext) if case.expected == Expected::Accept => {
            equal("the plaintext", plaintext, original)
        }
        _ => Ok(()),
    }
}

/// The message as a `session_data`, up to the key inside.
fn walk(case: &Case, key: &BackupDecryptionKey) -> Result<()> {
    let Case { ephemeral, mac, ciphertext, .. } = case;
    let json = json!({"ephemeral": ephemeral, "mac": mac, "ciphertext": ciphertext}).to_string();
    ReceivedKey::parse(&json)?.decrypt(key)?;
    Ok(())
}
